//! `/events`: what happened, page by page or live.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, HeaderMap};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::answer;
use super::edge::Edge;
use super::headers::{self, LAST_EVENT_ID};
use super::openapi::{Audio, EventTypes, Line, Ranged, Resuming};
use super::query::{DEFAULT_LIMIT, MAX_LIMIT, Params};
use super::values::{Wrong, count, line};
use crate::domain::caller::Scope;
use crate::domain::error::{Error, Problem};
use crate::domain::event::TypePattern;
use crate::domain::ids::EventId;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{EventPage, EventQuery};
use crate::usecases::{Follower, Logged};

/// How often a feed with nothing to tell shows that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The media type of a live feed.
const EVENT_STREAM: &str = "text/event-stream";

/// Read events
///
/// What happened to your calls and verifications, and to the accounts you own, as CloudEvents 1.0. `data` is the whole
/// object after the change. Events of one subject come in the order of acceptance and at least once: the `id` tells a repeat.
///
/// `after` is a place in the log: go on with `next_cursor`, which is the last event looked at and never null. Without it the
/// page begins at the oldest event kept.
///
/// With `Accept: text/event-stream` the same feed comes live: without `after` from now on, `Last-Event-ID` goes on where a
/// broken connection ended, a comment comes every 15 seconds, and the feed ends when the token does.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "Events",
    security(("bearer" = ["events:read"])),
    params(
        ("after" = Option<EventId>, Query, description = "The event to go on from; it is not among the events."),
        ("types" = inline(Option<Vec<EventTypes>>), Query, description = "Types or families, such as `call.*`; separate several by commas or repeat.", example = json!(["call.*"])),
        ("subject" = inline(Option<Vec<Line<200>>>), Query, description = "What they happened to: an identifier of a call or a verification, the provider's, or an account."),
        ("limit" = inline(Option<i64>), Query, description = "How many, at most; 50 if absent. A live feed has no limit.", minimum = 1, maximum = 500),
        Resuming,
    ),
    responses((status = 200, description = "The events.", content(
        (EventPage = "application/json"),
        (String = "text/event-stream"),
    ), headers(
        ("Link" = String, description = "The events that follow, `rel=\"next\"`."),
    ))),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::EventsRead)?;
    let mut params = edge.params();
    let mut query = read_query(&mut params);
    let limit = params
        .one("limit", count(1..=MAX_LIMIT))
        .and_then(|limit| usize::try_from(limit).ok());
    params.finish()?;
    query.after = last_event_id(edge.request().headers())?.or(query.after);
    match wanted(edge.request().headers())? {
        Form::Json => {
            let page = edge
                .gateway()
                .events(&caller, &query, limit.unwrap_or(DEFAULT_LIMIT))
                .await?;
            Ok(answer::page_after(&edge, &page.next_cursor.to_string(), &page))
        }
        Form::Stream => {
            let now = edge.gateway().now();
            let follower = edge.gateway().clone().follow_events(caller.clone(), query).await?;
            Ok(HttpResponse::Ok()
                .content_type(EVENT_STREAM)
                .insert_header(("X-Accel-Buffering", "no"))
                .streaming(feed(follower, until(caller.expires_at, now))))
        }
    }
}

/// Fetch an event's recording
///
/// Streams the audio of a voicemail; a `Range` of bytes is honoured where the provider can.
#[utoipa::path(
    get,
    path = "/events/{id}/recording",
    operation_id = "getEventRecording",
    tag = "Events",
    security(("bearer" = ["recordings:read"])),
    params(("id" = EventId, Path, description = "The event."), Ranged),
    responses(
        (status = 200, description = "The audio.", content_type = "audio/*", body = Audio, headers(("Accept-Ranges" = String, description = "`bytes`."))),
        (status = 206, description = "The range asked for.", content_type = "audio/*", body = Audio, headers(("Content-Range" = String, description = "The range given."))),
        (status = 416, description = "The range lies behind the end; there is no body.", headers(("Content-Range" = String, description = "`bytes */` and the length."))),
    ),
)]
pub async fn recording(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::RecordingsRead)?;
    let id = edge.id("id")?;
    edge.params().finish()?;
    let range = headers::range(edge.request().headers());
    let recording = edge.gateway().event_recording(&caller, id, range).await?;
    Ok(answer::recording(recording))
}

enum Form {
    Json,
    Stream,
}

/// Which form the caller accepts; JSON where it has no preference.
fn wanted(headers: &HeaderMap) -> Result<Form, Error> {
    if !headers.contains_key(ACCEPT) || headers::accepts(headers, "application/json") {
        return Ok(Form::Json);
    }
    if headers::accepts(headers, EVENT_STREAM) {
        return Ok(Form::Stream);
    }
    Err(Error::new(
        Problem::NotAcceptable,
        "Events come as application/json or text/event-stream.",
    ))
}

fn read_query(params: &mut Params) -> EventQuery {
    let after = params.one("after", |text| {
        text.parse()
            .map_err(|_| Wrong::invalid("must be the identifier of an event"))
    });
    let lists = params.many("types", |text| {
        let text = line(1..=200)(text)?;
        let patterns = text.split(',').map(str::parse::<TypePattern>);
        patterns
            .collect::<Result<Vec<_>, _>>()
            .map_err(|wrong| Wrong::invalid(wrong.to_string()))
    });
    EventQuery {
        after,
        types: lists.into_iter().flatten().collect(),
        subject: params.many("subject", line(1..=200)),
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Error> {
    let Some(given) = headers.get(&LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = given.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some)
        .ok_or_else(|| Error::field("Last-Event-ID", "invalid", "must be the identifier of an event"))
}

fn until(expires_at: Timestamp, now: Timestamp) -> Instant {
    let left = expires_at.as_millis().saturating_sub(now.as_millis());
    Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// The feed as it is written, until the token ends, the gateway stops, or the store fails.
fn feed(follower: Follower, end: Instant) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let mut alive = interval_at(Instant::now() + ALIVE_EVERY, ALIVE_EVERY);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Told at once, so that the caller knows that it is heard.
    let hello = Bytes::from_static(b": listening\n\n");
    let rest = stream::unfold((follower, alive), move |(mut follower, mut alive)| async move {
        let next = async {
            tokio::select! {
                next = follower.next() => next.inspect_err(|error| {
                    tracing::warn!(%error, "a live feed ended");
                }).ok().flatten().map(|logged| written(&logged)),
                _ = alive.tick() => Some(Bytes::from_static(b":\n\n")),
            }
        };
        let written = timeout_at(end, next).await.ok().flatten()?;
        Some((Ok(written), (follower, alive)))
    });
    stream::StreamExt::chain(stream::once(async { Ok(hello) }), rest)
}

fn written(logged: &Logged) -> Bytes {
    let id = logged.event.id.to_string();
    [b"id: ", id.as_bytes(), b"\ndata: ", &logged.json, b"\n\n"]
        .concat()
        .into()
}
