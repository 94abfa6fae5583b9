//! Every problem: its status, its title and what its page says.

use actix_web::http::StatusCode;

use crate::domain::error::Problem;

/// What is the same for every occurrence of a problem.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The title, the same on every occurrence.
    pub title: &'static str,
    /// What it means and what to do, for the page of the problem.
    pub text: &'static str,
}

const fn kind(status: StatusCode, title: &'static str, text: &'static str) -> Kind {
    Kind { status, title, text }
}

/// The status, title and page of a problem.
pub const fn kind_of(problem: Problem) -> Kind {
    match problem {
        Problem::InvalidBody => kind(
            StatusCode::BAD_REQUEST,
            "The body is not JSON",
            "The body could not be read as one JSON object in UTF-8: a syntax error, a key given twice, \
             or more than 32 levels. Nothing was started. Correct the body and send it again.",
        ),
        Problem::InvalidCursor => kind(
            StatusCode::BAD_REQUEST,
            "The cursor is not valid here",
            "A cursor belongs to one tenant and one set of parameters. It was altered, comes from another \
             list, or a parameter other than `limit` changed. Start the list again without a cursor.",
        ),
        Problem::Unauthenticated => kind(
            StatusCode::UNAUTHORIZED,
            "A valid token is required",
            "Send `Authorization: Bearer` with a signed JWT that carries exp, iss, aud, sub and the tenant. \
             The detail says what is missing or wrong. Tokens in the query are never read.",
        ),
        Problem::Forbidden => kind(
            StatusCode::FORBIDDEN,
            "The token does not allow this",
            "The token is valid, but lacks the scope named in the detail, or it belongs to every tenant and \
             may therefore only read. Ask for a token with the scope.",
        ),
        Problem::NotFound => kind(
            StatusCode::NOT_FOUND,
            "Not found",
            "There is nothing at this address, or the object belongs to another tenant: both look the same.",
        ),
        Problem::RecordingNotAvailable => kind(
            StatusCode::NOT_FOUND,
            "The recording is not available",
            "The call was not recorded, its recording is not ready yet, or the provider no longer has it. \
             The `recording` field of the call says `available` once it can be fetched.",
        ),
        Problem::MethodNotAllowed => kind(
            StatusCode::METHOD_NOT_ALLOWED,
            "The method is not allowed",
            "The address exists but does not take this method; the `Allow` header lists those it takes.",
        ),
        Problem::NotAcceptable => kind(
            StatusCode::NOT_ACCEPTABLE,
            "No such representation",
            "The resource cannot be given in any of the media types in `Accept`.",
        ),
        Problem::RequestTimeout => kind(
            StatusCode::REQUEST_TIMEOUT,
            "The request took too long to arrive",
            "The body did not arrive in time. Nothing was started; send the request again.",
        ),
        Problem::RequestInProgress => kind(
            StatusCode::CONFLICT,
            "The first request is still running",
            "A request with this idempotency key has begun and is not answered yet. Repeat it after \
             `Retry-After`: it will then get the first answer.",
        ),
        Problem::VerificationClosed => kind(
            StatusCode::CONFLICT,
            "The verification is closed",
            "The verification is approved, expired, exhausted, canceled or failed and takes no more checks or \
             sends. A repeat of the right code is answered so too. Start a new verification.",
        ),
        Problem::VerificationNotCheckable => kind(
            StatusCode::CONFLICT,
            "No send can be checked",
            "The answer to every send was lost, so there is nothing to compare a code with. No attempt was \
             spent. Send again, or wait until `resend_at`.",
        ),
        Problem::CallNotActive => kind(
            StatusCode::CONFLICT,
            "The call is not active",
            "The call is over or is not in a state in which this can be done to it.",
        ),
        Problem::CallNotBound => kind(
            StatusCode::CONFLICT,
            "The provider has not named the call yet",
            "The provider gives no name to a call when it starts, and has not told one since. Try again when \
             the call has a `provider_ref`.",
        ),
        Problem::CallPermissionRequired => kind(
            StatusCode::CONFLICT,
            "The user has not allowed the call",
            "WhatsApp users must allow a business to call them, and allow only so many calls. Where a limit \
             forbids it, the answer says when it is lifted.",
        ),
        Problem::CursorExpired => kind(
            StatusCode::GONE,
            "The cursor has expired",
            "Cursors are good for 24 hours, those of the history until an account is added or taken away. Start the list again without a cursor.",
        ),
        Problem::BodyTooLarge => kind(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large",
            "Bodies may have 64 KiB unless configured otherwise, webhooks 1 MiB. Nothing was started.",
        ),
        Problem::UriTooLong => kind(
            StatusCode::URI_TOO_LONG,
            "The address is too long",
            "Path and query together may have 8 KiB. Give fewer filter values at once.",
        ),
        Problem::UnsupportedMediaType => kind(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The media type is not taken",
            "Send bodies as `Content-Type: application/json` in UTF-8, without a content coding.",
        ),
        Problem::InvalidInput => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "A field is not valid",
            "Fields or parameters are missing, unknown or wrong; `errors` names each of them. Nothing was started.",
        ),
        Problem::IdempotencyKeyReused => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The idempotency key was used with another body",
            "The key belongs to an earlier request with a different body, which stands. Use a new key for a \
             new request; keys are forgotten after 24 hours.",
        ),
        Problem::NotSupported => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "No account can do this",
            "The provider of the account, or of every account that might be chosen, lacks the operation or \
             an option of it. The detail names it and who has it. Nothing was started.",
        ),
        Problem::ProviderRefused => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The provider refused",
            "The provider said no to this request and did nothing; `provider_code` and `provider_message` \
             hold its words. Repeating the same request will not help.",
        ),
        Problem::DestinationNotAllowed => kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The destination is not allowed",
            "Numbers of this country or prefix may not be called or sent to.",
        ),
        Problem::RateLimited => kind(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "A limit is reached; `limit` names the rule and when it allows again. Wait for `Retry-After`.",
        ),
        Problem::HeadersTooLarge => kind(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The headers are too large",
            "All header fields together may have 16 KiB.",
        ),
        Problem::Internal => kind(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong here",
            "This is a fault of the gateway. The request id finds it in the logs.",
        ),
        Problem::ProviderMisconfigured => kind(
            StatusCode::BAD_GATEWAY,
            "The provider refuses this gateway",
            "The provider did not accept the gateway's credential or settings and did nothing. Whoever runs \
             the gateway has to act.",
        ),
        Problem::ProviderUnavailable => kind(
            StatusCode::SERVICE_UNAVAILABLE,
            "The provider is not available",
            "The provider cannot be reached, is too busy, or cannot answer. Nothing was started; try again later.",
        ),
        Problem::ProviderOutOfCredit => kind(
            StatusCode::SERVICE_UNAVAILABLE,
            "The account has no credit",
            "The account at the provider has no credit left. Nothing was started. Whoever runs the gateway \
             has to act.",
        ),
        Problem::SourceUnavailable => kind(
            StatusCode::SERVICE_UNAVAILABLE,
            "A source of the history is not available",
            "The provider named cannot list its calls now. Try again, or ask with `partial=true` for what the \
             other sources have.",
        ),
        Problem::StoreUnavailable => kind(
            StatusCode::SERVICE_UNAVAILABLE,
            "The store is not available",
            "The gateway cannot reach its store, and starts nothing that it could not remember. Try again later.",
        ),
        Problem::Overloaded => kind(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too much at once",
            "The gateway has more work than it can do in time and did not begin this. Try again later.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statuses and slugs that callers rely on.
    const CONTRACT: &[(u16, &str)] = &[
        (400, "invalid-body invalid-cursor"),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "not-found recording-not-available"),
        (405, "method-not-allowed"),
        (406, "not-acceptable"),
        (408, "request-timeout"),
        (
            409,
            "request-in-progress verification-closed verification-not-checkable call-not-active call-not-bound \
             call-permission-required",
        ),
        (410, "cursor-expired"),
        (413, "body-too-large"),
        (414, "uri-too-long"),
        (415, "unsupported-media-type"),
        (
            422,
            "invalid-input idempotency-key-reused not-supported provider-refused destination-not-allowed",
        ),
        (429, "rate-limited"),
        (431, "headers-too-large"),
        (500, "internal"),
        (502, "provider-misconfigured"),
        (
            503,
            "provider-unavailable provider-out-of-credit source-unavailable store-unavailable overloaded",
        ),
    ];

    #[test]
    fn every_problem_has_the_status_of_the_contract_and_there_is_no_other() {
        let mut promised: Vec<(u16, &str)> = Vec::new();
        for (status, slugs) in CONTRACT {
            promised.extend(slugs.split_whitespace().map(|slug| (*status, slug)));
        }
        let known: Vec<(u16, &str)> = Problem::ALL
            .iter()
            .map(|problem| (kind_of(*problem).status.as_u16(), problem.as_str()))
            .collect();
        assert_eq!(known, promised);
    }

    #[test]
    fn every_problem_has_a_title_and_a_page_of_its_own() {
        let titles: std::collections::BTreeSet<_> =
            Problem::ALL.iter().map(|problem| kind_of(*problem).title).collect();
        assert_eq!(titles.len(), Problem::ALL.len());
        assert!(Problem::ALL.iter().all(|problem| kind_of(*problem).text.ends_with('.')));
    }
}
