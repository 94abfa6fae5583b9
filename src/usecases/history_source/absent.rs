//! Reports that an account does not have, told apart from an account that is disabled.

use super::Source;
use super::reading::read_page;
use crate::domain::error::Failure;
use crate::domain::history::Window;
use crate::providers::port::ReportQuery;
use crate::usecases::Gateway;
use crate::usecases::history_cursor::SourceKey;

const DAY_SECONDS: i64 = 86_400;

impl Gateway {
    /// Fails every source of an account all of whose reports are said to be absent: an account may lack one report, but one
    /// that has none is disabled, and its history is not empty.
    pub(in crate::usecases) async fn fail_disabled(&self, sources: &mut [Source]) {
        let mut accounts: Vec<_> = sources
            .iter()
            .filter(|source| source.absent().is_some())
            .map(|source| source.account().clone())
            .collect();
        accounts.dedup();
        for account in accounts {
            let own = |source: &&mut Source| *source.account() == account && source.window.is_some();
            let walked: Vec<_> = sources.iter_mut().filter(own).collect();
            let absent: Vec<_> = walked
                .iter()
                .filter(|source| source.absent().is_some())
                .map(|source| source.key())
                .collect();
            let (Some(first), true) = (walked.first(), absent.len() == walked.len()) else {
                continue;
            };
            let disabled = match first.has_other_report(&absent).await {
                Ok(true) => None,
                Ok(false) => first.absent().cloned(),
                Err(failure) => Some(failure),
            };
            for source in walked {
                match &disabled {
                    Some(failure) => source.failure = Some(failure.clone()),
                    None => source.vouched = true,
                }
            }
        }
    }
}

impl Source {
    /// How the provider said that the account does not have the report.
    pub(in crate::usecases) fn absent(&self) -> Option<&Failure> {
        self.absent.as_ref().filter(|_| !self.vouched)
    }

    /// Whether the account has a report that it answers, one that is not known to be absent.
    ///
    /// # Errors
    /// How the last of its reports failed.
    async fn has_other_report(&self, known: &[SourceKey]) -> Result<bool, Failure> {
        let (Some(history), Some(window)) = (self.entry.provider.history(), self.window) else {
            return Ok(true);
        };
        let asked = ReportQuery::of(Window {
            since: window.since.max(window.until.plus_seconds(-DAY_SECONDS)),
            ..window
        });
        let others = history.reports().iter();
        let mut failure = None;
        for other in others.filter(|other| !known.contains(&(self.account().clone(), other.code))) {
            match read_page(self.entry.clone(), *other, (asked.clone(), 0)).await {
                Ok(page) if page.absent.is_none() => return Ok(true),
                Ok(_) => {}
                Err(failed) => failure = Some(failed),
            }
        }
        failure.map_or(Ok(false), Err)
    }
}
