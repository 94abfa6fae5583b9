//! Calls of the IVR flows: `GET /studio/calls`.

use jiff::{SignedDuration, Timestamp};

use super::knobs::Offsets;
use super::page;
use super::report::{Query, Report, Row};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array, optional};

/// One call of an IVR flow.
#[derive(Debug)]
pub(super) struct StudioRow {
    id: u64,
    start_time: Timestamp,
    seconds: i64,
    /// Where the flow transferred the caller; the flow hung up when absent.
    transferred_to: Option<&'static str>,
}

impl Row for StudioRow {
    fn id(&self) -> u64 {
        self.id
    }

    fn began(&self) -> Timestamp {
        self.start_time
    }
}

/// The calls a tenant has: one an hour over the day before `now`.
pub(super) fn initial(now: Timestamp) -> Report<StudioRow> {
    let row = |back: u8| StudioRow {
        id: 9_100 + u64::from(back),
        start_time: now - SignedDuration::from_hours(i64::from(back)),
        seconds: 20 + i64::from(back),
        transferred_to: back.is_multiple_of(2).then_some("1234"),
    };
    Report::new((1..24).map(row).collect())
}

/// Lists the calls.
pub(super) fn history(rows: &Report<StudioRow>, request: &Request, (now, offsets): (Timestamp, Offsets)) -> Reply {
    match rows.page(
        Query {
            request,
            path: "/api/v1/studio/calls",
            now,
        },
        |_| true,
    ) {
        Err(refusal) => refusal,
        Ok((pagination, shown)) => page::listed(pagination, array(shown.into_iter().map(|row| write(row, offsets)))),
    }
}

fn write(row: &StudioRow, offsets: Offsets) -> String {
    let named = |id: u64, name: &str| Object::new().raw("id", id).text("name", name).done();
    let hung_up = row.transferred_to.is_none();
    Object::new()
        .raw("id", row.id)
        .text("uuid", &format!("5f0{}-3827-11ec-8190-5f7aar43ds2", row.id))
        .text("caller", "84999999999")
        .text("did_number", "8433330000")
        .text("start_time", &offsets.write(row.start_time))
        .text(
            "end_time",
            &offsets.write(row.start_time + SignedDuration::from_secs(row.seconds)),
        )
        .raw("duration", row.seconds)
        .raw("call_flow", named(31, "Atendimento"))
        .raw("project", named(7, "URA principal"))
        .text("exit_reason", if hung_up { "hangup" } else { "transfer" })
        .text_or_null("exit_transfer_destination", row.transferred_to)
        .raw("system_hangup_reason", optional(hung_up.then_some("hangup_task")))
        .raw("who_hangup", optional(hung_up.then_some("system")))
        .done()
}
