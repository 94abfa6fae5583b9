//! Campaign calls: the rows of `GET /dialer/calls_history`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::knobs::{Knobs, Version};
use super::page;
use super::report::{Query, Report, Row};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array, nullable, string};

/// The host of recording links: a name that only the tenant's own network knows.
const AUDIO_HOST: &str = "maissaude.edev-multi";
/// Billing starts when the subscriber's leg answers, talking when the agent is bridged in.
const BRIDGE_SECONDS: i64 = 11;

/// One campaign call.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DialerRow {
    /// 0 asks for the next free one.
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) start_time: Timestamp,
    /// From the start to the agent, or to the end when nobody answered.
    pub(super) wait_seconds: i64,
    /// Absent when nobody answered.
    pub(super) talk_seconds: Option<i64>,
    /// The Portuguese and the English text, which need not agree.
    pub(super) hangup_causes: [String; 2],
    pub(super) end_by: String,
    pub(super) classification: String,
    pub(super) outcome: String,
    pub(super) campaign: Named,
    pub(super) agent: Option<Named>,
    pub(super) subscriber: Person,
    pub(super) csat: Option<u8>,
    pub(super) nps: Option<u8>,
    pub(super) trunk_name: String,
    pub(super) custom_fields: BTreeMap<String, String>,
}

impl Default for DialerRow {
    fn default() -> Self {
        Self {
            id: 0,
            uuid: "0e4bccbe-3827-11ec-8190-5f7aar43ds2".to_owned(),
            start_time: Timestamp::UNIX_EPOCH,
            wait_seconds: 27,
            talk_seconds: Some(30),
            hangup_causes: ["Desligamento normal".to_owned(), "Normal clearing".to_owned()],
            end_by: "Subscriber".to_owned(),
            classification: "-".to_owned(),
            outcome: "-".to_owned(),
            campaign: Named {
                id: 376,
                name: "Campanha de Teste".to_owned(),
            },
            agent: Some(Named {
                id: 149,
                name: "João Neves".to_owned(),
            }),
            subscriber: Person::default(),
            csat: None,
            nps: None,
            trunk_name: "Pontal".to_owned(),
            custom_fields: BTreeMap::new(),
        }
    }
}

impl DialerRow {
    fn contact_status(&self) -> &'static str {
        if self.talk_seconds.is_some() {
            "success"
        } else {
            "error"
        }
    }
}

/// A campaign or an agent, as rows name them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) name: String,
}

impl Named {
    fn write(&self) -> String {
        Object::new().raw("id", self.id).text("name", &self.name).done()
    }
}

/// Who was called.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Person {
    pub(super) external_id: String,
    pub(super) number: String,
    pub(super) name: String,
}

impl Row for DialerRow {
    fn id(&self) -> u64 {
        self.id
    }

    fn began(&self) -> Timestamp {
        self.start_time
    }
}

/// Answers the dialler report.
pub(super) fn history(rows: &Report<DialerRow>, request: &Request, knobs: &Knobs, now: Timestamp) -> Reply {
    let query = Query {
        request,
        path: "/api/v1/dialer/calls_history",
        now,
    };
    let asked = match knobs.version {
        Version::Before677 => None,
        Version::Since677 => query.one("contact_status"),
    };
    // Failed contacts stay hidden unless asked for.
    let contact_status = asked.unwrap_or("success");
    if !matches!(contact_status, "success" | "both" | "error") {
        return page::refused(400, "Invalid contact_status param.");
    }
    let takes = |row: &DialerRow| {
        (contact_status == "both" || contact_status == row.contact_status())
            && query.equals("external_id", &row.subscriber.external_id)
            && query.equals("number", &row.subscriber.number)
            && query.names("campaign_id", row.campaign.id)
            && query.names("agent_id", row.agent.as_ref().map_or(0, |agent| agent.id))
    };
    let with_custom_fields = query.one("campaign_id").is_some();
    match rows.page(query, takes) {
        Err(refusal) => refusal,
        Ok((pagination, shown)) => {
            let rows = shown.into_iter().map(|row| write(row, knobs, with_custom_fields));
            page::listed(pagination, array(rows))
        }
    }
}

/// Writes a row in the order of the keys that the server prints.
pub(super) fn write(row: &DialerRow, knobs: &Knobs, with_custom_fields: bool) -> String {
    let recent = knobs.version == Version::Since677;
    let blanks = knobs.blanks.of_row(row.id);
    let reached = row.start_time + SignedDuration::from_secs(row.wait_seconds);
    let talked = row.talk_seconds.unwrap_or(0);
    let billable = row.talk_seconds.map_or(0, |talked| talked + BRIDGE_SECONDS);

    let mut object = Object::new();
    object = match row.talk_seconds {
        Some(_) => object.text("answer_time", &knobs.offsets.write(reached)),
        None => blanks.write(object, "answer_time"),
    };
    object = object
        .text("classification", &row.classification)
        .text("hangup_cause", &row.hangup_causes[0])
        .text("uuid", &row.uuid)
        .raw("campaign", row.campaign.write())
        .raw("talking_duration", talked)
        .text("trunk_name", &row.trunk_name)
        .text("start_time", &knobs.offsets.write(row.start_time))
        .text("end_by", &row.end_by);
    object = match &row.agent {
        Some(agent) => object.raw("agent", agent.write()),
        None => blanks.write(object, "agent"),
    };
    object = object
        .raw(
            "billable_duration",
            if recent {
                format!("{billable}.0")
            } else {
                billable.to_string()
            },
        )
        .raw("subscriber", person(&row.subscriber))
        .raw(
            "survey",
            Object::new()
                .raw("csat", nullable(row.csat))
                .raw("nps", nullable(row.nps))
                .done(),
        )
        .text(
            "end_time",
            &knobs.offsets.write(reached + SignedDuration::from_secs(talked)),
        )
        .text("outcome", &row.outcome);
    if recent {
        object = object.text("hangup_cause", &row.hangup_causes[1]);
    }
    object = object.raw("id", row.id);
    if recent && with_custom_fields {
        object = object.raw("custom_fields", custom_fields(&row.custom_fields));
    }
    if recent {
        let url = format!("https://{AUDIO_HOST}/api/v1/dialer/call/{}/recording", row.id);
        object = object.raw("download_audio", string(&url));
    }
    object.done()
}

fn person(person: &Person) -> String {
    Object::new()
        .text("external_id", &person.external_id)
        .text("number", &person.number)
        .text("name", &person.name)
        .done()
}

fn custom_fields(fields: &BTreeMap<String, String>) -> String {
    fields
        .iter()
        .fold(Object::new(), |object, (key, value)| object.text(key, value))
        .done()
}
