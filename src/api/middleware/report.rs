//! The note of one request in the access log and the metrics.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};

use crate::api::edge::Visit;
use crate::spans::Span;
use crate::telemetry::metric;
use crate::timing::Timing;

/// A request that is being answered.
pub struct Report {
    begun: Instant,
    method: &'static str,
}

impl Report {
    /// Begins with the arrival of the head.
    pub fn begin(method: &Method) -> Self {
        Self {
            begun: Instant::now(),
            method: known(method),
        }
    }

    /// The time so far for the `Server-Timing` header.
    pub fn server_timing(&self, timing: Timing) -> String {
        let (total, upstream, store) = (
            Millis(self.begun.elapsed()),
            Millis(timing.upstream),
            Millis(timing.store),
        );
        format!("total;dur={total}, upstream;dur={upstream}, store;dur={store}")
    }

    /// Says in the trace what became of it.
    pub fn trace(&self, span: &Span, visit: &Visit, status: StatusCode) {
        span.name(|| format!("{} {}", self.method, visit.route()));
        span.set("http.request.method", || self.method);
        span.set("http.route", || visit.route().to_owned());
        span.set("http.response.status_code", || i64::from(status.as_u16()));
        span.set("switchboard.request_id", || visit.request_id.clone());
        if status.is_server_error() {
            span.fail("answered with an error of the server");
        }
    }

    /// Writes the note. The path itself is in none: it holds identifiers and secrets.
    pub fn end(self, visit: &Visit, status: StatusCode, timing: Timing) {
        let total = self.begun.elapsed();
        // Of no span: it says itself what the request's span would.
        tracing::info!(
            parent: None,
            method = self.method,
            route = visit.route(),
            status = status.as_u16(),
            ms = millis(total),
            tenant = visit.tenant(),
            request_id = visit.request_id,
            "answered"
        );
        Meters::with(visit.route(), (self.method, status), |meters| {
            meters.duration.record(total);
            let elsewhere = timing.upstream.saturating_add(timing.asked_for);
            meters.overhead.record(total.saturating_sub(elsewhere));
            meters.answered.increment(1);
        });
    }
}

/// The method and the status of an answer.
type Kind = (&'static str, StatusCode);

thread_local! {
    /// By route.
    static METERS: RefCell<HashMap<String, HashMap<Kind, Meters>>> = RefCell::default();
}

/// What counts the answers of one kind. Finding a metric by its labels costs more than counting, so it is found once.
struct Meters {
    duration: Histogram,
    overhead: Histogram,
    answered: Counter,
}

impl Meters {
    fn with(route: &str, kind: Kind, note: impl FnOnce(&Self)) {
        METERS.with_borrow_mut(|routes| {
            if !routes.contains_key(route) {
                routes.insert(route.to_owned(), HashMap::new());
            }
            if let Some(kinds) = routes.get_mut(route) {
                note(kinds.entry(kind).or_insert_with(|| Self::of(route, kind)));
            }
        });
    }

    fn of(route: &str, (method, status): Kind) -> Self {
        let labels = [("method", method.to_owned()), ("route", route.to_owned())];
        let status = status.as_str().to_owned();
        Self {
            duration: histogram!(metric::HTTP_REQUEST_DURATION, &labels),
            overhead: histogram!(metric::OVERHEAD_DURATION, &labels),
            answered: counter!(metric::HTTP_REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status),
        }
    }
}

/// Callers may make methods up; metrics must not grow with them.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Milliseconds with two decimals, written without floating point, which takes longer.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.as_micros() / 10;
        write!(formatter, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
