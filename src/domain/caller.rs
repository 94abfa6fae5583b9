//! Who asks, and what they may do.

use super::time::Timestamp;
use super::words::words;

words! {
    /// One permission of a token.
    Scope {
        /// Read calls.
        CallsRead = "calls:read",
        /// Place and control calls.
        CallsWrite = "calls:write",
        /// Read verifications.
        VerificationsRead = "verifications:read",
        /// Start and check verifications.
        VerificationsWrite = "verifications:write",
        /// Read the history.
        HistoryRead = "history:read",
        /// Read providers' own rows.
        HistoryRaw = "history:raw",
        /// Fetch recordings.
        RecordingsRead = "recordings:read",
        /// Read events.
        EventsRead = "events:read",
        /// Redeliver events.
        EventsWrite = "events:write",
        /// Read accounts.
        AccountsRead = "accounts:read",
    }
}

/// As a caller's tenant: it reads everything and acts for nobody. As an owner: every tenant.
pub const EVERY_TENANT: &str = "*";

/// The holder of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant acted for.
    pub tenant: String,
    /// The token's subject.
    pub subject: String,
    /// What the token allows.
    pub scopes: Vec<Scope>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl Caller {
    /// Whether an object of `tenant` may be read; what every tenant owns may be by all.
    pub fn reads(&self, tenant: &str) -> bool {
        self.reads_all() || self.tenant == tenant || tenant == EVERY_TENANT
    }

    /// Whether the caller reads everything and acts for nobody.
    pub fn reads_all(&self) -> bool {
        self.tenant == EVERY_TENANT
    }

    /// Whether the token allows `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
