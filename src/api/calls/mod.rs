//! `/calls`: placing, following and controlling calls.

mod body;
mod control;
mod play_url;
#[cfg(test)]
mod tests;

use std::time::Duration;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::value::to_raw_value;
use utoipa::ToSchema;

use super::answer;
use super::edge::Edge;
use super::headers::{self, PREFERENCE_APPLIED};
use super::object;
use super::openapi::{Line, Paged, Ranged, Tag, Waiting, Windowed};
use super::query::Params;
use super::values::{account, address, line, tag, word};
use super::window::{Days, When};
use crate::domain::account::AccountName;
use crate::domain::call::Call;
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::Error;
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::usecases::requests::{Accepted, CallQuery, Once, Outcome, PlaceCall, Preview};

pub use body::NewCallBody;
pub use control::*;

/// A session description of one audio line, for the examples of the document.
const EXAMPLE_SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    c=IN IP4 0.0.0.0\r\na=mid:0\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n";

/// A page of calls.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallList {
    /// The calls, newest first.
    data: Vec<Call>,
    /// Where the next page begins; null where this is the last.
    next_cursor: Option<String>,
}

/// Place a call
///
/// Calls `to` and, once it answers, runs the actions in order. A WhatsApp user takes a `session` instead of actions.
///
/// An error means that nothing was started. Where the provider may have acted but its answer was lost, the answer is 202
/// and the call's status `unknown`, until evidence settles it; it is never placed again.
///
/// With `dry_run=true` the answer is 200 and says what would be done; nothing is.
#[utoipa::path(
    post,
    path = "/calls",
    operation_id = "placeCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(
        ("dry_run" = Option<bool>, Query, description = "Say what would be done and do nothing."),
        Waiting,
    ),
    request_body(content = NewCallBody, examples(
        ("say" = (summary = "Speak a text", value = json!({"to": "11988887777", "actions": [{"type": "say", "text": "Seu pedido saiu", "voice": "pt-BR"}], "tag": "order-7"}))),
        ("connect" = (summary = "Join two phones", value = json!({"to": "+5511988887777", "actions": [{"type": "connect", "to": "(11) 3003-1000"}], "record": true}))),
        ("play" = (summary = "Play a recording", value = json!({"to": "+5511988887777", "actions": [{"type": "play", "url": "https://example.com/welcome.mp3"}]}))),
        ("flow" = (summary = "Speak, then act on a digit", value = json!({"to": "+5511988887777", "actions": [{"type": "say", "text": "Digite 1 para falar com a gente"}, {"type": "connect", "to": "+551130031000", "on_digit": 1}]}))),
        ("whatsapp" = (summary = "Call a WhatsApp user", value = json!({"to": "whatsapp:+5511988887777", "session": {"type": "offer", "sdp": EXAMPLE_SDP}}))),
    )),
    responses(
        (status = 200, description = "Dry run: what would be done.", body = Preview),
        (status = 201, description = "The provider took the call.", body = Call, headers(
            ("Location" = String, description = "The path of the call."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
            ("Preference-Applied" = String, description = "The `wait` that was heeded."),
        )),
        (status = 202, description = "The provider may have taken the call; its answer was lost.", body = Call, headers(
            ("Location" = String, description = "The path of the call."),
            ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
            ("Preference-Applied" = String, description = "The `wait` that was heeded."),
        )),
    ),
)]
pub async fn place(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::CallsWrite)?;
    let mut params = edge.params();
    let dry_run = params.flag("dry_run");
    params.finish()?;
    let body = edge.json(payload).await?;
    let (region, now) = (edge.region(), edge.gateway().now());
    let call = object::read(&body, |object| NewCallBody::read(object, region, now))?.into_call();
    let id = call.id;
    let request = PlaceCall {
        call,
        request_id: edge.request_id().to_owned(),
    };
    let guarded = edge.guarded(id, body)?;
    if dry_run {
        return Ok(HttpResponse::Ok().json(edge.gateway().preview_call(&caller, request).await?));
    }
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        answer::made(&gateway.place_call(&caller, request).await?, path_of(id))
    });
    match act.await? {
        Once::Ran(outcome) => Ok(with_news(&edge, &caller, outcome).await),
        once => repeated(&edge, &caller, once).await,
    }
}

/// Fetch a call
///
/// As last known. With `refresh=true` the provider is asked first, where it can be asked.
#[utoipa::path(
    get,
    path = "/calls/{id}",
    operation_id = "getCall",
    tag = "Calls",
    security(("bearer" = ["calls:read"])),
    params(
        ("id" = CallId, Path, description = "The call."),
        ("refresh" = Option<bool>, Query, description = "Ask the provider first."),
        Waiting,
    ),
    responses((status = 200, description = "The call.", body = Call, headers(
        ("Preference-Applied" = String, description = "The `wait` that was heeded."),
    ))),
)]
pub async fn get(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::CallsRead)?;
    let id = edge.id("id")?;
    let mut params = edge.params();
    let refresh = params.flag("refresh");
    params.finish()?;
    let call = edge.gateway().call(&caller, id, refresh).await?;
    let Some(wait) = edge.wait() else {
        return Ok(HttpResponse::Ok().json(call));
    };
    let call = edge.gateway().wait_for_news(&caller, call, wait).await?;
    Ok(HttpResponse::Ok().insert_header(applied(wait)).json(call))
}

/// List calls
///
/// Newest first. Repeat a filter for several values: any of them fits.
#[utoipa::path(
    get,
    path = "/calls",
    operation_id = "listCalls",
    tag = "Calls",
    security(("bearer" = ["calls:read"])),
    params(
        ("status" = Option<Vec<crate::domain::call::CallStatus>>, Query, description = "Where they stand."),
        ("direction" = Option<Vec<crate::domain::call::Direction>>, Query, description = "Who started them."),
        ("account" = Option<Vec<AccountName>>, Query, description = "The account that carries them."),
        ("kind" = Option<Vec<crate::domain::call::CallKind>>, Query, description = "What they are made of."),
        ("from" = Option<Vec<crate::domain::address::Address>>, Query, description = "Who called."),
        ("to" = Option<Vec<crate::domain::address::Address>>, Query, description = "Who was called."),
        ("number" = Option<Vec<crate::domain::address::Address>>, Query, description = "Either party, or who is on either leg."),
        ("tag" = inline(Option<Vec<Tag>>), Query, description = "The label."),
        ("provider_ref" = inline(Option<Vec<Line<200>>>), Query, description = "The provider's identifier."),
        ("request_id" = inline(Option<Vec<Line<128>>>), Query, description = "The request that placed them."),
        Windowed,
        Paged,
    ),
    responses((status = 200, description = "A page of calls.", body = CallList, headers(
        ("Link" = String, description = "The next page, `rel=\"next\"`."),
    ))),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::CallsRead)?;
    let mut params = edge.params();
    let query = read_query(&mut params, edge.region(), &edge.days());
    let paging = params.paging();
    params.finish()?;
    let page = edge.gateway().calls(&caller, query, paging).await?;
    let list = CallList {
        data: page.data,
        next_cursor: page.next_cursor,
    };
    Ok(answer::page(&edge, list.next_cursor.as_deref(), &list))
}

/// Fetch a call's recording
///
/// Streams the audio; a `Range` of bytes is honoured where the provider can.
#[utoipa::path(
    get,
    path = "/calls/{id}/recording",
    operation_id = "getCallRecording",
    tag = "Calls",
    security(("bearer" = ["recordings:read"])),
    params(
        ("id" = CallId, Path, description = "The call."),
        Ranged,
    ),
    responses(
        (status = 200, description = "The audio.", content_type = "audio/*", body = super::openapi::Audio, headers(("Accept-Ranges" = String, description = "`bytes`."))),
        (status = 206, description = "The range asked for.", content_type = "audio/*", body = super::openapi::Audio, headers(("Content-Range" = String, description = "The range given."))),
        (status = 416, description = "The range lies behind the end; there is no body.", headers(("Content-Range" = String, description = "`bytes */` and the length."))),
    ),
)]
pub async fn recording(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::RecordingsRead)?;
    let id = edge.id("id")?;
    edge.params().finish()?;
    let range = headers::range(edge.request().headers());
    Ok(answer::recording(
        edge.gateway().call_recording(&caller, id, range).await?,
    ))
}

fn read_query(params: &mut Params, region: Region, days: &Days) -> CallQuery {
    CallQuery {
        status: params.many("status", word),
        direction: params.many("direction", word),
        account: params.many("account", account),
        kind: params.many("kind", word),
        from: params.many("from", address(region)),
        to: params.many("to", address(region)),
        number: params.many("number", address(region)),
        tag: params.many("tag", tag),
        provider_ref: params.many("provider_ref", line(1..=200)),
        request_id: params.many("request_id", line(1..=128)),
        window: params.window(days, When::ALWAYS),
    }
}

/// The answer to a repeat of an act on a call.
async fn repeated(edge: &Edge, caller: &Caller, once: Once) -> Result<HttpResponse, Error> {
    match once {
        Once::Ran(outcome) => Ok(answer::tell(outcome)),
        Once::Replayed(outcome) => Ok(answer::tell_again(outcome)),
        Once::Orphaned(id) => {
            let id = id.parse().map_err(|_| Error::not_found())?;
            let object = edge.gateway().call(caller, id, false).await?;
            Ok(answer::tell(answer::made(
                &Accepted { object, certain: false },
                path_of(id),
            )?))
        }
    }
}

/// Holds the answer to a placed call back for news, if asked to. The call stands whatever becomes of the waiting.
async fn with_news(edge: &Edge, caller: &Caller, outcome: Outcome) -> HttpResponse {
    let Some(wait) = edge.wait() else {
        return answer::tell(outcome);
    };
    let news = match serde_json::from_str::<Call>(outcome.body.get()) {
        Ok(call) => edge.gateway().wait_for_news(caller, call, wait).await.ok(),
        Err(_) => None,
    };
    let body = news.and_then(|call| to_raw_value(&call).ok());
    let mut response = answer::tell(Outcome {
        body: body.unwrap_or_else(|| outcome.body.clone()),
        ..outcome
    });
    let (name, value) = applied(wait);
    response.headers_mut().insert(name, value);
    response
}

fn applied(wait: Duration) -> (actix_web::http::header::HeaderName, HeaderValue) {
    let seconds = format!("wait={}", wait.as_secs());
    (
        PREFERENCE_APPLIED,
        HeaderValue::from_str(&seconds).unwrap_or(HeaderValue::from_static("wait")),
    )
}

fn path_of(id: CallId) -> String {
    format!("/calls/{id}")
}
