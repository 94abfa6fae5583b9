//! The note of one request in the access log and the metrics.

use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode};
use metrics::{counter, histogram};

use crate::api::edge::Visit;
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
            millis(self.begun.elapsed()),
            millis(timing.upstream),
            millis(timing.store),
        );
        format!("total;dur={total:.2}, upstream;dur={upstream:.2}, store;dur={store:.2}")
    }

    /// Writes the note. The path itself is in none: it holds identifiers and secrets.
    pub fn end(self, visit: &Visit, status: StatusCode, timing: Timing) {
        let total = self.begun.elapsed();
        let (method, route) = (self.method, visit.route().to_owned());
        tracing::info!(
            method,
            route,
            status = status.as_u16(),
            ms = millis(total),
            tenant = visit.tenant(),
            request_id = visit.request_id,
            "answered"
        );
        let overhead = total.saturating_sub(timing.upstream);
        histogram!(metric::HTTP_REQUEST_DURATION, "method" => method, "route" => route.clone()).record(total);
        histogram!(metric::OVERHEAD_DURATION, "method" => method, "route" => route.clone()).record(overhead);
        counter!(metric::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status.as_str().to_owned())
            .increment(1);
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

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
