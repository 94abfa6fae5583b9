//! What can go wrong, and whether anything may have happened.
//!
//! A [`Failure`] is how one exchange with a provider ended badly; an [`Error`] is what a caller of ours is told.

use std::time::Duration;

use super::account::AccountName;
use super::call::AttemptOutcome;
use super::time::Timestamp;
use super::words::words;

/// Whether a failed request may have been acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was started.
    None,
    /// The other side may have acted.
    Possible,
}

words! {
    /// Why a provider refused, the same for all providers.
    Refusal {
        /// The party declined or was busy: another account would reach the same party.
        Human = "human",
        /// The destination or an argument is not acceptable to this provider.
        Invalid = "invalid",
        /// The provider has no words for it: nothing was sent.
        Unsupported = "unsupported",
        /// The provider's rules forbid it.
        Policy = "policy",
        /// The called user has not allowed the call.
        Permission = "permission",
        /// The account has no credit.
        Credit = "credit",
        /// The credential was not accepted.
        Credential = "credential",
        /// The provider does not know the object.
        NotFound = "not_found",
        /// The call is over or not yet running.
        NotActive = "not_active",
        /// The call has no recording.
        NoRecording = "no_recording",
        /// The provider's own fault, stated so before acting.
        Technical = "technical",
        /// A code that is in no table of ours.
        Unknown = "unknown",
    }
}

/// How an exchange with a provider failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request did not reach the provider.
    NotSent,
    /// The provider said it is too busy and did nothing.
    Busy,
    /// The provider said no and did nothing.
    Refused(Refusal),
    /// The request was sent and its answer never came.
    Interrupted,
    /// An answer came that does not tell what happened: a 5xx or an unreadable body.
    Broken,
}

/// Why the gateway itself did not send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// What was asked for keeps failing at this account.
    Failing,
    /// The provider asked to be left alone.
    Paused,
    /// Too many requests to the account are under way, or were started within this second.
    Full,
    /// Whoever asked would not have waited for the answer.
    TooLate,
    /// The account is switched off.
    Off,
}

/// One failed exchange with a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {kind:?}")]
pub struct Failure {
    /// How it failed.
    pub kind: FailureKind,
    /// The provider's operation, such as `POST /tts`.
    pub operation: &'static str,
    /// The provider's own code.
    pub code: Option<String>,
    /// The provider's own message, free of numbers and codes.
    pub message: Option<String>,
    /// How long the provider, or the gateway where it did not send the request, asks to wait.
    pub retry_after: Option<Duration>,
    /// Why the gateway did not send the request, where that was its own choice; it is `NotSent` then.
    pub withheld: Option<Withheld>,
}

impl Failure {
    /// A failure of which only the kind is known.
    pub fn new(kind: FailureKind, operation: &'static str) -> Self {
        Self {
            kind,
            operation,
            code: None,
            message: None,
            retry_after: None,
            withheld: None,
        }
    }

    /// A request that the gateway did not send, and when it may be asked for again.
    pub fn withheld(why: Withheld, operation: &'static str, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            withheld: Some(why),
            ..Self::new(FailureKind::NotSent, operation)
        }
    }

    /// Whether the provider may have acted.
    pub fn effect(&self) -> Effect {
        match self.kind {
            FailureKind::NotSent | FailureKind::Busy | FailureKind::Refused(_) => Effect::None,
            FailureKind::Interrupted | FailureKind::Broken => Effect::Possible,
        }
    }

    /// Whether another account may be tried: nothing was started, and the reason is not the destination's.
    pub fn allows_another_account(&self) -> bool {
        match self.kind {
            FailureKind::NotSent | FailureKind::Busy => true,
            FailureKind::Refused(Refusal::Human | Refusal::Invalid | Refusal::Permission) => false,
            FailureKind::Refused(_) => true,
            FailureKind::Interrupted | FailureKind::Broken => false,
        }
    }

    /// The failure in the words of an attempt.
    pub fn outcome(&self) -> AttemptOutcome {
        match self.kind {
            FailureKind::NotSent => AttemptOutcome::NotSent,
            FailureKind::Busy => AttemptOutcome::Busy,
            FailureKind::Refused(_) => AttemptOutcome::Refused,
            FailureKind::Interrupted => AttemptOutcome::Interrupted,
            FailureKind::Broken => AttemptOutcome::Broken,
        }
    }
}

words! {
    /// The closed list of problems a caller may be told; each has a page at `/problems/<slug>`.
    Problem {
        /// The body is not JSON of the kind asked for.
        InvalidBody = "invalid-body",
        /// The cursor is altered, foreign or of another query.
        InvalidCursor = "invalid-cursor",
        /// No valid token.
        Unauthenticated = "unauthenticated",
        /// The token does not allow this.
        Forbidden = "forbidden",
        /// No such thing, or not yours.
        NotFound = "not-found",
        /// The call has no recording to give.
        RecordingNotAvailable = "recording-not-available",
        /// The path exists, the method does not.
        MethodNotAllowed = "method-not-allowed",
        /// No representation fits `Accept`.
        NotAcceptable = "not-acceptable",
        /// The request took too long to arrive.
        RequestTimeout = "request-timeout",
        /// A request with this idempotency key is still running.
        RequestInProgress = "request-in-progress",
        /// The verification takes no more checks.
        VerificationClosed = "verification-closed",
        /// No send of this verification can be checked.
        VerificationNotCheckable = "verification-not-checkable",
        /// The call is over.
        CallNotActive = "call-not-active",
        /// The provider has not told its name of the call yet.
        CallNotBound = "call-not-bound",
        /// The WhatsApp user has not allowed calls.
        CallPermissionRequired = "call-permission-required",
        /// The cursor is too old.
        CursorExpired = "cursor-expired",
        /// The body is too large.
        BodyTooLarge = "body-too-large",
        /// The address is too long.
        UriTooLong = "uri-too-long",
        /// The body's media type is not taken.
        UnsupportedMediaType = "unsupported-media-type",
        /// A field is missing, unknown or wrong.
        InvalidInput = "invalid-input",
        /// The idempotency key was used with another body.
        IdempotencyKeyReused = "idempotency-key-reused",
        /// No account can do this.
        NotSupported = "not-supported",
        /// The provider said no.
        ProviderRefused = "provider-refused",
        /// The country or prefix is not allowed.
        DestinationNotAllowed = "destination-not-allowed",
        /// Too many.
        RateLimited = "rate-limited",
        /// The headers are too large.
        HeadersTooLarge = "headers-too-large",
        /// Our fault.
        Internal = "internal",
        /// The provider refuses our key or our settings.
        ProviderMisconfigured = "provider-misconfigured",
        /// The provider cannot be reached or is failing.
        ProviderUnavailable = "provider-unavailable",
        /// The account has no credit left.
        ProviderOutOfCredit = "provider-out-of-credit",
        /// A source of the history is failing.
        SourceUnavailable = "source-unavailable",
        /// The store cannot be reached.
        StoreUnavailable = "store-unavailable",
        /// Too much work at once.
        Overloaded = "overloaded",
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a query parameter or header.
    pub pointer: String,
    /// A stable word: `missing`, `unknown`, `invalid`, `too_long`, `too_large`, `too_small`, `duplicate`, `not_allowed`.
    pub code: &'static str,
    /// A sentence for a person.
    pub detail: String,
}

impl FieldError {
    /// Names a field and what is wrong with it.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// The rule that refused for frequency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitHit {
    /// The rule's configuration key.
    pub name: String,
    /// How many it allows.
    pub max: u64,
    /// In how many seconds.
    pub per_seconds: u64,
    /// When it allows again.
    pub resets_at: Timestamp,
}

/// What a caller is told of a failure: an answer of this kind means nothing was started.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {detail}", problem.as_str())]
pub struct Error {
    /// Which problem it is.
    pub problem: Problem,
    /// A sentence on this occurrence.
    pub detail: String,
    /// What else is known.
    pub context: Box<Context>,
}

/// What else is known of an error.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// The fields that are wrong.
    pub fields: Vec<FieldError>,
    /// The account concerned.
    pub account: Option<AccountName>,
    /// The kind of provider concerned.
    pub provider: Option<String>,
    /// The provider's code.
    pub provider_code: Option<String>,
    /// The provider's message.
    pub provider_message: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The limit that was hit.
    pub limit: Option<LimitHit>,
    /// The object concerned, under its noun.
    pub object: Option<(&'static str, serde_json::Value)>,
}

impl Error {
    /// An error with a problem and a sentence.
    pub fn new(problem: Problem, detail: impl Into<String>) -> Self {
        Self {
            problem,
            detail: detail.into(),
            context: Box::default(),
        }
    }

    /// The object asked for does not exist, or belongs to another tenant: both look the same.
    pub fn not_found() -> Self {
        Self::new(Problem::NotFound, "There is no such object.")
    }

    /// Wrong fields; the sentence names the first.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = fields.first().map_or_else(
            || "The request is not valid.".to_owned(),
            |field| format!("{} {}", field.pointer, field.detail),
        );
        let mut error = Self::new(Problem::InvalidInput, detail);
        error.context.fields = fields;
        error
    }

    /// One wrong field.
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(pointer, code, detail)])
    }

    /// The same error, naming the account and its provider.
    #[must_use]
    pub fn at(mut self, account: &AccountName, provider: &str) -> Self {
        self.context.account = Some(account.clone());
        self.context.provider = Some(provider.to_owned());
        self
    }

    /// The same error, saying when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.context.retry_after = Some(wait);
        self
    }

    /// The same error, carrying the object concerned.
    #[must_use]
    pub fn about(mut self, noun: &'static str, object: serde_json::Value) -> Self {
        self.context.object = Some((noun, object));
        self
    }

    /// What a caller is told of a provider's failure that had no effect.
    pub fn from_failure(failure: &Failure, account: &AccountName, provider: &str) -> Self {
        let (problem, detail) = match failure.kind {
            FailureKind::NotSent if failure.withheld.is_some() => withheld_problem(failure.withheld),
            FailureKind::NotSent => (Problem::ProviderUnavailable, "The provider could not be reached."),
            FailureKind::Busy => (Problem::ProviderUnavailable, "The provider is too busy."),
            FailureKind::Interrupted => (Problem::ProviderUnavailable, "The provider did not answer in time."),
            FailureKind::Broken => (Problem::ProviderUnavailable, "The provider's answer could not be used."),
            FailureKind::Refused(refusal) => refusal_problem(refusal),
        };
        let mut error = Self::new(problem, detail).at(account, provider);
        error.context.provider_code.clone_from(&failure.code);
        error.context.provider_message.clone_from(&failure.message);
        error.context.retry_after = failure.retry_after.or_else(|| {
            matches!(failure.kind, FailureKind::Busy | FailureKind::NotSent).then(|| Duration::from_secs(1))
        });
        if problem == Problem::ProviderOutOfCredit {
            error.context.retry_after.get_or_insert(TOP_UP);
        }
        error
    }
}

/// When to try again where only a person can help.
const TOP_UP: Duration = Duration::from_secs(60);

fn withheld_problem(why: Option<Withheld>) -> (Problem, &'static str) {
    match why {
        Some(Withheld::Full) => (Problem::Overloaded, "Too many requests wait for the account."),
        Some(Withheld::TooLate) => (Problem::Overloaded, "There was no time left to ask the provider."),
        Some(Withheld::Off) => (Problem::ProviderUnavailable, "The account is switched off."),
        Some(Withheld::Paused) => (Problem::ProviderUnavailable, "The provider asked to be left alone."),
        Some(Withheld::Failing) | None => (
            Problem::ProviderUnavailable,
            "The provider keeps failing, and is left alone for a while.",
        ),
    }
}

fn refusal_problem(refusal: Refusal) -> (Problem, &'static str) {
    match refusal {
        Refusal::Human | Refusal::Invalid | Refusal::Policy | Refusal::Unknown => {
            (Problem::ProviderRefused, "The provider refused the request.")
        }
        Refusal::Unsupported => (Problem::NotSupported, "The provider cannot do this."),
        Refusal::Permission => (
            Problem::CallPermissionRequired,
            "The called user has not allowed this call.",
        ),
        Refusal::Credit => (
            Problem::ProviderOutOfCredit,
            "The account at the provider has no credit left.",
        ),
        Refusal::Credential => (Problem::ProviderMisconfigured, "The provider refuses our credential."),
        Refusal::NotFound => (Problem::NotFound, "The provider does not know the object."),
        Refusal::NotActive => (Problem::CallNotActive, "The call is not active."),
        Refusal::NoRecording => (Problem::RecordingNotAvailable, "The call has no recording."),
        Refusal::Technical => (Problem::ProviderUnavailable, "The provider cannot do this now."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_did_nothing_may_go_to_another_account() {
        let of = |kind| Failure::new(kind, "POST /x");
        for kind in [FailureKind::Interrupted, FailureKind::Broken] {
            assert_eq!(of(kind).effect(), Effect::Possible);
            assert!(!of(kind).allows_another_account());
        }
        assert!(of(FailureKind::NotSent).allows_another_account());
        assert!(of(FailureKind::Refused(Refusal::Credit)).allows_another_account());
        assert!(!of(FailureKind::Refused(Refusal::Human)).allows_another_account());
    }
}
