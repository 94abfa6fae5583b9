//! What the gateway tells about itself: log lines, metrics, and how numbers are kept out of both.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use self::json_line::JsonLine;
use self::lines::{Lines, Writing};
use crate::config::LogFormat;

mod json_line;
mod lines;

/// Names of metrics.
pub mod metric {
    /// Requests answered, by route pattern, method and status.
    pub const HTTP_REQUESTS: &str = "switchboard_http_requests_total";
    /// Time from a request's head to its answer's.
    pub const HTTP_REQUEST_DURATION: &str = "switchboard_http_request_duration_seconds";
    /// The part of it that was not spent waiting for providers.
    pub const OVERHEAD_DURATION: &str = "switchboard_overhead_duration_seconds";
    /// Time of one request to a provider, by account, operation and outcome.
    pub const UPSTREAM_DURATION: &str = "switchboard_upstream_duration_seconds";
    /// Whether an account is usable, by account.
    pub const ACCOUNT_HEALTHY: &str = "switchboard_account_healthy";
    /// Credit left, by account and currency.
    pub const ACCOUNT_BALANCE: &str = "switchboard_account_balance";
    /// Calls whose outcome is not yet known.
    pub const CALLS_UNSETTLED: &str = "switchboard_calls_unsettled";
    /// Verifications, by status reached.
    pub const VERIFICATIONS: &str = "switchboard_verifications_total";
    /// Decisions of the guard, by rule and decision.
    pub const GUARD_DECISIONS: &str = "switchboard_guard_decisions_total";
    /// Events published, by type.
    pub const EVENTS: &str = "switchboard_events_total";
    /// Webhooks with the right secret, by account and what became of them.
    pub const WEBHOOKS: &str = "switchboard_webhooks_total";
    /// When the last webhook came, by account and kind.
    pub const WEBHOOK_LAST_RECEIVED: &str = "switchboard_webhook_last_received_timestamp_seconds";
    /// Tries to deliver an event, by subscription and outcome.
    pub const DELIVERIES: &str = "switchboard_deliveries_total";
    /// Deliveries given up, by subscription.
    pub const DELIVERIES_DEAD: &str = "switchboard_deliveries_dead";
    /// When a key was last accepted, by ring and key.
    pub const KEY_LAST_ACCEPTED: &str = "switchboard_key_last_accepted_timestamp_seconds";
    /// When a key was last rejected, by ring and key.
    pub const KEY_LAST_REJECTED: &str = "switchboard_key_last_rejected_timestamp_seconds";
    /// Fetches of the keys that the issuer publishes, by outcome.
    pub const JWKS_FETCHES: &str = "switchboard_jwks_fetches_total";
    /// When those keys were last fetched.
    pub const JWKS_LAST_FETCHED: &str = "switchboard_jwks_last_fetched_timestamp_seconds";
    /// Whether the last reload of the configuration was taken.
    pub const CONFIG_LAST_RELOAD_SUCCESSFUL: &str = "switchboard_config_last_reload_successful";
    /// Always 1; its label is the hash of the running configuration.
    pub const CONFIG_INFO: &str = "switchboard_config_info";
    /// What a provider sent that its documentation does not say, by account, endpoint and kind.
    pub const PROVIDER_DRIFT: &str = "switchboard_provider_drift_total";
}

const COUNTERS: [(&str, &str); 8] = [
    (metric::HTTP_REQUESTS, "Requests answered."),
    (metric::VERIFICATIONS, "Verifications, by the status they reached."),
    (metric::GUARD_DECISIONS, "Decisions of the verification guard."),
    (metric::EVENTS, "Events published."),
    (metric::WEBHOOKS, "Webhooks with the right secret."),
    (metric::DELIVERIES, "Tries to deliver an event."),
    (metric::JWKS_FETCHES, "Fetches of the keys that the issuer publishes."),
    (
        metric::PROVIDER_DRIFT,
        "Provider messages that differ from the documentation.",
    ),
];

const GAUGES: [(&str, &str); 10] = [
    (metric::ACCOUNT_HEALTHY, "1 while the account is usable, else 0."),
    (metric::ACCOUNT_BALANCE, "Credit left at the provider."),
    (metric::CALLS_UNSETTLED, "Calls whose outcome is not yet known."),
    (metric::WEBHOOK_LAST_RECEIVED, "When the last webhook came."),
    (metric::DELIVERIES_DEAD, "Deliveries given up."),
    (metric::KEY_LAST_ACCEPTED, "When the key was last accepted."),
    (metric::KEY_LAST_REJECTED, "When the key was last rejected."),
    (
        metric::JWKS_LAST_FETCHED,
        "When the keys that the issuer publishes were last fetched.",
    ),
    (
        metric::CONFIG_LAST_RELOAD_SUCCESSFUL,
        "1 if the last reload was taken, else 0.",
    ),
    (
        metric::CONFIG_INFO,
        "The hash of the running configuration; the value is 1.",
    ),
];

const HISTOGRAMS: [(&str, &str); 3] = [
    (metric::HTTP_REQUEST_DURATION, "Time to answer a request, in seconds."),
    (
        metric::OVERHEAD_DURATION,
        "Time to answer without the wait for providers, in seconds.",
    ),
    (
        metric::UPSTREAM_DURATION,
        "Time of one request to a provider, in seconds.",
    ),
];

/// From an answer out of memory to the longest request allowed, in seconds.
const BUCKETS: [f64; 15] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
];

/// How long samples of histograms pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Fewer digits in a row than this are neither a phone number nor a code.
const FEWEST_SECRET_DIGITS: usize = 4;

/// Starts writing log lines to standard output, from a thread of their own: those of some milliseconds share one write.
///
/// Nothing is left out; whoever logs waits while very many lines do. Dropping what is returned writes the last of them, so
/// only a process that is killed loses a few. `level` is for this crate; dependencies are heard from warnings up, because at
/// finer levels they write the addresses they ask for, and those hold codes and numbers.
///
/// # Errors
/// Fails if logs have a destination already, and where the system has no thread left.
pub fn init(format: LogFormat, level: Level) -> io::Result<Writing> {
    let (lines, writing) = Lines::start(io::stdout())?;
    subscriber(format, level, lines).try_init().map_err(io::Error::other)?;
    Ok(writing)
}

fn subscriber<W>(format: LogFormat, level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines.json().event_format(JsonLine).boxed(),
        LogFormat::Pretty => lines.boxed(),
    };
    let level = LevelFilter::from_level(level);
    let levels = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level);
    tracing_subscriber::registry().with(levels).with(lines)
}

/// Starts collecting metrics, once per process, and returns the handle that renders them.
///
/// [`upkeep`] has to run beside it, or samples of histograms pile up.
pub fn install_metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    let recorder = builder.unwrap_or_default().build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("metrics go elsewhere: another recorder was installed before");
    }
    for (name, help) in COUNTERS {
        metrics::describe_counter!(name, help);
    }
    for (name, help) in GAUGES {
        metrics::describe_gauge!(name, help);
    }
    for (name, help) in HISTOGRAMS {
        metrics::describe_histogram!(name, metrics::Unit::Seconds, help);
    }
    handle
}

/// Sorts the samples of histograms into their buckets from time to time, until told to stop.
pub async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
        metrics.run_upkeep();
    }
}

/// Puts `*` for the digits of every phone number and code in a text from outside.
///
/// That is four or more digits in a row, be they set apart by spaces or `-.,()/`.
pub fn mask_digits(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let (number, after) = number.split_at(number.find(|c| !belongs_to_number(c)).unwrap_or(number.len()));
        masked.push_str(before);
        mask_number(number, &mut masked);
        rest = after;
    }
    masked.push_str(rest);
    masked
}

fn belongs_to_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | ',' | '(' | ')' | '/')
}

fn mask_number(number: &str, masked: &mut String) {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let secret = digits >= FEWEST_SECRET_DIGITS;
    masked.extend(
        number
            .chars()
            .map(|c| if secret && c.is_ascii_digit() { '*' } else { c }),
    );
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
