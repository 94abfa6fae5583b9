//! `/history`: the call records of every account the caller may see.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::edge::Edge;
use super::export::{self, Dialect, Format, Wanted};
use super::headers;
use super::openapi::{Extra, Filtered, Paged, Ranged};
use super::query::Params;
use super::values::{Wrong, account, address, line, tag, truth, word};
use super::window::{Days, When};
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::{Error, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::phone::Region;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{AskedWindow, HistoryPage, HistoryQuery, SourceState};

/// The longest identifier of a record.
const MAX_ID: usize = 120;

/// A page of the history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryList {
    /// The records, newest first.
    data: Vec<Record>,
    /// Where the next page begins; null only where the walk is complete.
    next_cursor: Option<String>,
    /// When the walk began: nothing newer is in it.
    as_of: Timestamp,
    /// Whether every source answered.
    complete: bool,
    /// How each source did.
    sources: Vec<SourceState>,
}

impl From<HistoryPage> for HistoryList {
    fn from(page: HistoryPage) -> Self {
        let HistoryPage {
            data,
            next_cursor,
            as_of,
            complete,
            sources,
        } = page;
        Self {
            data,
            next_cursor,
            as_of,
            complete,
            sources,
        }
    }
}

/// Read the history
///
/// The call records of every account you may see, in one list, newest first. Repeat a filter for several values.
///
/// Without a window the records of today are listed; a window has at most 92 days. To go on, repeat every parameter but
/// `limit` with the cursor; a page may be short and still be followed by another. A source that fails is 503
/// `source-unavailable`, unless `partial=true`.
///
/// As `text/csv` or `application/x-ndjson` the whole window comes as one stream, over HTTP/1.1, without `limit`, `cursor` and
/// `partial=true`. A source that fails before the first record is 503; later the connection is cut off and the body stays
/// without its last chunk, so a stream that ends well has everything: but for rows that cannot be read, which are left out
/// and which pages count in `sources`.
///
/// CSV is RFC 4180 in UTF-8 with a row of names. The columns are always the same and in the same order, new ones come last:
/// what has parts has a column for each (`agent_id`, `price_amount`), lists and `custom_fields` are JSON, unknown values are
/// empty. A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return has `'` put before it, unless it is a
/// number in E.164.
#[utoipa::path(
    get,
    path = "/history",
    operation_id = "listHistory",
    tag = "History",
    security(("bearer" = ["history:read"])),
    params(
        Filtered,
        ("include" = inline(Option<Extra>), Query, description = "`raw` adds the provider's own row; needs the scope `history:raw`."),
        ("partial" = Option<bool>, Query, description = "Go on where a source fails; its rows come in later pages."),
        ("format" = inline(Option<Format>), Query, description = "A page (`json`) or the whole window as a stream; wins over `Accept`."),
        ("dialect" = inline(Option<Dialect>), Query, description = "How CSV is written. `excel-br`: semicolons, decimal commas, a byte order mark, times as `dd/mm/yyyy hh:mm:ss` in the configured zone."),
        Paged,
    ),
    responses((status = 200, description = "A page of records, or all of them.", content(
        (HistoryList = "application/json"),
        (String = "text/csv", example = "id,call_id,tenant,provider,account\r\nrec_AQd6ZW52aWE,,acme,zenvia,zenvia-br\r\n"),
        (String = "application/x-ndjson", example = "{\"id\":\"rec_AQd6ZW52aWE\",\"call_id\":null,\"tenant\":\"acme\"}\n"),
    ), headers(
        ("Link" = String, description = "The next page, `rel=\"next\"`."),
        ("Content-Disposition" = String, description = "Of a stream: a name for the file."),
    ))),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::HistoryRead)?;
    let mut params = edge.params();
    let wanted = Wanted::read(&mut params, edge.request().headers());
    let query = read_query(&mut params, edge.region(), &edge.days());
    let paging = params.paging();
    wanted.refuse_partial(&mut params, &query);
    params.finish()?;
    allow_raw(&caller, query.raw)?;
    if wanted.is_stream() {
        return export::answer(&edge, caller, query, &wanted).await;
    }
    wanted.format.ok_or_else(export::not_acceptable)?;
    let list = HistoryList::from(edge.gateway().history(&caller, query, paging).await?);
    Ok(answer::page(&edge, list.next_cursor.as_deref(), &list))
}

/// Fetch a record
///
/// The identifier is the same for ever and needs nothing stored to be found.
#[utoipa::path(
    get,
    path = "/history/{id}",
    operation_id = "getRecord",
    tag = "History",
    security(("bearer" = ["history:read"])),
    params(
        ("id" = String, Path, description = "The record.", max_length = 120, pattern = "^rec_[A-Za-z0-9_-]+$"),
        ("include" = inline(Option<Extra>), Query, description = "`raw` adds the provider's own row; needs the scope `history:raw`."),
    ),
    responses((status = 200, description = "The record.", body = Record)),
)]
pub async fn get(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::HistoryRead)?;
    let id = record_id(&edge)?;
    let mut params = edge.params();
    let raw = include_raw(&mut params);
    params.finish()?;
    allow_raw(&caller, raw)?;
    Ok(HttpResponse::Ok().json(edge.gateway().record(&caller, &id, raw).await?))
}

/// Fetch a record's recording
///
/// Streams the audio; a `Range` of bytes is honoured where the provider can.
#[utoipa::path(
    get,
    path = "/history/{id}/recording",
    operation_id = "getRecordRecording",
    tag = "History",
    security(("bearer" = ["recordings:read"])),
    params(
        ("id" = String, Path, description = "The record.", max_length = 120, pattern = "^rec_[A-Za-z0-9_-]+$"),
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
    let id = record_id(&edge)?;
    edge.params().finish()?;
    let range = headers::range(edge.request().headers());
    Ok(answer::recording(
        edge.gateway().record_recording(&caller, &id, range).await?,
    ))
}

fn read_query(params: &mut Params, region: Region, days: &Days) -> HistoryQuery {
    let window = read_window(params, days, 92);
    HistoryQuery {
        raw: include_raw(params),
        ..read_filters(params, region, window)
    }
}

/// The window, today if none is given, of at most so many days.
pub(super) fn read_window(params: &mut Params, days: &Days, most_days: u64) -> AskedWindow {
    let window = params.window(days, days.today().unwrap_or(When::ALWAYS));
    // An hour more for the day a clock is put back.
    let longest = most_days * 86_400 + 3_600;
    if !params.goes_on() && window.meant.is_some_and(|window| length(window) > longest) {
        let told = format!("must not be more than {most_days} days before until");
        params.refuse("since", Wrong::new("too_large", told));
    }
    window
}

/// The filters of records in a window.
pub(super) fn read_filters(params: &mut Params, region: Region, window: AskedWindow) -> HistoryQuery {
    HistoryQuery {
        window,
        account: params.many("account", account),
        provider: params.many("provider", line(1..=32)),
        kind: params.many("kind", word),
        direction: params.many("direction", word),
        status: params.many("status", word),
        answered: params.one("answered", truth),
        number: params.many("number", address(region)),
        from: params.many("from", address(region)),
        to: params.many("to", address(region)),
        agent_id: params.many("agent_id", line(1..=100)),
        campaign_id: params.many("campaign_id", line(1..=100)),
        external_id: params.many("external_id", line(1..=100)),
        tag: params.many("tag", tag),
        provider_ref: params.many("provider_ref", line(1..=200)),
        partial: params.flag("partial"),
        raw: false,
    }
}

fn length(window: Window) -> u64 {
    window.until.seconds_since(window.since)
}

fn include_raw(params: &mut Params) -> bool {
    let raw = |text: &str| {
        (text == "raw")
            .then_some(true)
            .ok_or_else(|| Wrong::invalid("must be raw"))
    };
    params.one("include", raw).unwrap_or(false)
}

fn allow_raw(caller: &Caller, raw: bool) -> Result<(), Error> {
    if raw && !caller.may(Scope::HistoryRaw) {
        return Err(Error::new(
            Problem::Forbidden,
            format!("The token lacks the scope {}.", Scope::HistoryRaw),
        ));
    }
    Ok(())
}

fn record_id(edge: &Edge) -> Result<String, Error> {
    let id: String = edge.id("id")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let valid = id.starts_with("rec_") && id.len() <= MAX_ID && id.bytes().all(plain);
    valid.then_some(id).ok_or_else(Error::not_found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn read(query: &str) -> Result<HistoryQuery, Error> {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let days = Days::new(zone, Timestamp::parse("2026-11-22T15:00:00Z").unwrap());
        let mut params = Params::new(query);
        let query = read_query(&mut params, Region::BR, &days);
        params.finish().map(|()| query)
    }

    #[test]
    fn a_window_has_at_most_92_days() {
        assert!(
            read("since=2026-08-01&until=2026-10-31").is_ok(),
            "92 days, both included"
        );
        assert!(read("since=2026-08-01&until=2026-11-01").is_err(), "93 days");
        assert!(
            read("since=2018-10-01&until=2018-12-31").is_ok(),
            "92 days, one of which has 23 hours"
        );
        assert!(
            read("since=2018-01-20&until=2018-04-21").is_ok(),
            "92 days, one of which has 25 hours"
        );
        assert!(read("since=2020-01-01").is_err());
        assert!(read("until=yesterday").is_err(), "since is today");
        assert_eq!(read("").unwrap().window.meant, None);
    }

    #[test]
    fn raw_rows_are_asked_for_by_name() {
        assert!(read("include=raw").unwrap().raw);
        assert!(!read("").unwrap().raw);
        assert!(read("include=all").is_err());
    }
}
