//! `/history/summary` and `/verifications/summary`: how much there was, and how it went.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::edge::Edge;
use super::headers;
use super::history::{read_filters, read_window};
use super::openapi::{Filtered, Windowed};
use super::query::Params;
use super::window::{Days, When};
use crate::domain::caller::Scope;
use crate::domain::error::{Error, Problem};
use crate::domain::history::Window;
use crate::domain::phone::Region;
use crate::domain::summary::GroupBy;
use crate::domain::verification_summary::{VerificationGroupBy, VerificationSummaryRow};
use crate::usecases::requests::{Summary, SummaryQuery, VerificationSummaryQuery};

/// The longest window in days.
const MOST_DAYS: u64 = 31;

/// Sum up the history
///
/// The records that the same filters list, counted by what they have in common; the sums are those of the list. Without
/// `group_by` everything comes to one row. Days, hours and weekdays are those of the configured time zone.
///
/// Without a window today is summed up; a window has at most 31 days. A source that fails is 503 `source-unavailable`,
/// unless `partial=true`: then `complete` is false and `sources` tells which.
#[utoipa::path(
    get,
    path = "/history/summary",
    operation_id = "summariseHistory",
    tag = "History",
    security(("bearer" = ["history:read"])),
    params(
        ("group_by" = inline(Option<Vec<GroupBy>>), Query, description = "By what; separate several by commas or repeat.", example = json!(["day", "status"])),
        Filtered,
        ("partial" = Option<bool>, Query, description = "Go on where a source fails; its rows are then not in the sums."),
    ),
    responses((status = 200, description = "The sums.", body = Summary)),
)]
pub async fn history(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::HistoryRead)?;
    let mut params = edge.params();
    let query = read_query(&mut params, edge.region(), &edge.days());
    params.finish()?;
    require_json(edge.request())?;
    Ok(HttpResponse::Ok().json(edge.gateway().summary(&caller, query).await?))
}

/// Verifications summed up.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationSummary {
    /// The rows, ascending by their keys.
    data: Vec<VerificationSummaryRow>,
}

/// Sum up verifications
///
/// Those that are kept, made in the window, counted by what they have in common. Without `group_by` everything comes to one
/// row. Days are those of the configured time zone.
#[utoipa::path(
    get,
    path = "/verifications/summary",
    operation_id = "summariseVerifications",
    tag = "Verifications",
    security(("bearer" = ["verifications:read"])),
    params(
        ("group_by" = inline(Option<Vec<VerificationGroupBy>>), Query, description = "By what; separate several by commas or repeat.", example = json!(["day", "channel"])),
        Windowed,
    ),
    responses((status = 200, description = "The sums.", body = VerificationSummary)),
)]
pub async fn verifications(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::VerificationsRead)?;
    let mut params = edge.params();
    let query = VerificationSummaryQuery {
        group_by: params.words("group_by"),
        window: params.window(&edge.days(), When::ALWAYS).meant,
    };
    params.finish()?;
    let data = edge.gateway().verification_summary(&caller, query).await?;
    Ok(HttpResponse::Ok().json(VerificationSummary { data }))
}

fn read_query(params: &mut Params, region: Region, days: &Days) -> SummaryQuery {
    let window = read_window(params, days, MOST_DAYS);
    let today = days.today().unwrap_or(When::ALWAYS);
    SummaryQuery {
        window: window.meant.unwrap_or(Window {
            since: today.start,
            until: today.end,
        }),
        group_by: params.words("group_by"),
        records: read_filters(params, region, window),
    }
}

/// A caller who wants another format must not take JSON for it.
fn require_json(request: &HttpRequest) -> Result<(), Error> {
    headers::preferred(request.headers(), &[("application/json", ())])
        .ok_or_else(|| Error::new(Problem::NotAcceptable, "This is given as application/json."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::time::Timestamp;

    fn read(query: &str) -> Result<SummaryQuery, Error> {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let days = Days::new(zone, Timestamp::parse("2026-11-22T15:00:00Z").unwrap());
        let mut params = Params::new(query);
        let query = read_query(&mut params, Region::BR, &days);
        params.finish().map(|()| query)
    }

    #[test]
    fn a_window_has_at_most_31_days_and_is_today_unless_told() {
        assert!(read("since=2026-10-01&until=2026-10-31").is_ok());
        assert!(read("since=2026-10-01&until=2026-11-01").is_err());
        let today = read("").unwrap().window;
        assert_eq!(today.since.to_string(), "2026-11-22T03:00:00.000Z");
        assert_eq!(today.until.to_string(), "2026-11-23T03:00:00.000Z");
    }

    #[test]
    fn it_takes_the_filters_of_the_list_and_neither_pages_nor_rows() {
        let query = read("group_by=day,hour&group_by=tag&status=busy&number=11988887777&partial=true").unwrap();
        assert_eq!(query.group_by, [GroupBy::Day, GroupBy::Hour, GroupBy::Tag]);
        assert!(query.records.partial && !query.records.number.is_empty());
        for refused in ["limit=1", "cursor=x", "include=raw", "group_by=month", "format=csv"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
