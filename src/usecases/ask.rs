//! Asking providers about calls that are silent: by the provider's name of a call, else by reading its reports.
//!
//! Of each account one round of questions is under way at a time, and an account that fails is left alone for a while,
//! longer each time. Every question is a GET that changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, try_join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};

use super::bind::provider_id;
use super::gateway::Gateway;
use super::records::Change;
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::binding;
use crate::domain::call::{Call, CallKind, SettledBy};
use crate::domain::call_file::CallFile;
use crate::domain::error::{Error, Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::history::Window;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::providers::port::{History, Lookup, Report, ReportQuery, Target};
use crate::providers::registry::Entry;
use crate::store::keys;

/// How many calls of an account one round asks about.
const ROUND: usize = 64;
/// How many questions of an account are under way at once.
const AT_ONCE: usize = 4;
/// The most pages of one report that one round reads: 10,000 calls at Zenvia.
const MOST_PAGES: usize = 50;
/// How long an account that failed is left alone, the first time and at most, in milliseconds.
const REST_MS: (i64, i64) = (1_000, 60_000);
/// How long a call waits whose account is asked about others, in milliseconds.
const TURN_MS: i64 = 500;
/// How long before its creation here, and how long after it, a provider may date a call, in seconds.
const AROUND_SECONDS: (i64, i64) = (-10, 180);

/// What came of a round of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Answered,
    /// The provider failed; the rest of the round was not asked.
    Failed,
}

/// The rounds under way, and how the accounts fared.
#[derive(Default)]
pub(super) struct Asker<'a> {
    rounds: FuturesUnordered<BoxFuture<'a, (AccountName, Round)>>,
    accounts: HashMap<AccountName, Standing>,
}

#[derive(Default)]
struct Standing {
    is_asked: bool,
    failures: u32,
    rests_until: Option<Timestamp>,
}

impl Standing {
    fn is_free(&self, now: Timestamp) -> bool {
        !self.is_asked && self.rests_until.is_none_or(|until| until <= now)
    }

    fn ended(&mut self, round: Round, now: Timestamp) {
        self.is_asked = false;
        (self.failures, self.rests_until) = match round {
            Round::Answered => (0, None),
            Round::Failed => {
                let rest = REST_MS.0.saturating_mul(1 << self.failures.min(16)).min(REST_MS.1);
                (self.failures + 1, Some(later(now, rest)))
            }
        };
    }
}

impl Asker<'_> {
    /// Whether no round is under way.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.rounds.is_empty()
    }

    /// Has the rounds go on for a while.
    pub(super) async fn ask_for(&mut self, time: Duration, now: impl Fn() -> Timestamp) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                Some((account, round)) = self.rounds.next() => {
                    self.accounts.entry(account).or_default().ended(round, now());
                }
            }
        }
    }
}

impl Gateway {
    /// Begins a round for each account that is free; calls that are not asked about now have their turn a little later.
    pub(super) async fn begin_to_ask<'a>(&'a self, asker: &mut Asker<'a>, silent: Vec<CallFile>) -> Result<(), Error> {
        let now = self.now();
        let mut by_account: HashMap<&AccountName, Vec<CallFile>> = HashMap::new();
        let mut not_now = Vec::new();
        for file in silent {
            let account = file
                .call
                .account
                .as_ref()
                .and_then(|account| self.accounts.get(account));
            let Some(entry) = account else { continue };
            let name = &entry.config.name;
            let is_free = asker.accounts.entry(name.clone()).or_default().is_free(now);
            let round = by_account.entry(name).or_default();
            if is_free && round.len() < ROUND {
                round.push(file);
            } else {
                not_now.push(file.call.id);
            }
        }
        for (name, files) in by_account {
            let Some(entry) = self.accounts.get(name).filter(|_| !files.is_empty()) else {
                continue;
            };
            asker.accounts.entry(name.clone()).or_default().is_asked = true;
            asker.rounds.push(self.round(entry, files).boxed());
        }
        let (set, turn) = (keys::open_calls(), later(now, TURN_MS).as_millis());
        let listed = not_now.iter().map(|id| id.to_string());
        try_join_all(listed.map(async |id| self.store.index(&set, turn, &id, None).await)).await?;
        Ok(())
    }

    async fn round(&self, entry: &Entry, files: Vec<CallFile>) -> (AccountName, Round) {
        let round = match self.ask_about(entry, files).await {
            Ok(()) => Round::Answered,
            Err(Stopped::Provider(failure)) => {
                tracing::warn!(account = %entry.config.name, %failure, "a provider could not be asked about its calls");
                Round::Failed
            }
            Err(Stopped::Ours(error)) => {
                tracing::warn!(account = %entry.config.name, %error, "a provider's answers could not be taken");
                Round::Failed
            }
        };
        (entry.config.name.clone(), round)
    }

    async fn ask_about(&self, entry: &Entry, files: Vec<CallFile>) -> Result<(), Stopped> {
        try_join_all(files.iter().map(|file| self.note_asked(file))).await?;
        let (named, sought): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_named(&file.call));
        if let Some(lookup) = entry.provider.lookup() {
            let named = named.into_iter().map(|file| file.call);
            self.fetch_all(lookup, named.collect()).await?;
        }
        if let Some(history) = entry.provider.history() {
            for report in history.reports() {
                let listed: Vec<_> = sought.iter().filter(|file| lists(report, &file.call)).collect();
                if !listed.is_empty() {
                    self.search(entry, history, (report, listed)).await?;
                }
            }
        }
        Ok(())
    }

    /// Written before anything is asked, so that nobody asks again too soon.
    async fn note_asked(&self, file: &CallFile) -> Result<(), Error> {
        let Some(held) = self.hold_call(file.call.id).await? else {
            return Ok(());
        };
        let now = self.now();
        let noted = self.change(held, |file| {
            if file.is_closed() {
                return Ok(Change::Keep(()));
            }
            file.asked_at = Some(now);
            Ok(Change::Write(()))
        });
        noted.await.map(|_| ())
    }

    /// Asks about each call. One that is answered badly does not keep the others from being asked.
    async fn fetch_all(&self, lookup: &dyn Lookup, calls: Vec<Call>) -> Result<(), Stopped> {
        let asked = calls.len();
        let bad: Vec<Failure> = stream::iter(calls)
            .map(async |call| self.fetch(lookup, call).await)
            .buffer_unordered(AT_ONCE)
            .try_filter_map(async |bad| Ok(bad))
            .try_collect()
            .await?;
        let all_bad = bad.len() == asked;
        match bad.into_iter().next() {
            Some(failure) if all_bad => Err(failure.into()),
            _ => Ok(()),
        }
    }

    /// Asks about a call and gives the failure that is this call's alone, as far as one can tell.
    async fn fetch(&self, lookup: &dyn Lookup, call: Call) -> Result<Option<Failure>, Stopped> {
        let Some(reference) = &call.provider_ref else {
            return Ok(None);
        };
        let target = Target {
            kind: call.kind,
            reference,
        };
        match lookup.fetch(target).await {
            Ok(facts) => {
                self.learn(call.id, facts, SettledBy::Poll, self.now()).await?;
                Ok(None)
            }
            Err(failure) => match failure.kind {
                FailureKind::Refused(Refusal::NotFound) => Ok(None),
                FailureKind::Broken | FailureKind::Refused(_) => Ok(Some(failure)),
                FailureKind::NotSent | FailureKind::Busy | FailureKind::Interrupted => Err(failure.into()),
            },
        }
    }

    /// Reads a report for the calls that are sought, until all are found or it ends.
    async fn search(
        &self,
        entry: &Entry,
        history: &dyn History,
        (report, mut sought): (&Report, Vec<&CallFile>),
    ) -> Result<(), Stopped> {
        let query = around(&sought);
        for index in 0..MOST_PAGES {
            let page = history.page(report.name, &query, index * report.page_size).await?;
            for row in page.rows {
                if binding::choose_file(&row.facts, sought.iter().copied()).is_none() {
                    continue;
                }
                let found = self.found(entry, row.facts).await?;
                sought.retain(|file| Some(file.call.id) != found);
            }
            if sought.is_empty() || !page.more {
                break;
            }
        }
        Ok(())
    }

    /// Ties a row to the call it is about and takes what it tells.
    async fn found(&self, entry: &Entry, facts: CallFacts) -> Result<Option<CallId>, Error> {
        let Some(name) = provider_id(facts.reference.as_ref()) else {
            return Ok(None);
        };
        let id = match self.known_call(&entry.config.name, name).await? {
            Some(id) => Some(id),
            None => self.bind(entry, &facts).await?,
        };
        if let Some(id) = id {
            self.learn(id, facts, SettledBy::Poll, self.now()).await?;
        }
        Ok(id)
    }
}

/// Why a round was broken off.
enum Stopped {
    Provider(Failure),
    Ours(Error),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Provider(failure)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// Whether the provider can be asked about a call: by its name of it, else in a report.
pub(super) fn can_be_asked(entry: &Entry, call: &Call) -> bool {
    if is_named(call) {
        entry
            .provider
            .lookup()
            .is_some_and(|lookup| lookup.can_fetch(call.kind))
    } else {
        let history = entry.provider.history();
        history.is_some_and(|history| history.reports().iter().any(|report| lists(report, call)))
    }
}

fn is_named(call: &Call) -> bool {
    provider_id(call.provider_ref.as_ref()).is_some()
}

/// What an agent is asked to dial, a call centre lists among the calls of its queues.
fn lists(report: &Report, call: &Call) -> bool {
    let is_agents = matches!(call.to, Some(Address::Agent(_)));
    report.kinds.contains(&call.kind) || (is_agents && report.kinds.contains(&CallKind::Queue))
}

/// The rows that may be about one of these calls.
fn around(sought: &[&CallFile]) -> ReportQuery {
    let made = || sought.iter().map(|file| file.call.created_at);
    let edge = |at: Option<Timestamp>, seconds| at.unwrap_or(Timestamp::from_millis(0)).plus_seconds(seconds);
    ReportQuery::of(Window {
        since: edge(made().min(), AROUND_SECONDS.0),
        until: edge(made().max(), AROUND_SECONDS.1),
    })
}

fn later(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(ms))
}
