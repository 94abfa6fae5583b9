//! `/verifications`: starting, checking and following verifications.

mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::edge::Edge;
use super::object;
use super::openapi::{Line, Paged, Tag, Windowed};
use super::values::{line, phone, tag, word};
use super::window::When;
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::Error;
use crate::domain::ids::VerificationId;
use crate::domain::verification::{Verification, VerificationStatus};
use crate::usecases::requests::{Accepted, CheckResult, Once, Preview, VerificationQuery};

pub use body::{Check, NewVerificationBody, Resend};

/// A page of verifications.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationList {
    /// The verifications, newest first.
    data: Vec<Verification>,
    /// Where the next page begins; null where this is the last.
    next_cursor: Option<String>,
}

/// Start a verification
///
/// Sends a code to the number. The code is in no answer; whoever holds the number types it, and you check it.
///
/// An error means that nothing was sent. Where it may have been sent but the provider's answer was lost, the answer is 202.
///
/// With `dry_run=true` the answer is 200 and says what would be done; nothing is.
#[utoipa::path(
    post,
    path = "/verifications",
    operation_id = "startVerification",
    tag = "Verifications",
    security(("bearer" = ["verifications:write"])),
    params(("dry_run" = Option<bool>, Query, description = "Say what would be done and do nothing.")),
    request_body(content = NewVerificationBody, examples(
        ("sms" = (summary = "By text message", value = json!({"to": "(11) 98888-7777", "channel": "sms", "brand": "Acme"}))),
        ("voice" = (summary = "By a call, with a longer code", value = json!({"to": "+5511988887777", "channel": "voice", "code_length": 8, "ttl_seconds": 300}))),
    )),
    responses(
        (status = 200, description = "Dry run: what would be done.", body = Preview),
        (status = 201, description = "The provider took the code.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
        (status = 202, description = "The code may have been sent; the provider's answer was lost.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
    ),
)]
pub async fn start(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::VerificationsWrite)?;
    let mut params = edge.params();
    let dry_run = params.flag("dry_run");
    params.finish()?;
    let body = edge.json(payload).await?;
    let region = edge.region();
    let new = object::read(&body, |object| NewVerificationBody::read(object, region))?;
    let new = new.into_verification(edge.request_id().to_owned());
    let id = new.id;
    let guarded = edge.guarded(id, body)?;
    if dry_run {
        return Ok(HttpResponse::Ok().json(edge.gateway().preview_verification(&caller, new).await?));
    }
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        answer::made(&gateway.start_verification(&caller, new).await?, path_of(id))
    });
    repeated(&edge, &caller, act.await?).await
}

/// Check a code
///
/// A wrong code is no error: the answer is 200 with `valid: false` and one attempt less. A right one is valid exactly once;
/// any check of a closed verification is 409 `verification-closed`, the right code sent again included.
#[utoipa::path(
    post,
    path = "/verifications/{id}/check",
    operation_id = "checkVerification",
    tag = "Verifications",
    security(("bearer" = ["verifications:write"])),
    params(("id" = VerificationId, Path, description = "The verification.")),
    request_body(content = Check, examples(("code" = (summary = "The code as typed", value = json!({"code": "123456"}))))),
    responses(
        (status = 200, description = "What the code came to.", body = CheckResult, headers(
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
        (status = 202, description = "An earlier request with this key was cut short; the verification as it stands.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
        )),
    ),
)]
pub async fn check(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::VerificationsWrite)?;
    let id: VerificationId = edge.id("id")?;
    edge.params().finish()?;
    let body = edge.json(payload).await?;
    let Check { code } = object::read(&body, Check::read)?;
    let guarded = edge.guarded(id, body)?;
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        answer::outcome(StatusCode::OK, &gateway.check_verification(&caller, id, &code).await?)
    });
    repeated(&edge, &caller, act.await?).await
}

/// Send the code again
///
/// Another send under the same verification. Neither `attempts_left` nor `expires_at` changes.
#[utoipa::path(
    post,
    path = "/verifications/{id}/resend",
    operation_id = "resendVerification",
    tag = "Verifications",
    security(("bearer" = ["verifications:write"])),
    params(("id" = VerificationId, Path, description = "The verification.")),
    request_body(content = Option<Resend>, examples(("voice" = (summary = "By a call this time", value = json!({"channel": "voice"}))))),
    responses(
        (status = 201, description = "The provider took the code.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
        (status = 202, description = "The code may have been sent; the provider's answer was lost.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
    ),
)]
pub async fn resend(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::VerificationsWrite)?;
    let id: VerificationId = edge.id("id")?;
    edge.params().finish()?;
    let body = edge.optional_json(payload).await?;
    let Resend { channel, account } = object::read(&body, Resend::read)?;
    let guarded = edge.guarded(id, body)?;
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        answer::made(
            &gateway.resend_verification(&caller, id, channel, account).await?,
            path_of(id),
        )
    });
    repeated(&edge, &caller, act.await?).await
}

/// Cancel a verification
///
/// Closes a pending verification: no code is taken any more.
#[utoipa::path(
    post,
    path = "/verifications/{id}/cancel",
    operation_id = "cancelVerification",
    tag = "Verifications",
    security(("bearer" = ["verifications:write"])),
    params(("id" = VerificationId, Path, description = "The verification.")),
    responses(
        (status = 200, description = "The verification, canceled.", body = Verification, headers(
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
        )),
        (status = 202, description = "An earlier request with this key was cut short; the verification as it stands.", body = Verification, headers(
            ("Location" = String, description = "The path of the verification."),
        )),
    ),
)]
pub async fn cancel(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::VerificationsWrite)?;
    let id: VerificationId = edge.id("id")?;
    edge.params().finish()?;
    let body = edge.optional_json(payload).await?;
    object::read(&body, |_| Some(()))?;
    let guarded = edge.guarded(id, body)?;
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        answer::outcome(StatusCode::OK, &gateway.cancel_verification(&caller, id).await?)
    });
    repeated(&edge, &caller, act.await?).await
}

/// Fetch a verification
#[utoipa::path(
    get,
    path = "/verifications/{id}",
    operation_id = "getVerification",
    tag = "Verifications",
    description = "As it stands now. The code is not in it.",
    security(("bearer" = ["verifications:read"])),
    params(("id" = VerificationId, Path, description = "The verification.")),
    responses((status = 200, description = "The verification.", body = Verification)),
)]
pub async fn get(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::VerificationsRead)?;
    let id = edge.id("id")?;
    edge.params().finish()?;
    Ok(HttpResponse::Ok().json(edge.gateway().verification(&caller, id).await?))
}

/// List verifications
///
/// Newest first. Repeat a filter for several values: any of them fits.
#[utoipa::path(
    get,
    path = "/verifications",
    operation_id = "listVerifications",
    tag = "Verifications",
    security(("bearer" = ["verifications:read"])),
    params(
        ("to" = inline(Option<Vec<Line<40>>>), Query, description = "The number, in E.164 or any national spelling."),
        ("status" = Option<Vec<VerificationStatus>>, Query, description = "Where they stand."),
        ("tag" = inline(Option<Vec<Tag>>), Query, description = "The label."),
        ("request_id" = inline(Option<Vec<Line<128>>>), Query, description = "The request that made them."),
        Windowed,
        Paged,
    ),
    responses((status = 200, description = "A page of verifications.", body = VerificationList, headers(
        ("Link" = String, description = "The next page, `rel=\"next\"`."),
    ))),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::VerificationsRead)?;
    let mut params = edge.params();
    let query = VerificationQuery {
        to: params.many("to", phone(edge.region())),
        status: params.many("status", word),
        tag: params.many("tag", tag),
        request_id: params.many("request_id", line(1..=128)),
        window: params.window(&edge.days(), When::ALWAYS),
    };
    let paging = params.paging();
    params.finish()?;
    let page = edge.gateway().verifications(&caller, query, paging).await?;
    let list = VerificationList {
        data: page.data,
        next_cursor: page.next_cursor,
    };
    Ok(answer::page(&edge, list.next_cursor.as_deref(), &list))
}

/// The answer to an act on a verification.
async fn repeated(edge: &Edge, caller: &Caller, once: Once) -> Result<HttpResponse, Error> {
    match once {
        Once::Ran(outcome) => Ok(answer::tell(outcome)),
        Once::Replayed(outcome) => Ok(answer::tell_again(outcome)),
        Once::Orphaned(id) => {
            let id = id.parse().map_err(|_| Error::not_found())?;
            let object = edge.gateway().verification(caller, id).await?;
            Ok(answer::tell(answer::made(
                &Accepted { object, certain: false },
                path_of(id),
            )?))
        }
    }
}

fn path_of(id: VerificationId) -> String {
    format!("/verifications/{id}")
}
