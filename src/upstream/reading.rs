//! What is made of a provider's answer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::exchange::{Answer, Rejection, Streamed};
use super::wire::Fault;
use crate::domain::error::{Failure, FailureKind};
use crate::domain::time::Timestamp;

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The longest wait anybody is believed to ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A way of reading an answer.
pub(super) trait Reading: Sync {
    /// What is made of it.
    type Output: Send;

    /// Reads an answer whose head came at `now`.
    fn read(
        &self,
        operation: &'static str,
        response: Response,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// Reads the whole answer and lets the adapter judge it.
pub(super) struct Whole<J>(pub(super) J);

impl<T: Send, J: Fn(&Answer) -> Result<T, Rejection> + Sync> Reading for Whole<J> {
    type Output = T;

    async fn read(&self, operation: &'static str, response: Response, now: Timestamp) -> Result<T, Fault> {
        let answer = answer(operation, response, now).await?;
        (self.0)(&answer).map_err(|rejection| rejected(operation, rejection, &answer))
    }
}

/// Leaves audio on its way and lets the adapter judge everything else.
pub(super) struct Opening<J> {
    pub(super) judge: J,
    /// The longest wait for more of the audio.
    pub(super) idle: Duration,
}

impl<J: Fn(&Answer) -> Rejection + Sync> Reading for Opening<J> {
    type Output = Streamed;

    async fn read(&self, operation: &'static str, response: Response, now: Timestamp) -> Result<Streamed, Fault> {
        if is_audio(&response) {
            return Ok(streamed(operation, response, self.idle));
        }
        if let Some(told) = beyond_the_end(&response) {
            return Ok(told);
        }
        let answer = answer(operation, response, now).await?;
        Err(rejected(operation, (self.judge)(&answer), &answer))
    }
}

/// Whether this is a recording. Providers send errors with status 200 too, as text; servers of files that know no audio
/// call it bytes, or nothing at all.
fn is_audio(response: &Response) -> bool {
    let audio = text(response.headers(), &CONTENT_TYPE).is_none_or(|media_type| {
        let media_type = media_type.to_ascii_lowercase();
        media_type.starts_with("audio/") || media_type.contains("/octet-stream")
    });
    matches!(response.status().as_u16(), 200 | 206) && audio
}

/// Of a range that lies behind the end only the length is told.
fn beyond_the_end(response: &Response) -> Option<Streamed> {
    (response.status() == StatusCode::RANGE_NOT_SATISFIABLE).then(|| Streamed {
        status: response.status().as_u16(),
        content_type: None,
        content_length: Some(0),
        content_range: text(response.headers(), &CONTENT_RANGE),
        body: stream::empty().boxed(),
    })
}

fn streamed(operation: &'static str, response: Response, idle: Duration) -> Streamed {
    let headers = response.headers();
    Streamed {
        status: response.status().as_u16(),
        content_type: text(headers, &CONTENT_TYPE),
        content_length: response.content_length(),
        content_range: text(headers, &CONTENT_RANGE),
        body: chunks(operation, response, idle),
    }
}

fn chunks(operation: &'static str, response: Response, idle: Duration) -> BoxStream<'static, Result<Bytes, Failure>> {
    let next = move |mut response: Response| async move {
        let fault = match timeout(idle, response.chunk()).await {
            Ok(Ok(chunk)) => return Ok(chunk.map(|chunk| (chunk, response))),
            Ok(Err(error)) => Fault::of(error, operation),
            Err(_) => Fault::new(FailureKind::Interrupted, operation, "silence"),
        };
        tracing::warn!(operation, cause = fault.cause, "a recording breaks off");
        Err(fault.failure)
    };
    stream::try_unfold(response, next).boxed()
}

async fn answer(operation: &'static str, mut response: Response, now: Timestamp) -> Result<Answer, Fault> {
    let told = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(told.unwrap_or(0).min(LARGEST_ANSWER));
    while let Some(chunk) = response.chunk().await.map_err(|error| Fault::of(error, operation))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Fault::new(
                FailureKind::Broken,
                operation,
                "an answer larger than 1 MiB",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers(), now),
        body: body.into(),
    })
}

fn rejected(operation: &'static str, rejection: Rejection, answer: &Answer) -> Fault {
    Fault {
        failure: rejection.into_failure(operation, answer),
        cause: format!("status {}", answer.status),
    }
}

/// RFC 9110 §10.2.3: seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    let seconds = value.parse().ok().or_else(|| {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(&value).ok()?;
        Some(Timestamp::from(date).seconds_since(now))
    });
    Some(Duration::from_secs(seconds?).min(LONGEST_WAIT))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    value.to_str().ok().map(str::to_owned)
}
