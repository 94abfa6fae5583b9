//! Recordings on their way.

use futures_util::StreamExt;

use super::provider::{Act, Provider, answer_with};
use super::*;

const AUDIO: &str = "content-type: audio/mpeg\r\n";

async fn open(upstream: &Upstream) -> Result<Streamed, Failure> {
    let judge = |answer: &Answer| judge(answer).err().unwrap_or(Rejection::refused(Refusal::NoRecording));
    upstream.open(read(), judge).await
}

/// The audio up to its end, or up to the failure that ended it.
async fn drain(streamed: Streamed) -> (Vec<u8>, Option<FailureKind>) {
    let mut body = streamed.body;
    let mut audio = Vec::new();
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => audio.extend_from_slice(&chunk),
            Err(failure) => return (audio, Some(failure.kind)),
        }
    }
    (audio, None)
}

fn begun(then: fn(Vec<u8>) -> Act) -> Act {
    then(format!("HTTP/1.1 200 OK\r\n{AUDIO}content-length: 9\r\n\r\nhalf").into())
}

#[tokio::test]
async fn audio_comes_with_its_headers_whatever_its_size() {
    let audio = "x".repeat(3 * 1024 * 1024);
    let headers = format!("{AUDIO}content-range: bytes 0-3145727/9999999\r\n");
    let provider = Provider::start([answer_with("206 Partial Content", &headers, &audio)]).await;
    let streamed = open(&upstream(&provider.url)).await.unwrap();
    assert_eq!(streamed.status, 206);
    assert_eq!(streamed.content_type.as_deref(), Some("audio/mpeg"));
    assert_eq!(streamed.content_length, Some(3_145_728));
    assert_eq!(streamed.content_range.as_deref(), Some("bytes 0-3145727/9999999"));
    assert_eq!(drain(streamed).await, (audio.into_bytes(), None));
}

#[tokio::test]
async fn whatever_is_not_audio_is_judged() {
    for (status, headers, kind) in [
        ("404 Not Found", AUDIO, FailureKind::Refused(Refusal::NotFound)),
        ("302 Found", AUDIO, FailureKind::Broken),
        (
            "200 OK",
            "content-type: application/json\r\n",
            FailureKind::Refused(Refusal::NoRecording),
        ),
        (
            "200 OK",
            "content-type: text/html\r\n",
            FailureKind::Refused(Refusal::NoRecording),
        ),
        (
            "200 OK",
            "content-type: image/png\r\n",
            FailureKind::Refused(Refusal::NoRecording),
        ),
    ] {
        let provider = Provider::start([answer_with(status, headers, "{}")]).await;
        let failure = open(&upstream(&provider.url)).await.err().unwrap();
        assert_eq!(failure.kind, kind, "{status}");
    }
}

#[tokio::test]
async fn audio_that_breaks_off_ends_with_a_failure() {
    let provider = Provider::start([begun(Act::WriteAndClose)]).await;
    let streamed = open(&upstream(&provider.url)).await.unwrap();
    assert_eq!(drain(streamed).await, (b"half".to_vec(), Some(FailureKind::Broken)));
}

#[tokio::test]
async fn audio_that_falls_silent_ends_with_a_failure() {
    let provider = Provider::start([begun(Act::Write)]).await;
    let streamed = open(&impatient(&provider.url)).await.unwrap();
    assert_eq!(
        drain(streamed).await,
        (b"half".to_vec(), Some(FailureKind::Interrupted))
    );
}

#[tokio::test]
async fn audio_on_its_way_takes_no_place() {
    let provider = Provider::start([begun(Act::Write)]).await;
    let upstream = start(Settings {
        concurrent: 1,
        ..settings(&provider.url)
    });
    let _first = open(&upstream).await.unwrap();
    assert!(open(&upstream).await.is_ok());
}

#[tokio::test]
async fn a_range_behind_the_end_is_told_with_the_length() {
    let headers = "content-type: audio/mpeg\r\ncontent-range: bytes */9\r\n";
    let provider = Provider::start([answer_with("416 Range Not Satisfiable", headers, "ignored")]).await;
    let streamed = open(&upstream(&provider.url)).await.unwrap();
    assert_eq!(
        (streamed.status, streamed.content_range.as_deref()),
        (416, Some("bytes */9"))
    );
    assert_eq!(drain(streamed).await, (Vec::new(), None));
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn bytes_of_no_stated_kind_are_taken_for_audio() {
    for headers in ["", "content-type: application/octet-stream\r\n"] {
        let provider = Provider::start([answer_with("200 OK", headers, "audio")]).await;
        assert_eq!(open(&upstream(&provider.url)).await.unwrap().status, 200);
    }
}
