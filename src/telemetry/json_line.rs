//! A log line as JSON. The one that comes with `tracing-subscriber` puts every byte of it through a formatter of text, and
//! what each request costs shows that.

use std::cell::RefCell;
use std::fmt;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::{Clock, SystemClock};
use crate::domain::time::Timestamp;

thread_local! {
    static LINE: RefCell<Vec<u8>> = RefCell::default();
}

/// Writes an event as `{"timestamp", "level", …its fields, "target", "span": {"name", …its fields}}`.
///
/// `span` is the innermost one that the event is of, and is left out where there is none. Its fields have to be written as
/// JSON, which [`tracing_subscriber::fmt::format::JsonFields`] does.
pub(super) struct JsonLine;

impl<S, F> FormatEvent<S, F> for JsonLine
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    F: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, F>, mut output: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // Taken, not borrowed: a field may log while it is shown.
        let mut line = LINE.take();
        line.clear();
        // What comes through the `log` crate names its module in fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        line.extend_from_slice(b"{\"timestamp\":");
        value(&mut line, Timestamp::from_millis(SystemClock.now_ms()));
        member(&mut line, "level", metadata.level().as_str());
        event.record(&mut Fields(&mut line));
        member(&mut line, "target", metadata.target());
        if let Some(span) = context.parent_span() {
            line.extend_from_slice(b",\"span\":{\"name\":");
            value(&mut line, span.name());
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<F>>();
            match fields.and_then(|fields| fields.strip_prefix('{')) {
                Some(fields) if !fields.starts_with('}') => {
                    line.push(b',');
                    line.extend_from_slice(fields.as_bytes());
                }
                _ => line.push(b'}'),
            }
        }
        line.extend_from_slice(b"}\n");
        let written = std::str::from_utf8(&line).map_err(|_| fmt::Error);
        let written = written.and_then(|line| output.write_str(line));
        LINE.set(line);
        written
    }
}

fn member(line: &mut Vec<u8>, name: &str, content: impl Serialize) {
    line.push(b',');
    value(line, name);
    line.push(b':');
    value(line, content);
}

fn value(line: &mut Vec<u8>, content: impl Serialize) {
    let begun = line.len();
    if serde_json::to_writer(&mut *line, &content).is_err() {
        line.truncate(begun);
        line.extend_from_slice(b"null");
    }
}

/// Writes fields as members of an object that has one already.
struct Fields<'l>(&'l mut Vec<u8>);

impl Fields<'_> {
    fn member(&mut self, field: &Field, content: impl Serialize) {
        // Where a dependency's source lies on the machine that built this tells nobody anything.
        if !field.name().starts_with("log.") {
            member(self.0, field.name(), content);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, number: f64) {
        self.member(field, number);
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.member(field, number);
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.member(field, number);
    }

    fn record_bool(&mut self, field: &Field, truth: bool) {
        self.member(field, truth);
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        self.member(field, text);
    }

    fn record_debug(&mut self, field: &Field, shown: &dyn fmt::Debug) {
        self.member(field, Shown(shown));
    }
}

struct Shown<'v>(&'v dyn fmt::Debug);

impl Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}
