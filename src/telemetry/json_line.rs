//! A log line as JSON. The one that comes with `tracing-subscriber` puts every byte of it through a formatter of text, and
//! what each request costs shows that.

use std::cell::RefCell;
use std::fmt;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
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
        LINE.with_borrow_mut(|line| {
            line.clear();
            line.extend_from_slice(b"{\"timestamp\":");
            value(line, Timestamp::from_millis(SystemClock.now_ms()));
            member(line, "level", event.metadata().level().as_str());
            event.record(&mut Fields(line));
            member(line, "target", event.metadata().target());
            if let Some(span) = context.parent_span() {
                line.extend_from_slice(b",\"span\":{\"name\":");
                value(line, span.name());
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
            output.write_str(std::str::from_utf8(line).map_err(|_| fmt::Error)?)
        })
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

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, number: f64) {
        member(self.0, field.name(), number);
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        member(self.0, field.name(), number);
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        member(self.0, field.name(), number);
    }

    fn record_bool(&mut self, field: &Field, truth: bool) {
        member(self.0, field.name(), truth);
    }

    fn record_str(&mut self, field: &Field, text: &str) {
        member(self.0, field.name(), text);
    }

    fn record_debug(&mut self, field: &Field, shown: &dyn fmt::Debug) {
        member(self.0, field.name(), Shown(shown));
    }
}

struct Shown<'v>(&'v dyn fmt::Debug);

impl Serialize for Shown<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}
