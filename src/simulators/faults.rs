//! Faults a test asks for: which requests suffer, and what happens to them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::http::Reply;

/// A rule: requests that match suffer the effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The method that matches; every method when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The beginning of the paths that match; every path when absent.
    #[serde(default)]
    pub path: String,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many requests suffer; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A status, with a body of the test's or the provider's own words.
    Status(Answer),
    /// Waits before acting, after acting, or both.
    DelayMs(Delay),
    /// The connection closes before anything is done.
    CloseBefore,
    /// The request is carried out, then the connection closes with no byte answered.
    CloseAfter,
    /// The request is carried out; the answer's body stops after this many bytes.
    TruncateAfter(usize),
    /// The request is carried out; the answer's body comes at one byte per this many milliseconds.
    SlowBody(u64),
    /// The request is carried out; the answer is status 200 over bytes that are no JSON.
    Garbage,
    /// Status 502 and a page of HTML, as from a proxy; nothing is done.
    Html,
    /// Status 429 with `Retry-After` in seconds; nothing is done.
    Busy(u32),
    /// Status 200 over a body that says no; nothing is done.
    OkFalse,
}

/// The answer of [`Effect::Status`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// The body; the provider's own words for the status when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Headers to add.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether the request is carried out all the same.
    #[serde(default)]
    pub acts: bool,
}

impl Answer {
    /// The reply, starting from the provider's own words for the status.
    pub fn reply(&self, own_words: Reply) -> Reply {
        let mut reply = own_words;
        reply.status = StatusCode::from_u16(self.code).unwrap_or(reply.status);
        if let Some(body) = &self.body {
            reply.body = Bytes::from(body.clone());
        }
        self.headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.with_header(name, value))
    }
}

/// Milliseconds of [`Effect::DelayMs`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Before the request is carried out.
    #[serde(default)]
    pub before: u64,
    /// After it, before the answer.
    #[serde(default)]
    pub after: u64,
}

/// The rules in force. The first that matches wins.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    /// Adds a rule after the others.
    pub fn add(&self, rule: Rule) {
        self.rules().push(rule);
    }

    /// Removes every rule.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The rules in force, with what is left of their counts.
    pub fn list(&self) -> Vec<Rule> {
        self.rules().clone()
    }

    /// The effect a request suffers; counts it against the rule's `skip` and `times`.
    pub fn matching(&self, method: &str, path: &str) -> Option<Effect> {
        let mut rules = self.rules();
        for rule in rules.iter_mut() {
            let method_matches = rule
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            if !method_matches || !path.starts_with(&rule.path) || rule.times == Some(0) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|left| left - 1);
            return Some(rule.effect.clone());
        }
        None
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn skip_and_times_count_matching_requests_only() {
        let faults = Faults::default();
        faults.add(rule(
            r#"{"method":"post","path":"/chamada","skip":1,"times":1,"effect":"close_after"}"#,
        ));
        assert!(faults.matching("GET", "/chamada").is_none());
        assert!(faults.matching("POST", "/chamada").is_none());
        assert!(matches!(faults.matching("POST", "/chamada/"), Some(Effect::CloseAfter)));
        assert!(faults.matching("POST", "/chamada").is_none());
    }

    #[test]
    fn every_effect_reads_from_json() {
        for effect in [
            r#"{"status":{"code":500}}"#,
            r#"{"delay_ms":{"before":1}}"#,
            r#""close_before""#,
            r#""close_after""#,
            r#"{"truncate_after":3}"#,
            r#"{"slow_body":5}"#,
            r#""garbage""#,
            r#""html""#,
            r#"{"busy":1}"#,
            r#""ok_false""#,
        ] {
            rule(&format!(r#"{{"effect":{effect}}}"#));
        }
    }
}
