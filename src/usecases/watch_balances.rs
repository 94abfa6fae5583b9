//! Watching the accounts' credit: a metric, and an event whenever it falls below what its owner wants to be told of.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::follow_inbox::owners_event;
use super::gateway::Gateway;
use crate::config::Mode;
use crate::domain::account::AccountName;
use crate::domain::error::Error;
use crate::domain::event::{Event, EventType};
use crate::domain::ids::EventId;
use crate::domain::money::Money;
use crate::providers::registry::Entry;
use crate::store::{Expect, Put, keys};
use crate::telemetry::metric;

/// How often the credit is asked for.
const EVERY: Duration = Duration::from_secs(60);

/// The series of the credit that the metrics show, by account and currency.
pub(super) type Shown = BTreeSet<(AccountName, String)>;

impl Current {
    /// Watches the accounts' credit until told to stop. Every instance shows it; of all of them one tells that it is low.
    pub(super) async fn watch_balances(&self, stop: CancellationToken) {
        let mut shown = Shown::new();
        while !stop.is_cancelled() {
            self.load().look_at_balances(&mut shown, &stop).await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

impl Gateway {
    /// Looks at the credit of every account that is in use and whose provider tells it, and shows no more of the others.
    ///
    /// Questions are broken off when told to stop; what has begun to be told is seen through.
    pub(super) async fn look_at_balances(&self, shown: &mut Shown, stop: &CancellationToken) {
        let in_use = |entry: &Entry| entry.config.mode != Mode::Off;
        shown.retain(|series| {
            let kept = self.accounts.get(&series.0).is_some_and(in_use);
            if !kept {
                // A series cannot be taken away, but nothing is less than this.
                gauge(series).set(f64::NAN);
            }
            kept
        });
        let looks = self.accounts.iter().filter(|(_, entry)| in_use(entry));
        let looks = looks.map(|(name, entry)| async move {
            let balance = tokio::select! {
                balance = self.balance(entry) => balance?,
                () = stop.cancelled() => return None,
            };
            let series = (name.clone(), balance.currency.clone());
            gauge(&series).set(balance.amount.to_f64().unwrap_or(f64::NAN));
            if let Err(error) = self.tell_balance(entry, &balance).await {
                tracing::warn!(%error, account = %name, "what is left of an account's credit could not be told");
            }
            Some(series)
        });
        shown.extend(join_all(looks).await.into_iter().flatten());
    }

    /// Tells once that the credit is low, until it no longer was.
    async fn tell_balance(&self, entry: &Entry, balance: &Money) -> Result<(), Error> {
        let (name, key) = (&entry.config.name, keys::balance_told(&entry.config.name));
        let Some(low) = entry.config.low_balance.filter(|low| balance.amount < *low) else {
            self.store.remove(&key, Expect::Any).await?;
            return Ok(());
        };
        let Put::Stored(version) = self.store.put(&key, "low".into(), None, Expect::Absent).await? else {
            return Ok(());
        };
        tracing::warn!(account = %name, balance = %balance.amount, %low, "an account's credit is low");
        let data = json!({ "account": name, "balance": balance, "low_balance": low });
        let event = Event {
            time: self.now(),
            ..owners_event(entry, EventId::generate(), EventType::AccountBalanceLow, &data)?
        };
        if let Err(error) = self.append_event(&event).await {
            // Whoever looks next tells it.
            self.store.remove(&key, Expect::Version(version)).await?;
            return Err(error);
        }
        Ok(())
    }
}

fn gauge((account, currency): &(AccountName, String)) -> metrics::Gauge {
    let labels = [("account", account.to_string()), ("currency", currency.clone())];
    metrics::gauge!(metric::ACCOUNT_BALANCE, &labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecases::tests::bed::{SAY, Scripted, bed};

    #[tokio::test]
    async fn the_credit_of_an_account_is_shown_until_it_is_switched_off() {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        let off = bed.reconfigured(&[&one], |account| account.mode = Mode::Off);
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let page = recorder.handle();
        let _recorded = metrics::set_default_local_recorder(&recorder);
        let (mut shown, stop) = (Shown::new(), CancellationToken::new());
        let series = "switchboard_account_balance{account=\"one\",currency=\"BRL\"} ";
        for (gateway, value) in [(&bed.gateway, "7"), (&off, "NaN")] {
            gateway.look_at_balances(&mut shown, &stop).await;
            let told = page.render();
            assert!(told.contains(&format!("{series}{value}")), "{told}");
        }
    }
}
