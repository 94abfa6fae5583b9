//! `…/relatorio`: rows of a period, by offset over a list that moves as calls come in.

use std::ops::Range;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::Zenvia;
use super::numbers;
use super::table::{Row, Table};
use super::text::{Refusal, answered, zone};
use super::torpedoes::Kind;
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array, string};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 200;
const FOUND: &str = "dados retornados com sucesso";

/// What a report request asks for.
struct Query {
    window: Range<Timestamp>,
    position: usize,
    limit: usize,
    origin: Option<String>,
    destination: Option<String>,
    ascending: bool,
}

/// A row as it is told, and where it stands in a list: by its time, then by its id.
#[derive(Clone)]
pub struct Item {
    place: (Timestamp, u64),
    json: String,
}

/// One page, and how many rows there are in all.
struct Page {
    items: Vec<Item>,
    total: usize,
}

impl Query {
    fn matches(&self, origin: &str, destination: &str) -> bool {
        let same = |wanted: &Option<String>, number: &str| {
            wanted.as_ref().is_none_or(|wanted| *wanted == numbers::key(number))
        };
        same(&self.origin, origin) && same(&self.destination, destination)
    }

    fn page<T: Row>(&self, table: &Table<T>, matches: impl Fn(&T) -> bool, json: impl Fn(&T) -> String) -> Page {
        let mut rows: Vec<&T> = table.within(&self.window).filter(|row| matches(row)).collect();
        if !self.ascending {
            rows.reverse();
        }
        let items = rows
            .iter()
            .skip(self.position)
            .take(self.limit)
            .map(|row| Item {
                place: (row.created(), row.id()),
                json: json(row),
            })
            .collect();
        Page {
            items,
            total: rows.len(),
        }
    }
}

impl Page {
    fn rows(&self) -> String {
        array(self.items.iter().map(|item| &item.json))
    }
}

impl Zenvia {
    /// `GET /chamada/relatorio`.
    pub(super) fn report_calls(&self, request: &Request) -> Result<Reply, Refusal> {
        let (query, now) = (self.query(request)?, self.control.clock.now());
        let matches = |row: &super::calls::Call| query.matches(&row.origin.number, &row.destination.number);
        let page = query.page(&self.state().calls, matches, |row| row.json(self.account, now));
        Ok(bare(&self.told(request, &query, page)))
    }

    /// `GET /tts/relatorio` and its like.
    pub(super) fn report_torpedoes(&self, kind: Kind, request: &Request) -> Result<Reply, Refusal> {
        let (mut query, now) = (self.query(request)?, self.control.clock.now());
        query.origin = None;
        let matches = |row: &super::torpedoes::Torpedo| row.kind == kind && query.matches("", &row.leg.number);
        let page = query.page(&self.state().torpedoes, matches, |row| row.json(now));
        Ok(bare(&self.told(request, &query, page)))
    }

    /// `GET /conferencia/relatorio`.
    pub(super) fn report_conferences(&self, request: &Request) -> Result<Reply, Refusal> {
        let (query, now) = (self.query(request)?, self.control.clock.now());
        let page = query.page(&self.state().conferences, |_| true, |row| row.json(self.account, now));
        Ok(bare(&page))
    }

    /// `GET /did/relatorio`: the one report that tells the total, and its limit as a string.
    pub(super) fn report_inbound(&self, request: &Request) -> Result<Reply, Refusal> {
        let (query, now) = (self.query(request)?, self.control.clock.now());
        let matches = |row: &super::inbound::Inbound| query.matches(&row.from, &row.leg.number);
        let page = query.page(&self.state().inbound, matches, |row| row.json(now));
        let data = Object::new()
            .raw("total", page.total)
            .raw("posicao", query.position)
            .raw("limite", string(&query.limit.to_string()))
            .raw("relatorio", page.rows());
        Ok(answered(FOUND, &data.done()))
    }

    /// The page as it is told: as it is, unless the report [hides removals](super::Knobs::report_hides_removals).
    fn told(&self, request: &Request, query: &Query, mut page: Page) -> Page {
        if !self.knobs().report_hides_removals {
            return page;
        }
        let edges = &mut self.state().edges;
        let edge = edges.get(&(request.path.clone(), query.position));
        let shorter = |edge: &&Item| page.items.first().is_none_or(|first| first.place < edge.place);
        if let Some(edge) = edge.filter(shorter) {
            page.items.insert(0, edge.clone());
            page.items.truncate(query.limit);
        }
        if let Some(last) = page.items.last() {
            let position = query.position + page.items.len() - 1;
            edges.insert((request.path.clone(), position), last.clone());
        }
        page
    }

    fn query(&self, request: &Request) -> Result<Query, Refusal> {
        let given = |key| request.query(key).filter(|value| !value.is_empty());
        let moment = |key, end| {
            let text = given(key).ok_or_else(|| Refusal::missing(key))?;
            boundary(text, end).ok_or_else(|| Refusal::invalid(key))
        };
        let count = |key, default| match given(key) {
            None => Ok(default),
            Some(text) => text.parse::<usize>().map_err(|_| Refusal::invalid(key)),
        };
        Ok(Query {
            window: moment("data_inicio", false)?..moment("data_fim", true)?,
            position: count("posicao", 0)?,
            limit: count("limite", DEFAULT_LIMIT)?.min(MAX_LIMIT),
            origin: given("origem").map(numbers::key),
            destination: given("destino").map(numbers::key),
            ascending: self.knobs().report_ascending,
        })
    }
}

fn bare(page: &Page) -> Reply {
    answered(FOUND, &Object::new().raw("relatorio", page.rows()).done())
}

/// Where a window begins, or where it ends so that the moment or day named is still inside.
fn boundary(text: &str, end: bool) -> Option<Timestamp> {
    if let Ok(day) = text.parse::<Date>()
        && text.len() == 10
    {
        let day = if end {
            day.checked_add(Span::new().days(1)).ok()?
        } else {
            day
        };
        return day.to_zoned(zone()).ok().map(|start| start.timestamp());
    }
    let moment = moment(text)?;
    if end {
        moment.checked_add(SignedDuration::from_secs(1)).ok()
    } else {
        Some(moment)
    }
}

/// The spellings of the SDKs: an offset, a literal `Z`, a trailing ` UTC`, or nothing (local time).
fn moment(text: &str) -> Option<Timestamp> {
    let naive = |text: &str, zone: TimeZone| {
        let time: DateTime = text.parse().ok()?;
        Some(time.to_zoned(zone).ok()?.timestamp())
    };
    match text.strip_suffix(" UTC") {
        Some(utc) => naive(utc, TimeZone::UTC),
        None => text.parse().ok().or_else(|| naive(text, zone())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn start(text: &str) -> String {
        boundary(text, false).unwrap().to_string()
    }

    #[test]
    fn every_documented_spelling_of_a_moment() {
        assert_eq!(start("2018-03-14"), "2018-03-14T03:00:00Z");
        assert_eq!(start("2017-12-08T11:00:32-02:00"), "2017-12-08T13:00:32Z");
        assert_eq!(start("2018-03-14 00:00:00 UTC"), "2018-03-14T00:00:00Z");
        assert_eq!(start("2018-03-14T10:00:00Z"), "2018-03-14T10:00:00Z");
        assert_eq!(start("2018-03-14T10:00:00"), "2018-03-14T13:00:00Z");
        assert!(boundary("ontem", false).is_none());
    }

    #[test]
    fn the_end_named_is_inside_the_window() {
        assert_eq!(
            boundary("2018-03-14", true).unwrap().to_string(),
            "2018-03-15T03:00:00Z"
        );
        assert_eq!(
            boundary("2018-03-14T10:00:00Z", true).unwrap().to_string(),
            "2018-03-14T10:00:01Z"
        );
    }
}
