//! Whether a user may be called now.

use async_trait::async_trait;

use super::wire::unix;
use super::{Positus, documented, judge};
use crate::domain::error::Failure;
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::providers::lenient::Object;
use crate::providers::port::{Consent, Permission};
use crate::upstream::{Answer, Exchange};

const READ: &str = "GET /calls/call-permissions";

#[async_trait]
impl Consent for Positus {
    async fn permission(&self, user: &PhoneNumber) -> Result<Permission, Failure> {
        // WhatsApp limits these reads for each user (613, 138013), which says nothing of the account.
        let exchange = Exchange::get(READ, self.path("call-permissions"))
            .query("user_wa_id", user.digits())
            .limited_apart();
        let read = |answer: &Answer| judge::read(answer, permission);
        self.exchange(exchange, documented::PERMISSION, read).await
    }
}

/// Reads a permission; nothing where it is not told whether a call may be started.
///
/// The action decides and not the permission's status: limits forbid calls that were allowed.
pub(super) fn permission(body: &Object<'_>) -> Option<Permission> {
    let calling = body.object("calling");
    let calling = calling.unwrap_or(body);
    let actions = calling.objects("actions");
    let start = actions
        .iter()
        .find(|action| action.text("action_name") == Some("start_call"))?;
    let allowed = start.flag("can_perform_action")?;
    let given = calling.object("permission");
    let ends = |given| unix(given, "expiration_time").or_else(|| unix(given, "expiration"));
    Some(Permission {
        allowed,
        status: given.and_then(|given| given.string("status")),
        expires_at: given.and_then(ends),
        resets_at: if allowed { None } else { resets_at(start) },
    })
}

/// When the last of the limits that are used up is lifted.
fn resets_at(start: &Object<'_>) -> Option<Timestamp> {
    let limits = start.objects("limits").into_iter();
    let used_up = limits.filter(|limit| limit.integer("current_usage") >= limit.integer("max_allowed"));
    used_up.filter_map(|limit| unix(limit, "limit_expiration_time")).max()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Permission> {
        permission(&Object::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn the_documented_answer_allows() {
        let expected = Permission {
            allowed: true,
            status: Some("temporary".into()),
            expires_at: Some(Timestamp::from_seconds(1_748_553_340)),
            resets_at: None,
        };
        assert_eq!(
            read(include_str!(
                "../../../tests/fixtures/positus/permission_documented.json"
            )),
            Some(expected)
        );
    }

    #[test]
    fn a_spent_limit_forbids_what_the_permission_allows_until_it_is_lifted() {
        let expected = Permission {
            allowed: false,
            status: Some("permanent".into()),
            expires_at: None,
            resets_at: Some(Timestamp::from_seconds(1_748_639_740)),
        };
        assert_eq!(
            read(include_str!("../../../tests/fixtures/positus/permission_limit.json")),
            Some(expected)
        );
    }

    #[test]
    fn a_user_who_allowed_nothing_cannot_be_called() {
        let none = r#"{"calling":{"permission":{"status":"no_permission"},"actions":[
            {"action_name":"start_call","can_perform_action":false,"limits":[{"time_period":"PT24H","max_allowed":5,"current_usage":0}]}]}}"#;
        let expected = Permission {
            allowed: false,
            status: Some("no_permission".into()),
            expires_at: None,
            resets_at: None,
        };
        assert_eq!(read(none), Some(expected));
    }

    #[test]
    fn an_answer_that_does_not_tell_is_no_refusal() {
        assert_eq!(
            read(r#"{"calling":{"permission":{"status":"temporary"},"actions":[]}}"#),
            None
        );
        assert_eq!(read("{}"), None);
    }
}
