//! Campaigns and their subscribers, whom the dialler calls by itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::calls::{Pace, national, signed, whole_seconds};
use super::dialer::{DialerRow, Named, Person};
use super::directory::AGENTS;
use super::form::Form;
use crate::simulators::fate::Fate;

/// A campaign.
#[derive(Debug, Clone)]
pub(super) struct Campaign {
    pub(super) id: u64,
    pub(super) name: String,
}

/// The campaigns a tenant begins with.
pub(super) fn initial() -> Vec<Campaign> {
    let campaign = |id, name: &str| Campaign {
        id,
        name: name.to_owned(),
    };
    vec![
        campaign(376, "Campanha de Teste"),
        campaign(377, "Cobrança"),
        campaign(401, "Pesquisa de Satisfação"),
    ]
}

/// What an import or a form says about a subscriber.
#[derive(Debug, Default)]
pub(super) struct NewSubscriber {
    pub(super) person: Person,
    pub(super) custom_fields: BTreeMap<String, String>,
}

impl NewSubscriber {
    /// Reads the form of one subscriber; `None` without a number.
    pub(super) fn of_form(form: &Form) -> Option<Self> {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        let person = Person {
            external_id: text("external_id"),
            number: national(form.get("number")?),
            name: text("name"),
        };
        let custom_fields = form
            .with_prefix("custom_")
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Self {
            person,
            custom_fields: custom_fields.collect(),
        })
    }
}

/// Someone the dialler will call, is calling or has called.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) id: u64,
    pub(super) campaign: Campaign,
    pub(super) new: NewSubscriber,
    uuid: String,
    dialled_at: Timestamp,
    ring: SignedDuration,
    talk: SignedDuration,
    /// Whether the dialler report has the row already.
    pub(super) reported: bool,
}

impl Subscriber {
    pub(super) fn new(id: u64, campaign: Campaign, new: NewSubscriber, (now, pace): (Timestamp, &Pace)) -> Self {
        Self {
            id,
            campaign,
            new,
            uuid: super::unreadable_uuid(),
            dialled_at: now + signed(pace.dial_lag),
            ring: signed(pace.ring),
            talk: signed(pace.talk),
            reported: false,
        }
    }

    fn fate(&self) -> Fate {
        Fate::of(&self.new.person.number)
    }

    fn answered_at(&self) -> Option<Timestamp> {
        self.fate().connects().then(|| self.dialled_at + self.ring)
    }

    pub(super) fn ended_at(&self) -> Timestamp {
        self.answered_at()
            .map_or(self.dialled_at + self.ring, |at| at + self.talk)
    }

    /// The status that keeps a subscriber from being removed; `None` while nobody is calling it.
    pub(super) fn busy_with(&self, now: Timestamp) -> Option<&'static str> {
        let talking = self.answered_at().is_some_and(|at| now >= at);
        (now >= self.dialled_at && now < self.ended_at()).then_some(if talking { "Talking" } else { "Calling" })
    }

    /// The row that the dialler report lists once the call is over.
    pub(super) fn row(&self) -> DialerRow {
        let answered = self.answered_at();
        let [portuguese, english] = causes(self.fate());
        let agent = &AGENTS[0];
        DialerRow {
            id: self.id,
            uuid: self.uuid.clone(),
            start_time: self.dialled_at,
            wait_seconds: whole_seconds(self.ring),
            talk_seconds: answered.map(|_| whole_seconds(self.talk)),
            hangup_causes: [portuguese.to_owned(), english.to_owned()],
            campaign: Named {
                id: self.campaign.id,
                name: self.campaign.name.clone(),
            },
            agent: answered.map(|_| Named {
                id: agent.id,
                name: agent.name.to_owned(),
            }),
            subscriber: self.new.person.clone(),
            custom_fields: self.new.custom_fields.clone(),
            outcome: if answered.is_some() {
                "-"
            } else {
                "Assinante não atendeu"
            }
            .to_owned(),
            ..DialerRow::default()
        }
    }
}

/// The Portuguese and the English hangup text of a fate.
pub(super) const fn causes(fate: Fate) -> [&'static str; 2] {
    match fate {
        Fate::Answered | Fate::ReplyLost | Fate::Voicemail => ["Desligamento normal", "Normal clearing"],
        Fate::Busy => ["Usuário ocupado", "User busy"],
        Fate::NoAnswer => ["Sem resposta", "No answer"],
        Fate::Declined => ["Chamada rejeitada", "Call rejected"],
        Fate::OutOfCredit | Fate::RateLimited => ["Congestionamento", "Normal circuit congestion"],
    }
}

/// Reads an import: a header line, then one subscriber a line. Lines without a number are left out.
///
/// The web import writes ISO-8859-1, so bytes that are no UTF-8 are read as that.
pub(super) fn read_csv(body: &[u8]) -> Vec<NewSubscriber> {
    let text =
        std::str::from_utf8(body).map_or_else(|_| body.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).map(cells);
    let header = lines.next().unwrap_or_default();
    lines.filter_map(|cells| of_line(&header, cells)).collect()
}

fn of_line(header: &[String], cells: Vec<String>) -> Option<NewSubscriber> {
    let mut new = NewSubscriber::default();
    for (column, cell) in header.iter().zip(cells) {
        match column.as_str() {
            "external_id" => new.person.external_id = cell,
            "name" => new.person.name = cell,
            "number1" => new.person.number = national(&cell),
            "id" | "status" | "outcome" | "comments" => {}
            custom => drop(new.custom_fields.insert(custom.to_owned(), cell)),
        }
    }
    (!new.person.number.is_empty()).then_some(new)
}

/// Splits a CSV line; a quote within quotes is doubled.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        let Some(cell) = cells.last_mut() else { break };
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_import_keeps_quotes_commas_and_latin_letters() {
        let body = b"\"id\",\"external_id\",\"name\",\"status\",\"outcome\",\"number1\",\"comments\",\"plan\"\r\n\
            1,A1,\"Jo\xe3o \"\"J\"\", Neves\",Pending,-,84999999999,,gold\r\n2,A2,No number,Pending,-,,,\r\n";
        let [only] = read_csv(body).try_into().unwrap();
        assert_eq!(only.person.name, "João \"J\", Neves");
        assert_eq!(only.person.external_id, "A1");
        assert_eq!(only.custom_fields["plan"], "gold");
    }
}
