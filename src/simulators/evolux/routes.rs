//! Which request does what.

use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::calls::{NewCall, Phase, signed};
use super::campaigns::{NewSubscriber, read_csv};
use super::form::Form;
use super::knobs::Knobs;
use super::page::{self, INTERNAL_HOST};
use super::report::{Report, Row};
use super::studio::StudioRow;
use super::tenant::{NotRemoved, Tenant};
use super::{dialer, directory, queue_report, recording, studio};
use crate::simulators::fate::Fate;
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::Object;

/// One authorised request and what it meets.
pub(super) struct Exchange<'a> {
    pub(super) request: &'a Request,
    pub(super) form: &'a Form,
    pub(super) tenant: &'a mut Tenant,
    pub(super) studio: &'a Report<StudioRow>,
    pub(super) knobs: &'a Knobs,
    pub(super) now: Timestamp,
}

impl Exchange<'_> {
    pub(super) fn answer(mut self) -> Reply {
        let request = self.request;
        self.tenant.settle(self.now);
        match (request.method.clone(), request.segments().as_slice()) {
            (Method::GET, ["api", "v1", path @ ..]) => self.read(path),
            (Method::GET, ["api", "realtime", "v1", "queue"]) => self.real_time(),
            (Method::POST, ["api", "v1", "call"]) => self.place_call(),
            (Method::POST, ["api", "v1", "calls", uuid, "hangup"]) => self.hang_up(uuid),
            (Method::POST, ["api", "v1", "calls", uuid, "transfer"]) => self.transfer(uuid),
            (Method::POST, ["api", "v1", "campaign"]) => self.create_campaign(),
            (Method::POST, ["api", "v1", "campaign", id, "subscriber"]) => self.subscribe(id),
            (Method::POST, ["api", "v1", "campaign", id, "subscribers", "tasks"]) => self.import(id),
            (Method::DELETE, ["api", "v1", "remove_subscriber", campaign, "subscriber", external_id]) => {
                self.unsubscribe(campaign, external_id)
            }
            _ => page::unknown(request),
        }
    }

    fn read(&self, path: &[&str]) -> Reply {
        let Self {
            request,
            tenant,
            knobs,
            now,
            ..
        } = self;
        match path {
            ["dialer", "calls_history"] => dialer::history(&tenant.dialer, request, knobs, *now),
            ["dialer", "call", id, "recording"] => match tenant.dialer.find(id) {
                Some(row) => recording::reply(request, row.id(), row.talk_seconds),
                None => page::refused(404, "Not found"),
            },
            ["report", "calls_history"] => queue_report::history(&tenant.queue, request, *now),
            ["callcenter", "call", id, rest @ ..] => match (tenant.queue.find(id), rest) {
                (Some(row), []) => queue_report::detail(row),
                (Some(row), ["recording"]) => recording::reply(request, row.id(), row.talk_seconds),
                _ => page::refused(404, "Not found"),
            },
            ["agents"] => directory::agents(request),
            ["queues"] => directory::queues(request),
            ["queues", id] => directory::one_queue(request, id),
            ["studio", "calls"] => studio::history(self.studio, request, (*now, knobs.offsets)),
            ["campaign", _, "subscribers", "tasks", id] => self.show_import(id),
            _ => page::unknown(request),
        }
    }

    /// Accepts a call. The answer names no call: it is to be found in the reports once it is over.
    fn place_call(&mut self) -> Reply {
        let new = match NewCall::of(self.form) {
            Ok(new) => new,
            Err(refusal) => return refusal,
        };
        match new.outcome().1 {
            Fate::OutOfCredit => return page::refused(402, "Insufficient credit."),
            Fate::RateLimited => {
                return page::refused(429, "Too many requests.").with_header("retry-after", "1");
            }
            Fate::ReplyLost => {
                self.tenant.place(new, self.now);
                return Reply::dropped();
            }
            _ => self.tenant.place(new, self.now),
        }
        page::ok(None)
    }

    fn hang_up(&mut self, uuid: &str) -> Reply {
        let skips_survey = self.request.query("skip_survey") == Some("true");
        let survey = signed(self.tenant.survey());
        match self.tenant.live(uuid, self.now) {
            None => no_such_call(),
            Some(call) => {
                let talking = call.phase(self.now) == Phase::Talking;
                call.hang_up(if talking && !skips_survey {
                    self.now + survey
                } else {
                    self.now
                });
                page::ok(None)
            }
        }
    }

    fn transfer(&mut self, uuid: &str) -> Reply {
        let Ok(wish) = serde_json::from_slice::<Transfer>(&self.request.body) else {
            return page::refused(400, "Missing destination_number param.");
        };
        if !matches!(wish.leg.as_str(), "aleg" | "bleg") {
            return page::refused(400, "Invalid leg param.");
        }
        match self.tenant.live(uuid, self.now) {
            None => no_such_call(),
            Some(call) => {
                call.transfer(&wish.leg, &wish.destination_number);
                page::ok(None)
            }
        }
    }

    /// Shows live calls and agents as maps keyed by their ids, without the `meta` of the other answers.
    fn real_time(&self) -> Reply {
        let live = self.tenant.calls.iter().map(|call| (call, call.phase(self.now)));
        let live = live.filter(|(_, phase)| *phase != Phase::Ended);
        let calls = live.fold(Object::new(), |calls, (call, phase)| {
            calls.raw(&call.uuid, call.live(phase))
        });
        let unpaused = Object::new().raw("pause", "{}").done();
        let agents = directory::AGENTS
            .iter()
            .filter(|agent| agent.is_logged_in())
            .fold(Object::new(), |agents, agent| {
                agents.raw(&agent.id.to_string(), &unpaused)
            });
        let data = Object::new().raw("calls", calls.done()).raw("agents", agents.done());
        Reply::json(200, Object::new().raw("data", data.done()).done())
    }

    fn create_campaign(&mut self) -> Reply {
        let body = self.request.json();
        match body.as_ref().and_then(|body| body.get("name")?.as_str()) {
            None | Some("") => page::refused(400, "Missing required params"),
            Some(name) => page::created(Some(Object::new().raw("id", self.tenant.create_campaign(name)).done())),
        }
    }

    fn subscribe(&mut self, campaign: &str) -> Reply {
        let Some(campaign) = self.tenant.campaign(campaign) else {
            return page::refused(404, "Campaign not found.");
        };
        match NewSubscriber::of_form(self.form) {
            None => page::refused(400, "Missing number param."),
            Some(new) => {
                self.tenant.subscribe(&campaign, new, self.now);
                page::created(None)
            }
        }
    }

    fn import(&mut self, campaign: &str) -> Reply {
        let Some(campaign) = self.tenant.campaign(campaign) else {
            return page::refused(404, "Campaign not found.");
        };
        if !self
            .request
            .header("content-type")
            .is_some_and(|media_type| media_type.starts_with("text/csv"))
        {
            return page::refused(415, "Unsupported media type");
        }
        let id = self.tenant.import(&campaign, read_csv(&self.request.body), self.now);
        let link = format!(
            "http://{INTERNAL_HOST}/api/v1/campaign/{}/subscribers/tasks/{id}",
            campaign.id
        );
        let data = Object::new().raw("id", id).text("link", &link).done();
        Reply::json(
            202,
            Object::new()
                .raw("meta", page::meta(202, "Accepted"))
                .raw("data", data)
                .done(),
        )
    }

    fn show_import(&self, id: &str) -> Reply {
        match self.tenant.find_import(id) {
            None => page::refused(404, "Not found"),
            Some(import) => {
                let data = Object::new()
                    .raw("id", import.id)
                    .raw("campaign_id", import.campaign_id)
                    .text("status", "finished")
                    .raw("subscribers", import.subscribers);
                page::ok(Some(data.done()))
            }
        }
    }

    fn unsubscribe(&mut self, campaign: &str, external_id: &str) -> Reply {
        match self.tenant.unsubscribe(campaign, external_id, self.now) {
            Ok(()) => {
                let meta = page::meta(200, "The subscriber was successfully removed");
                Reply::json(200, Object::new().raw("meta", meta).done())
            }
            Err(NotRemoved::Unknown) => page::refused(404, "Subscriber not found."),
            Err(NotRemoved::Busy(status)) => page::refused(422, &format!("Subscriber is busy with status: {status}")),
        }
    }
}

#[derive(Deserialize)]
struct Transfer {
    destination_number: String,
    #[serde(default = "bridged_leg")]
    leg: String,
}

fn bridged_leg() -> String {
    "bleg".to_owned()
}

fn no_such_call() -> Reply {
    let errors = Object::new().text("call_uuid", "This call does not exist").done();
    Reply::json(
        404,
        Object::new()
            .raw("meta", page::meta(404, "Not found"))
            .raw("errors", errors)
            .done(),
    )
}
