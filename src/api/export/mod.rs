//! The history as one stream: what form it is wanted in, and how it is written.

mod columns;
mod sheet;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Version;
use actix_web::http::header::{CONTENT_DISPOSITION, HeaderMap};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use jiff::tz::TimeZone;
use tokio::time::timeout;

use super::edge::Edge;
use super::headers;
use super::query::Params;
use super::values::{Wrong, word};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::words::words;
use crate::usecases::requests::HistoryQuery;

use sheet::Sheet;

/// How long nothing may come before a stream is broken off. A request's deadline is not for streams.
const IDLE_LIMIT: Duration = Duration::from_secs(120);
/// How much is written at once, in bytes.
const PIECE: usize = 64 * 1024;

words! {
    /// How the history is written.
    Format {
        /// A page.
        Json = "json",
        /// All of it, as a table.
        Csv = "csv",
        /// All of it, one record a line.
        Ndjson = "ndjson",
    }
}

words! {
    /// How a table is written where RFC 4180 is not what the reader expects.
    Dialect {
        /// For Excel in Brazil: semicolons, decimal commas, local times.
        ExcelBr = "excel-br",
    }
}

/// The media types, the first being what is given to whoever has no preference.
const MEDIA_TYPES: [(&str, Format); 3] = [
    ("application/json", Format::Json),
    ("text/csv", Format::Csv),
    ("application/x-ndjson", Format::Ndjson),
];

/// What the caller wants.
pub struct Wanted {
    /// The format asked for by name, else the one preferred among those accepted; none where none of ours is.
    pub format: Option<Format>,
    dialect: Option<Dialect>,
}

impl Wanted {
    /// Reads the form from the parameters and from `Accept`.
    pub fn read(params: &mut Params, headers: &HeaderMap) -> Self {
        let wanted = Self {
            format: params
                .one("format", word)
                .or_else(|| headers::preferred(headers, &MEDIA_TYPES)),
            dialect: params.one("dialect", word),
        };
        if wanted.dialect.is_some() && wanted.format != Some(Format::Csv) {
            params.refuse("dialect", Wrong::new("not_allowed", "is for format=csv"));
        }
        if wanted.is_stream() {
            for name in ["limit", "cursor"] {
                if params.is_given(name) {
                    params.refuse(name, Wrong::new("not_allowed", "is for pages: a stream has everything"));
                }
            }
        }
        wanted
    }

    /// Whether it is wanted as a whole.
    pub fn is_stream(&self) -> bool {
        matches!(self.format, Some(Format::Csv | Format::Ndjson))
    }

    /// Refuses to leave a failing source out: a stream that ends well has everything.
    pub fn refuse_partial(&self, params: &mut Params, query: &HistoryQuery) {
        if self.is_stream() && query.partial {
            let wrong = Wrong::new("not_allowed", "is for pages: a stream that ends well has everything");
            params.refuse("partial", wrong);
        }
    }

    fn writer(&self, zone: &TimeZone) -> Writer {
        match self.format {
            Some(Format::Csv) => Writer::Csv(Sheet::new(self.dialect, zone.clone())),
            _ => Writer::Ndjson,
        }
    }
}

/// What is told to callers who accept none of our formats.
pub fn not_acceptable() -> Error {
    let known = MEDIA_TYPES.map(|(media_type, _)| media_type).join(", ");
    Error::new(
        Problem::NotAcceptable,
        format!("The history is given as one of: {known}."),
    )
}

/// The whole of what a query finds. What goes wrong before the first records is an error; after that the connection is cut
/// off, so that nobody takes a part for the whole.
///
/// # Errors
/// Those of [`Gateway::history`](crate::usecases::Gateway::history); `not-acceptable` for HTTP/1.0.
pub async fn answer(
    edge: &Edge,
    caller: Arc<Caller>,
    query: HistoryQuery,
    wanted: &Wanted,
) -> Result<HttpResponse, Error> {
    require_chunks(edge.request())?;
    let zone = &edge.config().history.time_zone;
    let writer = wanted.writer(zone);
    let file = file_name(query.window.meant, edge, &writer);
    let mut batches = Box::pin(Arc::clone(edge.gateway()).export_history(caller, query));
    let first = batches.try_next().await?.unwrap_or_default();
    let rest = stream::unfold(batches, |mut batches| async move {
        let next = timeout(IDLE_LIMIT, batches.next())
            .await
            .unwrap_or_else(|_| Some(Err(silence())));
        next.map(|next| (next, batches))
    });
    let batches = stream::iter([Ok(first)]).chain(rest);
    Ok(HttpResponse::Ok()
        .content_type(writer.content_type())
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(written(writer, batches)))
}

/// Before HTTP/1.1 a body ends with its connection, and nobody can tell an end from an interruption.
fn require_chunks(request: &HttpRequest) -> Result<(), Error> {
    if request.version() >= Version::HTTP_11 {
        return Ok(());
    }
    Err(Error::new(
        Problem::NotAcceptable,
        "A stream needs HTTP/1.1: before that its end cannot be told from an interruption.",
    ))
}

fn silence() -> Error {
    Error::new(Problem::SourceUnavailable, "Nothing came for too long.")
}

/// Names the file by the days that it is of.
fn file_name(window: Option<Window>, edge: &Edge, writer: &Writer) -> String {
    let now = edge.gateway().now();
    let (first, last) = window.map_or((now, now), |window| {
        (window.since, window.until.before().max(window.since))
    });
    let zone = &edge.config().history.time_zone;
    let [first, last] = [first, last].map(|at| at.to_jiff().to_zoned(zone.clone()).date());
    format!("history_{first}_{last}.{}", writer.extension())
}

/// Batches as they are written, in pieces that leave the caller time to read them.
fn written(
    writer: Writer,
    batches: impl Stream<Item = Result<Vec<Record>, Error>>,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let writer = Arc::new(writer);
    let head = stream::iter([Ok(Bytes::from(writer.head()))]);
    let pieces = batches.map_ok(move |batch| {
        let (writer, mut records) = (Arc::clone(&writer), batch.into_iter());
        stream::iter(std::iter::from_fn(move || writer.piece(&mut records).map(Ok)))
    });
    let cut_off = |error: &Error| tracing::warn!(%error, "a stream of the history is broken off");
    head.chain(pieces.try_flatten()).inspect_err(cut_off)
}

/// Writes records in one of the formats.
enum Writer {
    Csv(Sheet),
    Ndjson,
}

impl Writer {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Csv(_) => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    fn extension(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// What stands before the records.
    fn head(&self) -> Vec<u8> {
        match self {
            Self::Csv(sheet) => sheet.head(),
            Self::Ndjson => Vec::new(),
        }
    }

    /// Writes as many of the records as fill a piece; nothing where there are no more.
    fn piece(&self, records: &mut impl Iterator<Item = Record>) -> Option<Bytes> {
        let mut text = Vec::with_capacity(PIECE + PIECE / 4);
        while text.len() < PIECE {
            let Some(record) = records.next() else { break };
            match self {
                Self::Csv(sheet) => sheet.write(&record, &mut text),
                Self::Ndjson => write_line(&record, &mut text),
            }
        }
        (!text.is_empty()).then(|| text.into())
    }
}

fn write_line(record: &Record, text: &mut Vec<u8>) {
    // Neither a record nor a vector can refuse.
    let _ = serde_json::to_writer(&mut *text, record);
    text.push(b'\n');
}
