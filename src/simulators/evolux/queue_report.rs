//! Queue and agent calls: the rows of `GET /report/calls_history`, and one of them in full.
//!
//! The row's field names are those of the call's detail; the documentation of the report itself does not name them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::directory::{AGENTS, QUEUE_GROUP, QUEUES};
use super::page::{self, INTERNAL_HOST};
use super::report::{Query, Report, Row};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array};

/// What ended a call, by `end_by_id` less one.
const ENDINGS: [&str; 9] = [
    "Agent Hangup",
    "Caller Hangup",
    "Busy",
    "No Answer",
    "Call Rejected",
    "Voicemail",
    "Transfer",
    "Timeout",
    "System Hangup",
];

/// One queue or agent call.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct QueueRow {
    /// 0 asks for the next free one.
    pub(super) id: u64,
    pub(super) uuid: String,
    /// Absent when no agent took part.
    pub(super) agent_id: Option<u64>,
    /// The login as given when a call was placed; the agent's own otherwise.
    pub(super) agent_login: Option<String>,
    pub(super) queue_id: u64,
    pub(super) outbound: bool,
    pub(super) caller_number: String,
    pub(super) receiver_number: String,
    pub(super) join: Timestamp,
    pub(super) wait_seconds: i64,
    /// Absent when nobody answered.
    pub(super) talk_seconds: Option<i64>,
    /// 1 to 9.
    pub(super) end_by_id: usize,
    pub(super) protocol_number: String,
    pub(super) csat: String,
    pub(super) nps: String,
}

impl Default for QueueRow {
    fn default() -> Self {
        Self {
            id: 0,
            uuid: "9d2c0b8a-3827-11ec-8190-5f7aar43ds2".to_owned(),
            agent_id: Some(149),
            agent_login: None,
            queue_id: 12,
            outbound: false,
            caller_number: "84999999999".to_owned(),
            receiver_number: "8433330000".to_owned(),
            join: Timestamp::UNIX_EPOCH,
            wait_seconds: 12,
            talk_seconds: Some(60),
            end_by_id: 1,
            protocol_number: String::new(),
            csat: String::new(),
            nps: String::new(),
        }
    }
}

impl QueueRow {
    /// The number of the person outside.
    fn phone_number(&self) -> &str {
        if self.outbound {
            &self.receiver_number
        } else {
            &self.caller_number
        }
    }

    fn start_of_talk(&self) -> Option<Timestamp> {
        self.talk_seconds
            .map(|_| self.join + SignedDuration::from_secs(self.wait_seconds))
    }
}

impl Row for QueueRow {
    fn id(&self) -> u64 {
        self.id
    }

    fn began(&self) -> Timestamp {
        self.join
    }
}

/// Answers the queue report. Here `data` is an object.
pub(super) fn history(rows: &Report<QueueRow>, request: &Request, now: Timestamp) -> Reply {
    let query = Query {
        request,
        path: "/api/v1/report/calls_history",
        now,
    };
    match rows.page(query, |row| takes(&query, row)) {
        Err(refusal) => refusal,
        Ok((pagination, shown)) => {
            let calls = array(shown.into_iter().map(|row| fields(row).done()));
            page::listed(pagination, Object::new().raw("calls", calls).done())
        }
    }
}

fn takes(query: &Query<'_>, row: &QueueRow) -> bool {
    let hour = |key, absent: i8| query.one(key).and_then(|text| text.parse().ok()).unwrap_or(absent);
    let hours = hour("start_hour", 0)..=hour("end_hour", 23);
    let direction = if row.outbound { "out" } else { "in" };
    (query.equals("call_type", "both") || query.equals("call_type", direction))
        && (query.equals("end_by_id", "all") || query.equals("end_by_id", &row.end_by_id.to_string()))
        && query.names("queue_ids", row.queue_id)
        && query.names("agent_id", row.agent_id.unwrap_or(0))
        && (query.one("entity") != Some("queue_groups") || in_group(query, row.queue_id))
        && query.equals("phone_number", row.phone_number())
        && query.equals("protocol_number", &row.protocol_number)
        && query.equals("csat", &row.csat)
        // No simulated number has a known place.
        && query.equals("state", "")
        && query.equals("city", "")
        && hours.contains(&TimeZone::UTC.to_datetime(row.join).hour())
}

fn in_group(query: &Query<'_>, queue_id: u64) -> bool {
    let (group, queues) = QUEUE_GROUP;
    query.names("queue_group_ids", group) && queues.contains(&queue_id)
}

/// Shows one call in full, with the misspelt key the server has.
pub(super) fn detail(row: &QueueRow) -> Reply {
    let object = fields(row)
        .text("asa", "No")
        .raw("call_issues", "[]")
        .text("call_reason", "")
        .text("caller_area", "")
        .text("caller_name", "")
        .raw("city", "null")
        .text("did_number", "")
        .raw("external_services", "[]")
        .text("flag", "")
        .text("nps_enterprise", "")
        .text("receicer_name", "")
        .text("receiver_area", "")
        .raw("state", "null")
        .text("trunk_name", "Pontal");
    page::ok(Some(object.done()))
}

fn fields(row: &QueueRow) -> Object {
    let agent = AGENTS.iter().find(|agent| Some(agent.id) == row.agent_id);
    let queue = QUEUES.iter().find(|queue| queue.id == row.queue_id);
    let login = row
        .agent_login
        .as_deref()
        .or(agent.map(|agent| agent.login))
        .unwrap_or_default();
    let connect = row.start_of_talk();
    let talked = row.talk_seconds.unwrap_or(0);
    let leave = row.join + SignedDuration::from_secs(row.wait_seconds + talked);
    let audio = format!("https://{INTERNAL_HOST}/api/v1/callcenter/call/{}/recording", row.id);

    let object = Object::new()
        .raw("id", row.id)
        .raw("call_id", row.id)
        .text("uuid", &row.uuid);
    let object = match row.agent_id {
        Some(id) => object.raw("agent_id", id),
        None => object.text("agent_id", ""),
    };
    object
        .text("agent_login", login)
        .text("agent_name", agent.map_or("", |agent| agent.name))
        .raw("queue_id", row.queue_id)
        .text("queue_name", queue.map_or("", |queue| queue.name))
        .text("queue_slug", queue.map_or("", |queue| queue.slug))
        .text("caller_number", &row.caller_number)
        .text("receiver_number", &row.receiver_number)
        .text("date_join", &row.join.strftime("%Y-%m-%d").to_string())
        .text("time_join", &time(row.join))
        .text("time_connect", &connect.map(time).unwrap_or_default())
        .text("time_leave", &time(leave))
        .raw("call_duration", talked)
        .raw("wait_duration", row.wait_seconds)
        .text("call_type_description", if row.outbound { "Out" } else { "In" })
        .text(
            "end_by_description",
            ENDINGS.get(row.end_by_id.wrapping_sub(1)).copied().unwrap_or_default(),
        )
        .text("protocol_number", &row.protocol_number)
        .text("csat", &row.csat)
        .text("nps", &row.nps)
        .text("download_audio", if connect.is_some() { &audio } else { "" })
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}
