//! Who may be called, and how often.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::knobs::{Knobs, PermissionStatus, WaId};
use super::refusal::Refusal;
use crate::simulators::json::{Object, array};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a temporary permission lasts.
const TEMPORARY: SignedDuration = SignedDuration::from_hours(168);
/// Unanswered calls in a row after which the user's permission is withdrawn.
const REVOKED_AFTER: u32 = 4;

/// What a test says about one user.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    user_wa_id: String,
    status: Option<PermissionStatus>,
    /// How many connected calls of the last 24 hours are pretended.
    calls_used: Option<usize>,
}

/// The permissions of every user; those never mentioned have the default one.
#[derive(Debug, Default)]
pub(super) struct Permissions(HashMap<String, Permission>);

#[derive(Debug, Clone)]
struct Permission {
    status: PermissionStatus,
    /// When a temporary permission ends.
    until: Timestamp,
    connected: Vec<Timestamp>,
    unanswered: u32,
}

impl Permission {
    fn new(knobs: &Knobs, now: Timestamp) -> Self {
        Self {
            status: knobs.permission,
            until: now + TEMPORARY,
            connected: Vec::new(),
            unanswered: 0,
        }
    }

    fn is_given(&self, now: Timestamp) -> bool {
        match self.status {
            PermissionStatus::Permanent => true,
            PermissionStatus::Temporary => now < self.until,
            PermissionStatus::NoPermission => false,
        }
    }

    fn used(&self, now: Timestamp) -> usize {
        self.connected.iter().filter(|at| **at + DAY > now).count()
    }

    /// When the next call is possible again, once the day's calls are used up.
    fn next_call(&self, knobs: &Knobs, now: Timestamp) -> Option<Timestamp> {
        let live = self.connected.iter().filter(|at| **at + DAY > now);
        (self.used(now) >= knobs.max_calls as usize).then(|| live.min().map_or(now, |at| *at + DAY))
    }
}

impl Permissions {
    /// Checks that a call to this user may start.
    ///
    /// # Errors
    ///
    /// 138006 without permission, 138012 when the calls of the day are used up.
    pub(super) fn check(&mut self, user: &str, knobs: &Knobs, now: Timestamp) -> Result<(), Refusal> {
        let permission = self.of(user, knobs, now);
        if !permission.is_given(now) {
            return Err(Refusal::plain(
                400,
                138_006,
                "No approved call permission from the recipient",
            ));
        }
        match permission.next_call(knobs, now) {
            None => Ok(()),
            Some(at) => Err(Refusal {
                status: 400,
                code: 138_012,
                title: "Business initiated call limit reached",
                details: format!("The next call is allowed at {}", at.as_second()),
            }),
        }
    }

    /// Notes that a call of ours was picked up.
    pub(super) fn connected(&mut self, user: &str, knobs: &Knobs, now: Timestamp) {
        let permission = self.of(user, knobs, now);
        permission.connected.retain(|at| *at + DAY > now);
        permission.connected.push(now);
        permission.unanswered = 0;
    }

    /// Notes that a call of ours rang in vain; the permission goes with the fourth in a row.
    pub(super) fn unanswered(&mut self, user: &str, knobs: &Knobs, now: Timestamp) {
        let permission = self.of(user, knobs, now);
        permission.unanswered += 1;
        if permission.unanswered == REVOKED_AFTER {
            permission.status = PermissionStatus::NoPermission;
        }
    }

    /// Sets what a test says, and forgets the rest about the user.
    pub(super) fn set(&mut self, change: Change, knobs: &Knobs, now: Timestamp) {
        let mut permission = Permission::new(knobs, now);
        permission.status = change.status.unwrap_or(permission.status);
        permission.connected = vec![now; change.calls_used.unwrap_or(0)];
        self.0.insert(key(&change.user_wa_id), permission);
    }

    /// The `calling` object of the permission endpoint.
    pub(super) fn show(&mut self, user: &str, knobs: &Knobs, now: Timestamp) -> String {
        let permission = self.of(user, knobs, now);
        let next_call = permission.next_call(knobs, now);
        let may_call = permission.is_given(now) && next_call.is_none();
        let may_ask = permission.status != PermissionStatus::Permanent;
        let mut calls = limit("PT24H", knobs.max_calls as usize, permission.used(now));
        if let Some(at) = next_call {
            calls = calls.raw("limit_expiration_time", at.as_second());
        }
        let requests = [limit("PT24H", 1, 0).done(), limit("P7D", 2, 0).done()];
        let actions = [
            action("send_call_permission_request", may_ask, array(requests)),
            action("start_call", may_call, array([calls.done()])),
        ];
        Object::new()
            .text("messaging_product", "whatsapp")
            .raw("permission", state(permission, now))
            .raw("actions", array(actions))
            .done()
    }

    fn of(&mut self, user: &str, knobs: &Knobs, now: Timestamp) -> &mut Permission {
        self.0.entry(key(user)).or_insert_with(|| Permission::new(knobs, now))
    }
}

/// One user, whichever way a Brazilian mobile number is written.
pub(super) fn key(user: &str) -> String {
    WaId::WithoutNine.write(user)
}

fn state(permission: &Permission, now: Timestamp) -> String {
    let status = match permission.status {
        PermissionStatus::Permanent => "permanent",
        PermissionStatus::Temporary if permission.is_given(now) => "temporary",
        _ => "no_permission",
    };
    let object = Object::new().text("status", status);
    if status == "temporary" {
        return object.raw("expiration_time", permission.until.as_second()).done();
    }
    object.done()
}

fn action(name: &str, allowed: bool, limits: String) -> String {
    Object::new()
        .text("action_name", name)
        .raw("can_perform_action", allowed)
        .raw("limits", limits)
        .done()
}

fn limit(period: &str, allowed: usize, used: usize) -> Object {
    Object::new()
        .text("time_period", period)
        .raw("max_allowed", allowed)
        .raw("current_usage", used)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const USER: &str = "5543999011234";

    #[test]
    fn the_sixth_connected_call_of_a_day_waits_for_the_first_to_age() {
        let (knobs, now) = (Knobs::default(), Timestamp::UNIX_EPOCH);
        let mut permissions = Permissions::default();
        for _ in 0..5 {
            permissions.check(USER, &knobs, now).unwrap();
            permissions.connected("554399011234", &knobs, now);
        }
        let refusal = permissions.check(USER, &knobs, now).unwrap_err();
        assert_eq!((refusal.code, refusal.details.ends_with("at 86400")), (138_012, true));
        assert!(
            permissions
                .show(USER, &knobs, now)
                .contains(r#""current_usage":5,"limit_expiration_time":86400"#)
        );
        assert!(permissions.check(USER, &knobs, now + DAY).is_ok());
    }

    #[test]
    fn four_calls_in_vain_withdraw_the_permission_and_an_answer_starts_the_count_again() {
        let (knobs, now) = (Knobs::default(), Timestamp::UNIX_EPOCH);
        let mut permissions = Permissions::default();
        (0..3).for_each(|_| permissions.unanswered(USER, &knobs, now));
        permissions.connected(USER, &knobs, now);
        (0..3).for_each(|_| permissions.unanswered(USER, &knobs, now));
        assert!(permissions.check(USER, &knobs, now).is_ok());
        permissions.unanswered(USER, &knobs, now);
        assert_eq!(permissions.check(USER, &knobs, now).unwrap_err().code, 138_006);
    }

    #[test]
    fn a_temporary_permission_ends_and_a_permanent_one_has_no_end() {
        let (knobs, now) = (Knobs::default(), Timestamp::UNIX_EPOCH);
        let mut permissions = Permissions::default();
        assert!(
            permissions
                .show(USER, &knobs, now)
                .contains(r#"{"status":"temporary","expiration_time":604800}"#)
        );
        assert_eq!(
            permissions.check(USER, &knobs, now + TEMPORARY).unwrap_err().code,
            138_006
        );
        let change = serde_json::from_str(r#"{"user_wa_id":"554399011234","status":"permanent"}"#).unwrap();
        permissions.set(change, &knobs, now);
        assert!(
            permissions
                .show(USER, &knobs, now)
                .contains(r#""permission":{"status":"permanent"}"#)
        );
    }
}
