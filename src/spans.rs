//! Spans: what one request sets in motion, sent to a collector over OTLP, as protobuf over HTTP.
//!
//! A call is one trace: the request that placed it, the exchange with the provider, every webhook that told of it, and
//! the events these made. The webhooks come later, by requests of their own; so a call keeps where its trace goes on,
//! and each of its later spans is linked to the request that brought the news.
//!
//! Without a collector nothing is recorded, and a span costs one look. A collector that is away costs no request
//! anything: what finds no room in the queue is dropped. Spans hold names, identifiers and outcomes, never a number, a
//! code, a body or a path. No provider is told of a trace.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Link, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{self, SdkTracer, SdkTracerProvider, SpanData};
use url::Url;

/// Where OTLP over HTTP has its traces, below the collector's address.
const TRACES: &str = "v1/traces";
/// How the gateway is called, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "switchboard";
/// The longest a shutdown waits for the last spans to be taken.
const LAST_SPANS: Duration = Duration::from_secs(2);

static SENDING: OnceLock<Sending> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Option<Context>;
}

struct Sending {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Starts sending spans to the collector at `endpoint`, for as long as the process runs; does nothing without one.
///
/// The other variables that OpenTelemetry defines hold: headers, timeout, sampler, batches, resource.
///
/// # Errors
/// Fails where such a variable cannot be read, or TLS cannot be set up.
pub fn start(endpoint: Option<&Url>) -> Result<(), ExporterBuildError> {
    let Some(endpoint) = endpoint else {
        return Ok(());
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_of(endpoint))
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Collector::at(exporter))
        .with_resource(resource())
        .build();
    let tracer = provider.tracer(SERVICE);
    SENDING.get_or_init(|| Sending { provider, tracer });
    Ok(())
}

/// Sends what was recorded and not sent yet, for a moment at most.
pub async fn stop() {
    let Some(sending) = SENDING.get() else { return };
    let last = tokio::task::spawn_blocking(|| sending.provider.shutdown_with_timeout(LAST_SPANS));
    if !matches!(last.await, Ok(Ok(()))) {
        tracing::warn!("the last spans could not be sent");
    }
}

fn traces_of(endpoint: &Url) -> String {
    let base = endpoint.as_str().trim_end_matches('/');
    if base.ends_with(TRACES) {
        return base.to_owned();
    }
    format!("{base}/{TRACES}")
}

fn resource() -> Resource {
    let told = Resource::builder().build();
    let name = told.get(&Key::from_static_str("service.name"));
    // The default of the SDK, where no variable names the service.
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if is_named {
        builder.build()
    } else {
        builder.with_service_name(SERVICE).build()
    }
}

/// A collector; what becomes of it is logged once, not with every batch.
#[derive(Debug)]
struct Collector {
    exporter: SpanExporter,
    is_away: AtomicBool,
}

impl Collector {
    fn at(exporter: SpanExporter) -> Self {
        Self {
            exporter,
            is_away: AtomicBool::new(false),
        }
    }
}

impl trace::SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        let was_away = self.is_away.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Err(error) if !was_away => tracing::warn!(%error, "spans cannot be sent and are dropped"),
            Ok(()) if was_away => tracing::info!("spans are sent again"),
            Err(_) | Ok(()) => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// One step of a trace; it ends with this value. One that is not recorded does nothing.
#[must_use]
pub struct Span(Option<Context>);

impl Span {
    /// A span that is not recorded.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Begins to answer a request, as part of the trace that its `traceparent` names, if that can be read.
    pub fn server(traceparent: Option<&str>) -> Self {
        let parent = || traceparent.map(remote).unwrap_or_default();
        Self::begin(|| (SpanBuilder::from_name("request").with_kind(SpanKind::Server), parent()))
    }

    /// Begins an exchange with a provider, if what asks for it is traced.
    pub fn client(operation: &'static str) -> Self {
        let Some(parent) = current() else {
            return Self(None);
        };
        Self::begin(|| (SpanBuilder::from_name(operation).with_kind(SpanKind::Client), parent))
    }

    /// Goes on with a trace where it was [left off](here), because of news that was taken at `since`.
    pub fn consumer(name: &'static str, trace: Option<&str>, since: SystemTime) -> Self {
        Self::later((SpanKind::Consumer, name), trace, since)
    }

    /// Goes on with a trace where it was [left off](here), to tell of what happened.
    pub fn producer(name: &'static str, trace: Option<&str>) -> Self {
        Self::later((SpanKind::Producer, name), trace, opentelemetry::time::now())
    }

    fn later((kind, name): (SpanKind, &'static str), trace: Option<&str>, since: SystemTime) -> Self {
        let Some(trace) = trace else {
            return Self(None);
        };
        Self::begin(|| {
            let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(since);
            let cause = current().map(|context| Link::with_context(context.span().span_context().clone()));
            (builder.with_links(cause.into_iter().collect()), remote(trace))
        })
    }

    fn begin(describe: impl FnOnce() -> (SpanBuilder, Context)) -> Self {
        Self(SENDING.get().map(|sending| {
            let (builder, parent) = describe();
            let span = sending.tracer.build_with_context(builder, &parent);
            parent.with_span(span)
        }))
    }

    /// Runs a future as part of this span.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.0.clone().or_else(current), future)
    }

    /// Says more of it; `value` is asked for where it is recorded.
    pub fn set<V: Into<Value>>(&self, key: &'static str, value: impl FnOnce() -> V) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value()));
        }
    }

    /// Names it, where the name is known only later.
    pub fn name<N: Into<Cow<'static, str>>>(&self, name: impl FnOnce() -> N) {
        if let Some(context) = &self.0 {
            context.span().update_name(name());
        }
    }

    /// Says that what it was for was not done.
    pub fn fail(&self, why: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(why));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// Where the current trace can go on later, as a W3C `traceparent`; none outside a span.
pub fn here() -> Option<String> {
    let context = current()?;
    let span = context.span();
    let known = span.span_context();
    Some(format!(
        "00-{}-{}-{:02x}",
        known.trace_id(),
        known.span_id(),
        known.trace_flags()
    ))
}

/// Runs a future as part of what was left off at `trace`, a place that [`here`] gave.
pub fn continued<F: Future>(trace: Option<&str>, future: F) -> impl Future<Output = F::Output> {
    let context = SENDING.get().and(trace).map(remote);
    CURRENT.scope(context, future)
}

/// Ties a future to the span it is made in, though it runs as a task of its own.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current(), future)
}

fn current() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// The context of a span that another process, or an earlier request, has; an empty one where it cannot be read.
fn remote(traceparent: &str) -> Context {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_collector_is_named_with_or_without_the_path_of_its_traces() {
        for (endpoint, traces) in [
            ("http://a:4318", "http://a:4318/v1/traces"),
            ("http://a:4318/", "http://a:4318/v1/traces"),
            ("https://a/otlp", "https://a/otlp/v1/traces"),
            ("https://a/otlp/v1/traces", "https://a/otlp/v1/traces"),
        ] {
            assert_eq!(traces_of(&endpoint.parse().unwrap()), traces);
        }
    }

    #[tokio::test]
    async fn nothing_is_recorded_without_a_collector() {
        let span = Span::server(Some(TRACE));
        span.set("never", || -> i64 { unreachable!("asked for a value") });
        let later = span.within(async { (here(), Span::client("GET /saldo").0.is_none()) });
        assert_eq!(later.await, (None, true));
        assert_eq!(continued(Some(TRACE), async { here() }).await, None);
    }

    #[test]
    fn a_trace_is_read_as_it_was_written_and_nothing_else_is() {
        assert!(remote(TRACE).span().span_context().is_valid());
        for wrong in [
            "",
            "00-0-0-01",
            &TRACE.replace("4bf9", "zzzz"),
            &format!("ff{}", &TRACE[2..]),
        ] {
            assert!(!remote(wrong).span().span_context().is_valid(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn where_a_trace_goes_on_is_told_in_the_words_it_came_in() {
        let told = CURRENT.scope(Some(remote(TRACE)), async { here() });
        assert_eq!(told.await.as_deref(), Some(TRACE));
    }
}
