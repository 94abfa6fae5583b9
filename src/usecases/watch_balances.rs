//! Watching the accounts' credit: a metric, and an event whenever it falls below what its owner wants to be told of.

use std::time::Duration;

use futures_util::future::join_all;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::follow_inbox::owners_event;
use super::gateway::Gateway;
use crate::config::Mode;
use crate::domain::error::Error;
use crate::domain::event::{Event, EventType};
use crate::domain::ids::EventId;
use crate::domain::money::Money;
use crate::providers::registry::Entry;
use crate::store::{Expect, Put, keys};
use crate::telemetry::metric;

/// How often the credit is asked for.
const EVERY: Duration = Duration::from_secs(60);

impl Gateway {
    /// Watches the accounts' credit until told to stop. Every instance shows it; of all of them one tells that it is low.
    pub(super) async fn watch_balances(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.look_at_balances() => {}
                () = stop.cancelled() => {}
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Looks at the credit of every account that is in use and whose provider tells it.
    pub(super) async fn look_at_balances(&self) {
        let used = self.accounts.iter().filter(|(_, entry)| entry.config.mode != Mode::Off);
        join_all(used.map(|(name, entry)| async move {
            let Some(balance) = self.balance(entry).await else {
                return;
            };
            show(entry, &balance);
            if let Err(error) = self.tell_balance(entry, &balance).await {
                tracing::warn!(%error, account = %name, "what is left of an account's credit could not be told");
            }
        }))
        .await;
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

fn show(entry: &Entry, balance: &Money) {
    let labels = [
        ("account", entry.config.name.to_string()),
        ("currency", balance.currency.clone()),
    ];
    metrics::gauge!(metric::ACCOUNT_BALANCE, &labels).set(balance.amount.to_f64().unwrap_or(f64::NAN));
}
