//! What closed days of the history come to, kept: a day is read once and not again.
//!
//! It is kept for an account, by all the traits of its calls, whoever may see them: so it serves every caller and every
//! query that chooses by traits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::summarise_history::{of_accounts, within};
use crate::domain::account::AccountName;
use crate::domain::caller::{Caller, EVERY_TENANT};
use crate::domain::error::Error;
use crate::domain::history::Window;
use crate::domain::summary::{Figures, Traits};
use crate::seal::plain_name;
use crate::store::{Expect, Key, Stored, keys};

/// How long after its end a day is closed: by then webhooks came, presumed ends were settled and providers had billed.
const CLOSED_AFTER_SECONDS: u64 = 2 * 86_400;
/// How many different calls a day may have to be kept.
const MOST_CELLS: usize = 5_000;
/// Changes when what is kept does, so that nothing is read that was written otherwise.
const FORM: &str = "2";

/// The calls of a day by their traits.
pub(super) type Cells = Vec<(Traits, Figures)>;

impl Gateway {
    /// Whether a day is so long over that nothing of it is expected to change.
    pub(super) fn is_closed(&self, day: Window) -> bool {
        let now = self.now();
        now > day.until && now.seconds_since(day.until) >= CLOSED_AFTER_SECONDS
    }

    /// The calls of a closed day of some accounts, read only if they are not kept; nothing where they are to be read row by
    /// row: a source failed, or there are too many kinds of them.
    pub(super) async fn day_of(
        self: &Arc<Self>,
        accounts: &[AccountName],
        date: Date,
        day: Window,
    ) -> Result<Option<Cells>, Error> {
        let key = |account: &AccountName| self.rollup_key(account, date);
        let stored = self
            .store
            .get_many(&accounts.iter().map(key).collect::<Vec<_>>())
            .await?;
        let (mut cells, mut missing) = (Vec::new(), Vec::new());
        for (account, stored) in accounts.iter().zip(stored) {
            match stored.as_ref().and_then(unpack) {
                Some(Kept { cells: Some(kept) }) => cells.extend(kept),
                Some(Kept { cells: None }) => return Ok(None),
                None => missing.push(account.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(Some(cells));
        }
        let Some(Read { days, lacking }) = self.read_day(missing, day).await? else {
            return Ok(None);
        };
        let mut too_many = false;
        for (account, read) in days {
            // A call that is not over yet, however old, may still change.
            let is_over = read.keys().all(|traits| traits.status.is_final());
            let read: Cells = read.into_iter().collect();
            let fits = read.len() <= MOST_CELLS;
            too_many |= !fits;
            if !lacking.contains(&account) && (is_over || !fits) {
                let kept = Kept {
                    cells: fits.then(|| read.clone()),
                };
                self.keep_day(&key(&account), &kept, day).await?;
            }
            cells.extend(read);
        }
        Ok((!too_many).then_some(cells))
    }

    async fn keep_day(&self, key: &Key, kept: &Kept, day: Window) -> Result<(), Error> {
        if let Some(value) = pack(kept) {
            let keep = Some(self.kept_for(day));
            self.store.put(key, value, keep, Expect::Any).await?;
        }
        Ok(())
    }

    /// The calls of a day, of each account; nothing where a source failed or has rows that cannot be read.
    async fn read_day(self: &Arc<Self>, accounts: Vec<AccountName>, day: Window) -> Result<Option<Read>, Error> {
        let everyone = Caller {
            tenant: EVERY_TENANT.to_owned(),
            subject: String::new(),
            scopes: Vec::new(),
            expires_at: self.now(),
        };
        let none = |account: &AccountName| (account.clone(), BTreeMap::new());
        let mut days: BTreeMap<_, BTreeMap<Traits, Figures>> = accounts.iter().map(none).collect();
        let walked = self
            .each_record(&everyone, within(&of_accounts(accounts), day), &mut |report, record| {
                let traits = Traits::of(record, report, &self.config.history.time_zone);
                let cells = days.entry(record.account.clone()).or_default();
                // One more than may be kept shows that there are too many.
                if cells.len() <= MOST_CELLS || cells.contains_key(&traits) {
                    cells.entry(traits).or_default().add(&Figures::of(record));
                }
                Ok(())
            })
            .await?;
        let whole = walked.complete && walked.sources.iter().all(|source| source.detail.is_none());
        let absent = walked.sources.into_iter().filter(|source| source.absent);
        let lacking = absent.map(|source| source.account).collect();
        Ok(whole.then_some(Read { days, lacking }))
    }

    /// Names a day of an account as it is configured: whose its rows are, where they are from, and what chooses them.
    fn rollup_key(&self, account: &AccountName, date: Date) -> Key {
        let date = date.to_string();
        let mut parts = vec![FORM, &self.config.history.time_zone_name, &date];
        let entry = self.accounts.get(account);
        let told = entry.map(|entry| (entry.config.base_url.as_ref(), entry.config.settings.to_string()));
        if let (Some(entry), Some((base_url, settings))) = (entry, &told) {
            parts.extend([&*entry.config.provider, &entry.config.owner, settings]);
            parts.push(base_url.map_or("", |url| url.as_str()));
            let reports = entry.provider.history().map_or(&[][..], |history| history.reports());
            parts.extend(reports.iter().map(|report| report.name));
        }
        keys::rollup(account, plain_name(&parts))
    }

    /// As long as its calls are kept, which give the rows their tenant and tag; once they are gone, as long again.
    fn kept_for(&self, day: Window) -> Duration {
        let calls = self.config.retention.calls;
        let age = Duration::from_secs(self.now().seconds_since(day.since));
        calls.checked_sub(age).filter(|left| !left.is_zero()).unwrap_or(calls)
    }
}

/// A day as it was read.
struct Read {
    /// The calls of each account.
    days: BTreeMap<AccountName, BTreeMap<Traits, Figures>>,
    /// The accounts that were said to lack a report. It may be there later, so nothing of theirs is kept.
    lacking: BTreeSet<AccountName>,
}

/// What is kept of a day.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Its calls; nothing where they are of too many kinds.
    cells: Option<Cells>,
}

fn pack(kept: &Kept) -> Option<Bytes> {
    let mut packing = DeflateEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut packing, kept).ok()?;
    packing.finish().ok().map(Bytes::from)
}

fn unpack(stored: &Stored) -> Option<Kept> {
    serde_json::from_reader(DeflateDecoder::new(stored.value.as_ref())).ok()
}
