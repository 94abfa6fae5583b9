//! Whether a WhatsApp user may be called now: asked of the provider, and remembered for a moment.
//!
//! A call that is not permitted would be refused by the provider and count as an attempt there, so it is not sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gateway::Gateway;
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::error::{Error, Problem};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::NewCall;
use crate::domain::time::Timestamp;
use crate::providers::port::Permission;
use crate::providers::registry::Entry;

/// How long an answer holds, in seconds: users give permission while they talk to somebody who then calls.
const HOLDS_SECONDS: i64 = 10;
/// How many answers are remembered.
const REMEMBERED: usize = 10_000;

/// Permissions that were read within the last seconds.
#[derive(Default)]
pub(super) struct Permissions(Mutex<HashMap<(AccountName, PhoneNumber), (Timestamp, Permission)>>);

impl Permissions {
    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountName, PhoneNumber), (Timestamp, Permission)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, key: &(AccountName, PhoneNumber), now: Timestamp) -> Option<Permission> {
        let known = self.lock().get(key).cloned();
        known
            .filter(|(until, _)| now < *until)
            .map(|(_, permission)| permission)
    }

    fn remember(&self, key: (AccountName, PhoneNumber), permission: Permission, now: Timestamp) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.retain(|_, (until, _)| now < *until);
        }
        if known.len() < REMEMBERED {
            let lifted = permission.resets_at.or(permission.expires_at).filter(|at| now < *at);
            let until = now.plus_seconds(HOLDS_SECONDS);
            let until = lifted.map_or(until, |lifted| until.min(lifted));
            known.insert(key, (until, permission));
        }
    }
}

impl Gateway {
    /// The permission for a call, if it needs one; nothing within where it cannot be read, which is not a refusal: the
    /// provider itself refuses a call that is not permitted.
    pub(super) async fn permission(&self, entry: &Entry, call: &NewCall) -> Option<Option<Permission>> {
        let (Address::Whatsapp(user), Some(consent)) = (&call.to, entry.provider.consent()) else {
            return None;
        };
        let key = (entry.config.name.clone(), user.clone());
        if let Some(known) = self.permissions.of(&key, self.now()) {
            return Some(Some(known));
        }
        let read = consent.permission(user).await.ok();
        if let Some(permission) = &read {
            self.permissions.remember(key, permission.clone(), self.now());
        }
        Some(read)
    }

    /// Refuses a call that is not permitted.
    pub(super) async fn permitted(&self, entry: &Entry, call: &NewCall) -> Result<(), Error> {
        let Some(Some(permission)) = self.permission(entry, call).await else {
            return Ok(());
        };
        if permission.allowed {
            return Ok(());
        }
        let detail = match permission.resets_at {
            Some(at) => format!("The called user may not be called before {at}."),
            None => "The called user has not allowed calls.".to_owned(),
        };
        let mut error =
            Error::new(Problem::CallPermissionRequired, detail).at(&entry.config.name, entry.provider.kind());
        let wait = |at: Timestamp| Duration::from_secs(at.seconds_since(self.now()));
        error.context.retry_after = permission.resets_at.map(wait);
        Err(error)
    }

    /// Forgets a permission that a call may use up.
    pub(super) fn forget_permission(&self, entry: &Entry, call: &NewCall) {
        if let Address::Whatsapp(user) = &call.to {
            let key = (entry.config.name.clone(), user.clone());
            self.permissions.lock().remove(&key);
        }
    }
}
