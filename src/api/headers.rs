//! Header fields of requests that mean something here.

use std::time::Duration;

use actix_web::http::header::{ACCEPT, HeaderMap, HeaderName, RANGE};
use uuid::Uuid;

use crate::domain::error::Error;

/// Names one request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Names the trace that a request is part of.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Lets a request be repeated without being done twice.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What the caller would like (RFC 7240).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// What of it was heeded.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The last event that came before a live feed broke.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The limits that hold (draft-ietf-httpapi-ratelimit-headers-10).
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How far they are used.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Where the time of a request went, in milliseconds.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The longest a caller may have an answer held back, in seconds.
pub const LONGEST_WAIT: u64 = 30;

/// The caller's id for the request if it is 1 to 128 visible ASCII characters, else one of ours.
pub fn request_id(headers: &HeaderMap) -> String {
    let given = single(headers, &REQUEST_ID).filter(|id| is_sane(id));
    given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// The trace that the caller is in (W3C Trace Context).
pub fn traceparent(headers: &HeaderMap) -> Option<&str> {
    single(headers, &TRACEPARENT)
}

/// The caller's `Idempotency-Key`.
///
/// # Errors
/// `invalid-input` where it is given twice or is not 1 to 255 printable ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    if !headers.contains_key(&IDEMPOTENCY_KEY) {
        return Ok(None);
    }
    let printable = |key: &str| key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let key = single(headers, &IDEMPOTENCY_KEY).filter(|key| (1..=255).contains(&key.len()) && printable(key));
    let wrong = || {
        Error::field(
            "Idempotency-Key",
            "invalid",
            "must be given once, with 1 to 255 printable ASCII characters",
        )
    };
    key.map(|key| Some(key.to_owned())).ok_or_else(wrong)
}

/// How long `Prefer: wait=N` lets the answer be held back, at most 30 s; a preference that cannot be read is none.
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all(&PREFER).filter_map(|value| value.to_str().ok());
    let seconds = preferences.flat_map(|value| value.split(',')).find_map(wait_seconds)?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

fn wait_seconds(preference: &str) -> Option<u64> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let digits = value.trim().trim_matches('"');
    let wait = name.trim().eq_ignore_ascii_case("wait") && digits.bytes().all(|byte| byte.is_ascii_digit());
    wait.then(|| digits.parse().ok())?
}

/// Whether the caller names this media type among those it accepts, by itself or in a range; `false` without `Accept`.
pub fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let mut ranges = values
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next());
    let family = media.split_once('/').map_or(media, |(family, _)| family);
    ranges.any(|range| {
        let range = range.trim();
        range == "*/*" || range == media || range.strip_suffix("/*") == Some(family)
    })
}

/// Which of `offers` the caller likes best (RFC 9110 §12.5.1); of equals, and without `Accept`, the first.
pub fn preferred<T: Copy>(headers: &HeaderMap, offers: &[(&str, T)]) -> Option<T> {
    if !headers.contains_key(ACCEPT) {
        return offers.first().map(|(_, offer)| *offer);
    }
    let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let ranges: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let liked = offers.iter().map(|(media, offer)| (liking(&ranges, media), *offer));
    let best = liked.rev().max_by_key(|(liking, _)| *liking)?;
    (best.0 > 0).then_some(best.1)
}

/// How much a media type is liked, in thousandths: as the range says that names it most closely.
fn liking(ranges: &[&str], media: &str) -> u16 {
    let family = media.split_once('/').map_or(media, |(family, _)| family);
    let closeness = |range: &str| match range {
        _ if range.eq_ignore_ascii_case(media) => Some(2),
        "*/*" => Some(0),
        _ => {
            let named = range.strip_suffix("/*")?;
            named.eq_ignore_ascii_case(family).then_some(1)
        }
    };
    let fitting = ranges.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let closeness = closeness(parts.next()?)?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((closeness, weight.map_or(1000, thousandths)))
    });
    fitting.max().map_or(0, |(_, weight)| weight)
}

/// A weight such as `0.8`; one that cannot be read is none.
fn thousandths(weight: &str) -> u16 {
    let weight = weight.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight));
    weight.map_or(0, |weight| (weight * 1000.0) as u16)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The caller's `Range`, if it is one range of bytes; any other is passed over (RFC 9110 §14.2).
pub fn range(headers: &HeaderMap) -> Option<String> {
    let range = single(headers, &RANGE).filter(|range| is_one_range(range));
    range.map(str::to_owned)
}

fn is_one_range(range: &str) -> bool {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return false;
    };
    let position = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())?
    };
    match (first, last) {
        ("", end) | (end, "") => position(end).is_some(),
        (first, last) => position(first)
            .zip(position(last))
            .is_some_and(|(first, last)| first <= last),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn with(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        let id = |values: &[&str]| request_id(&with(&REQUEST_ID, values));
        let longest = "x".repeat(128);
        for kept in ["a", "req-1/!~", longest.as_str()] {
            assert_eq!(id(&[kept]), kept);
        }
        let too_long = "x".repeat(129);
        for replaced in [&["a b"][..], &[""], &["é"], &[too_long.as_str()], &["a", "b"], &[]] {
            assert_eq!(id(replaced).len(), 32, "{replaced:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_printable_characters() {
        let key = |values: &[&str]| idempotency_key(&with(&IDEMPOTENCY_KEY, values));
        let longest = "k".repeat(255);
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&[&longest]).unwrap(), Some(longest.clone()));
        let too_long = "k".repeat(256);
        for refused in [&[""][..], &[too_long.as_str()], &["é"], &["a", "a"]] {
            assert!(key(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn one_range_of_bytes_is_kept_and_anything_else_passed_over() {
        let range = |value: &str| range(&with(&RANGE, &[value]));
        for kept in ["bytes=0-1023", "bytes=5-", "bytes=-5", "bytes=0-0"] {
            assert_eq!(range(kept).as_deref(), Some(kept));
        }
        let others = [
            "bytes=9-0",
            "bytes=0-1,5-6",
            "bytes=-",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes=1",
            "lines=0-1",
            "",
        ];
        for other in others {
            assert_eq!(range(other), None, "{other}");
        }
    }

    #[test]
    fn of_several_media_types_the_one_liked_best_is_given() {
        let offers = [
            ("application/json", 'j'),
            ("text/csv", 'c'),
            ("application/x-ndjson", 'n'),
        ];
        let given = |values: &[&str]| preferred(&with(&ACCEPT, values), &offers);
        for (accept, format) in [
            (&[][..], Some('j')),
            (&["*/*"], Some('j')),
            (&["text/html, */*;q=0.8"], Some('j')),
            (&["text/csv"], Some('c')),
            (&["Text/CSV; charset=utf-8; header=present"], Some('c')),
            (&["text/*"], Some('c')),
            (&["text/csv, application/json;q=0.5"], Some('c')),
            (&["text/csv;q=0.4, application/json;q=0.5"], Some('j')),
            (&["application/json;q=0, */*"], Some('c')),
            (&["application/*"], Some('j')),
            (&["application/x-ndjson", "text/csv;q=0.9"], Some('n')),
            (&["image/png"], None),
            (&["text/csv;q=0"], None),
            (&["text/csv;q=much"], None),
            (&[""], None),
        ] {
            assert_eq!(given(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn a_wait_is_read_among_other_preferences_and_capped() {
        let wait = |values: &[&str]| wait(&with(&PREFER, values)).map(|wait| wait.as_secs());
        assert_eq!(wait(&["wait=20"]), Some(20));
        assert_eq!(wait(&["respond-async, wait=\"5\"; x=1"]), Some(5));
        assert_eq!(wait(&["respond-async", "Wait = 7"]), Some(7));
        assert_eq!(wait(&["wait=31"]), Some(30));
        for none in ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "waits=1"] {
            assert_eq!(wait(&[none]), None, "{none}");
        }
    }
}
