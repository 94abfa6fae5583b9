//! The journal of what webhooks told, read as a source: a batch at a time, newest first.

use super::Source;
use super::reading::Reader;
use crate::domain::error::Error;
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::store::{Order, Range, keys};
use crate::usecases::history_cursor::Place;
use crate::usecases::history_record::matches;
use crate::usecases::history_source::{lowest, until};
use crate::usecases::records;

/// How many calls of the journal are read per round trip.
const BATCH: usize = 200;

impl Source {
    /// Reads the next batch back in time, and whatever else happened at the last instant of it.
    ///
    /// # Errors
    /// Where our own store fails.
    pub(super) async fn read_journal(&mut self, reader: Reader<'_>, last: Option<&Place>) -> Result<(), Error> {
        let Some(whole) = self.window else { return Ok(()) };
        let window = Window {
            until: until(&self.frontier),
            ..whole
        };
        let (records, read_from) = self.journal_records(reader, window).await?;
        let below = lowest(self.below.clone(), last.cloned());
        for record in records {
            let place = (record.created_at, record.id.clone());
            if below.as_ref().is_none_or(|below| place < *below) && matches(&record, reader.query) {
                self.shelf.put(Box::new(record));
            }
        }
        self.frontier = (read_from, String::new());
        if let Some(cut) = self.shelf.cut() {
            self.frontier = self.frontier.clone().max(cut.clone());
            self.shelf.begin_again();
        }
        Ok(())
    }

    /// The newest calls of an account in a window that only webhooks told of, and from where on these are all.
    async fn journal_records(&mut self, reader: Reader<'_>, window: Window) -> Result<(Vec<Record>, Timestamp), Error> {
        let Reader {
            gateway, caller, query, ..
        } = reader;
        let set = keys::calls_of_account(&self.entry.config.name);
        let newest = window.until.as_millis() - 1;
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let range = Range {
                scores: window.since.as_millis()..=newest,
                order: Order::Descending,
                after,
                limit: BATCH,
            };
            let members = gateway.store.range(&set, range).await?;
            self.rows += members.len();
            let keys: Vec<_> = members.iter().map(|member| keys::call(&member.member)).collect();
            let stored = gateway.store.get_many(&keys).await?;
            let calls = stored.iter().flatten();
            let calls = calls.filter_map(|stored| records::read_call(&stored.value));
            records.extend(
                gateway
                    .journal_records_of(caller, &self.entry, calls.collect(), query.raw)
                    .await?,
            );
            match members.last() {
                Some(last) if members.len() == BATCH && last.score == newest => {
                    after = Some((last.score, last.member.clone()));
                }
                Some(last) if members.len() == BATCH => {
                    return Ok((records, Timestamp::from_millis(last.score + 1)));
                }
                _ => return Ok((records, window.since)),
            }
        }
    }
}
