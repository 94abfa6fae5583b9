//! How a provider's messages differ from its documentation, counted where operators look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use metrics::SharedString;

use crate::domain::words::words;
use crate::telemetry::{mask_digits, metric};

/// Differences told of one message; a body made of nothing but surprises is cut here.
const MOST_PER_MESSAGE: usize = 32;
/// Field names logged of one endpoint and kind, each once.
const MOST_LOGGED: usize = 8;
/// Where a field's name is cut, in characters: the provider chose it.
const LONGEST_NAME: usize = 60;

words! {
    /// How a field differs from its documentation.
    DriftKind {
        /// It is not documented.
        UnknownField = "unknown_field",
        /// It is documented to come always, and did not.
        MissingField = "missing_field",
        /// It holds a word that means nothing here.
        UnknownWord = "unknown_word",
        /// It holds another type of value.
        TypeChanged = "type_changed",
    }
}

/// The differences of one message, each once however often the message repeats it.
///
/// Holds names of fields, and never a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift(BTreeSet<(DriftKind, String)>);

impl Drift {
    /// Adds a difference at the field of this name.
    pub fn add(&mut self, kind: DriftKind, field: &str) {
        if self.0.len() < MOST_PER_MESSAGE {
            let name: String = field.chars().take(LONGEST_NAME).collect();
            self.0.insert((kind, mask_digits(&name)));
        }
    }

    /// The differences, by kind and field.
    pub fn iter(&self) -> impl Iterator<Item = (DriftKind, &str)> {
        self.0.iter().map(|(kind, field)| (*kind, field.as_str()))
    }
}

/// How often messages of one endpoint differed in one way since this process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftCount {
    /// The operation, or the kind of webhook.
    pub endpoint: &'static str,
    /// How.
    pub kind: DriftKind,
    /// How often.
    pub count: u64,
}

/// The differences of one account's messages.
pub(super) struct Drifts {
    account: SharedString,
    seen: Mutex<BTreeMap<(&'static str, DriftKind), Seen>>,
}

#[derive(Default)]
struct Seen {
    count: u64,
    logged: BTreeSet<String>,
}

impl Drifts {
    pub(super) fn new(account: SharedString) -> Self {
        Self {
            account,
            seen: Mutex::default(),
        }
    }

    /// Counts the differences of a message, and logs the first few names of fields: a metric has no room for them.
    pub(super) fn note(&self, endpoint: &'static str, drift: &Drift) {
        for (kind, field) in drift.iter() {
            metrics::counter!(
                metric::PROVIDER_DRIFT,
                "account" => self.account.clone(),
                "endpoint" => endpoint,
                "kind" => kind.as_str(),
            )
            .increment(1);
            if self.is_news((endpoint, kind), field) {
                tracing::info!(account = %self.account, endpoint, %kind, field, "a message differs from its documentation");
            }
        }
    }

    fn is_news(&self, place: (&'static str, DriftKind), field: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(place).or_default();
        seen.count += 1;
        seen.logged.len() < MOST_LOGGED && seen.logged.insert(field.to_owned())
    }

    pub(super) fn counts(&self) -> Vec<DriftCount> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = seen.iter().map(|((endpoint, kind), seen)| DriftCount {
            endpoint,
            kind: *kind,
            count: seen.count,
        });
        counts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(field: &str) -> Drift {
        let mut drift = Drift::default();
        drift.add(DriftKind::UnknownField, field);
        drift
    }

    #[test]
    fn differences_are_counted_by_endpoint_and_kind() {
        let drifts = Drifts::new("one".into());
        let mut two = drift("a");
        two.add(DriftKind::UnknownField, "a");
        two.add(DriftKind::MissingField, "b");
        drifts.note("tts-end", &two);
        drifts.note("tts-end", &drift("c"));
        drifts.note("GET /saldo", &Drift::default());
        let count = |kind, count| DriftCount {
            endpoint: "tts-end",
            kind,
            count,
        };
        let expected = [count(DriftKind::UnknownField, 2), count(DriftKind::MissingField, 1)];
        assert_eq!(drifts.counts(), expected);
    }

    #[test]
    fn the_metric_has_three_labels_and_no_name_that_the_provider_chose() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let page = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let drifts = Drifts::new("one".into());
            drifts.note("tts-end", &drift("fila"));
            drifts.note("tts-end", &drift("ramo"));
        });
        let line = r#"switchboard_provider_drift_total{account="one",endpoint="tts-end",kind="unknown_field"} 2"#;
        assert!(page.render().contains(line), "{}", page.render());
        assert!(!page.render().contains("fila"));
    }

    #[test]
    fn a_name_is_news_once_and_only_the_first_few_are() {
        let drifts = Drifts::new("one".into());
        let place = ("tts-end", DriftKind::UnknownField);
        let news = (0..2 * MOST_LOGGED).filter(|n| drifts.is_news(place, &format!("field{}", n / 2)));
        assert_eq!(news.count(), MOST_LOGGED);
        let more = (0..100).filter(|n| drifts.is_news(place, &format!("more{n}")));
        assert_eq!(more.count(), 0);
    }

    #[test]
    fn a_message_of_nothing_but_surprises_is_cut() {
        let mut drift = Drift::default();
        for n in 1_000..10_000 {
            drift.add(DriftKind::UnknownField, &format!("number {n}"));
        }
        assert_eq!(drift.iter().count(), 1, "digits are masked");
        for n in 0..10_000_u32 {
            let name: String = n.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            drift.add(DriftKind::UnknownField, &name.repeat(60));
        }
        assert_eq!(drift.iter().count(), MOST_PER_MESSAGE);
        assert!(drift.iter().all(|(_, field)| field.chars().count() <= LONGEST_NAME));
    }
}
