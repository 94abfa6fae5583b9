use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::domain::time::Timestamp;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, level: Level, act: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::with_default(subscriber(format, level, move || writer.clone()), act);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_hostile_text_stays_one_line_of_json() {
    let hostile = "a\"}\n{\"level\":\"ERROR\"\u{1b}[31m\r\u{0}";
    let text = logged(LogFormat::Json, Level::INFO, || {
        tracing::info!(name = hostile, "taken: {hostile}");
    });
    assert_eq!(text.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["name"], hostile);
    assert_eq!(line["level"], "INFO");
}

#[test]
fn a_line_of_json_says_when_how_grave_what_where_and_within_what() {
    let text = logged(LogFormat::Json, Level::INFO, || {
        let _outer = tracing::info_span!("outer", unseen = 1).entered();
        let span = tracing::info_span!("request", id = "r-1", status = tracing::field::Empty).entered();
        span.record("status", 200);
        tracing::warn!(n = -1, ms = 0.5, late = true, nan = f64::NAN, error = %"odd \"one\"", "taken");
    });
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    let said = serde_json::json!({
        "timestamp": line["timestamp"],
        "level": "WARN",
        "message": "taken", "n": -1, "ms": 0.5, "late": true, "nan": null, "error": "odd \"one\"",
        "target": "switchboard::telemetry::tests",
        "span": { "name": "request", "id": "r-1", "status": 200 },
    });
    assert_eq!(line, said);
    let at = line["timestamp"].as_str().unwrap();
    let age = SystemClock.now_ms() - Timestamp::parse(at).unwrap().as_millis();
    assert!((0..60_000).contains(&age), "{at}");
}

#[test]
fn of_no_span_and_of_a_span_without_fields() {
    let text = logged(LogFormat::Json, Level::INFO, || {
        tracing::info!("free");
        let _span = tracing::info_span!("bare").entered();
        tracing::info!("within");
        tracing::info!(parent: None, "apart");
    });
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let spans: Vec<_> = lines.map(|line| line["span"].clone()).collect();
    assert_eq!(
        spans,
        [
            serde_json::json!(null),
            serde_json::json!({ "name": "bare" }),
            serde_json::json!(null)
        ]
    );
}

#[test]
fn what_comes_through_the_log_crate_names_its_module_and_no_file_of_the_machine() {
    use tracing_log::log::{Level as LogLevel, Record};
    let text = logged(LogFormat::Json, Level::INFO, || {
        let message = format_args!("theirs");
        let mut record = Record::builder();
        record
            .level(LogLevel::Warn)
            .target("some_dependency")
            .file(Some("vendored/x.rs"));
        tracing_log::format_trace(&record.args(message).build()).unwrap();
    });
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["target"], &line["message"]),
        (&"some_dependency".into(), &"theirs".into())
    );
    assert!(!text.contains("x.rs"), "{text}");
}

#[test]
fn dependencies_are_heard_from_warnings_up_at_any_level() {
    let text = logged(LogFormat::Pretty, Level::TRACE, || {
        tracing::trace!("ours");
        tracing::debug!(target: "reqwest", "?pin=36355");
        tracing::warn!(target: "reqwest", "theirs");
    });
    assert!(text.contains("ours") && text.contains("theirs"), "{text}");
    assert!(!text.contains("pin"), "{text}");
}

#[test]
fn the_level_silences_what_is_below_it() {
    let text = logged(LogFormat::Json, Level::ERROR, || {
        tracing::warn!("ours");
        tracing::warn!(target: "reqwest", "theirs");
    });
    assert_eq!(text, "");
}

#[test]
fn metrics_are_installed_once_and_carry_help_and_buckets() {
    install_metrics();
    let handle = install_metrics();
    metrics::histogram!(metric::OVERHEAD_DURATION).record(0.002);
    let page = handle.render();
    let help = "# HELP switchboard_overhead_duration_seconds Time to answer without";
    assert!(page.contains(help), "{page}");
    assert!(
        page.contains("switchboard_overhead_duration_seconds_bucket{le=\"0.0025\"}"),
        "{page}"
    );
}

#[test]
fn digits_of_numbers_and_codes_are_masked() {
    for (text, masked) in [
        ("", ""),
        ("Saldo insuficiente", "Saldo insuficiente"),
        ("número 5511987654321 inválido", "número ************* inválido"),
        ("+55 (11) 98765-4321!", "+** (**) *****-****!"),
        ("pin=36355&id=12", "pin=*****&id=12"),
        ("pin 1 2 3 4", "pin * * * *"),
        ("código: 1, 2, 3, 4", "código: *, *, *, *"),
        ("4 a 10 dígitos, até 200", "4 a 10 dígitos, até 200"),
    ] {
        assert_eq!(mask_digits(text), masked);
    }
}
