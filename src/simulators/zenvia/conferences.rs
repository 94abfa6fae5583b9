//! `/conferencia`: a room that numbers are called into.

use jiff::Timestamp;

use super::Zenvia;
use super::events::{Attendance, conference_event};
use super::fields::Fields;
use super::leg::{Leg, NORMAL};
use super::numbers;
use super::state::Dial;
use super::table::Row;
use super::text::{Refusal, answered, clock, offset};
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, array, optional};

/// A room.
#[derive(Debug, Clone)]
pub struct Conference {
    /// The provider's id.
    pub id: u64,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// Ids and legs of those called in.
    pub participants: Vec<(u64, Leg)>,
}

impl Row for Conference {
    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Conference {
    /// The object of lookups and reports.
    pub fn json(&self, account: u64, now: Timestamp) -> String {
        let participants = self.participants.iter().map(|(id, leg)| {
            let figures = leg.figures(now);
            Object::new()
                .raw("id", id)
                .raw("conferencia_id", self.id)
                .raw("url_gravacao", "null")
                .text("numero", &leg.number)
                .text("data_criacao", &offset(leg.created))
                .raw("cli", account)
                .text("duracao", &clock(figures.total))
                .text("duracao_cobrada", &clock(figures.billed))
                .text("duracao_falada", &clock(figures.spoken))
                .raw("status", optional(leg.status.as_deref()))
                .raw("preco", figures.price)
                .text_or_null("data_inicio", leg.started.map(offset).as_deref())
                .done()
        });
        Object::new()
            .raw("id", self.id)
            .text("data_criacao", &offset(self.created))
            .text_or_null("data_termino", self.closed.map(offset).as_deref())
            .raw("chamadas", array(participants))
            .done()
    }
}

impl Zenvia {
    /// `POST /conferencia`.
    pub(super) fn open_conference(&self) -> Reply {
        let (id, created) = (self.new_id(), self.control.clock.now());
        self.state().conferences.insert(Conference {
            id,
            created,
            closed: None,
            participants: Vec::new(),
        });
        answered("conferencia criado com sucesso", &Object::new().raw("id", id).done())
    }

    /// `POST /conferencia/{id}`: calls a number in; it answers at once.
    pub(super) fn join(&self, id: &str, fields: &Fields) -> Result<Reply, Refusal> {
        // The Go SDK capitalises the keys.
        let number = fields.text("numero").or_else(|| fields.text("Numero"));
        let number = number.ok_or_else(|| Refusal::missing("numero"))?;
        if numbers::national(&number).is_none() && !numbers::is_extension(&number) {
            return Err(Refusal::number("numero"));
        }
        let (now, participant) = (self.control.clock.now(), self.new_id());
        let mut leg = Leg::planned(number.clone(), fields.text("bina"), now);
        leg.ring(now);
        leg.answer(now);
        let (conference, opened) = self.change_conference(id, |room| {
            room.participants.push((participant, leg));
            (room.id, room.created)
        })?;
        let attendance = Attendance {
            conference,
            opened,
            call: participant,
            number: &number,
        };
        let event = conference_event("Entrou", &attendance, self.account);
        self.note(Dial {
            id: participant,
            resource: "conferencia",
            origin: None,
            destination: number,
            tags: None,
            at: now,
        });
        self.fire("conference-event", participant, Some(event));
        Ok(answered(
            "dados retornados com sucesso",
            &Object::new().raw("id", participant).done(),
        ))
    }

    /// `GET /conferencia/{id}`.
    pub(super) fn show_conference(&self, id: &str) -> Result<Reply, Refusal> {
        let now = self.control.clock.now();
        let json = self.change_conference(id, |room| room.json(self.account, now))?;
        Ok(answered("dados retornados com sucesso", &json))
    }

    /// `DELETE /conferencia/{id}`.
    pub(super) fn close_conference(&self, id: &str) -> Result<Reply, Refusal> {
        let now = self.control.clock.now();
        let room = self.change_conference(id, |room| {
            room.closed = Some(now);
            room.participants
                .iter_mut()
                .for_each(|(_, leg)| leg.end(now, ("atendida", NORMAL)));
            room.clone()
        })?;
        for (participant, leg) in &room.participants {
            let attendance = Attendance {
                conference: room.id,
                opened: room.created,
                call: *participant,
                number: &leg.number,
            };
            let event = conference_event("Saiu", &attendance, self.account);
            self.fire("conference-event", *participant, Some(event));
        }
        Ok(answered("conferencia encerrada com sucesso", "null"))
    }

    fn change_conference<T>(&self, id: &str, change: impl FnOnce(&mut Conference) -> T) -> Result<T, Refusal> {
        let id = id.parse().unwrap_or_default();
        self.state()
            .conferences
            .get_mut(id)
            .map(change)
            .ok_or_else(|| Refusal::unknown("conferencia"))
    }
}
