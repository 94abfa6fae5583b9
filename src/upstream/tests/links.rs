//! Recordings at links.

use super::provider::{Provider, answer, answer_with};
use super::*;

fn link(provider: &Provider) -> Link {
    Link {
        operation: "GET link",
        url: format!("{}/rec/?id=1&x=secret", provider.url).parse().unwrap(),
        range: Some("bytes=0-1".into()),
    }
}

async fn open_link(act: provider::Act) -> (Provider, Result<u16, FailureKind>) {
    let provider = Provider::start([act]).await;
    let opened = upstream("http://127.0.0.1:1").open_link(link(&provider)).await;
    (
        provider,
        opened.map(|audio| audio.status).map_err(|failure| failure.kind),
    )
}

#[tokio::test]
async fn a_link_gets_the_range_and_no_credential() {
    let (provider, opened) = open_link(answer_with("206 Partial Content", "content-type: audio/mpeg\r\n", "xx")).await;
    assert_eq!(opened, Ok(206));
    let request = provider.requests()[0].to_lowercase();
    assert!(request.starts_with("get /rec/?id=1&x=secret "), "{request}");
    assert!(request.contains("range: bytes=0-1"));
    assert!(
        !request.contains("access-token") && !request.contains("canary-secret"),
        "{request}"
    );
}

#[tokio::test]
async fn a_link_that_gives_no_audio_has_none_and_is_asked_once() {
    let none = FailureKind::Refused(Refusal::NoRecording);
    for (act, kind) in [
        (answer("404 Not Found", ""), none),
        (answer_with("302 Found", "location: http://127.0.0.1:1/\r\n", ""), none),
        (answer_with("200 OK", "content-type: text/html\r\n", "<html>"), none),
        (answer("429 Too Many Requests", ""), FailureKind::Busy),
        (answer("503 Service Unavailable", ""), FailureKind::Broken),
    ] {
        let (provider, opened) = open_link(act).await;
        assert_eq!(opened, Err(kind));
        assert_eq!(provider.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = Provider::start([answer("200 OK", "audio")]).await;
    let absolute = format!("{}/rec/1", elsewhere.url);
    for location in [absolute.as_str(), "/rec/1"] {
        let provider = Provider::start([answer_with("302 Found", &format!("location: {location}\r\n"), "")]).await;
        let found = upstream(&provider.url).find(read(), |_| Rejection::broken()).await;
        let Ok(Found::At(url)) = found else { panic!("not told") };
        let base: url::Url = provider.url.parse().unwrap();
        assert_eq!(url, base.join(location).unwrap());
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn audio_that_is_here_comes_and_anything_else_is_judged() {
    let provider = Provider::start([answer("200 OK", "audio"), answer("404 Not Found", "{}")]).await;
    let upstream = upstream(&provider.url);
    let found = upstream.find(read(), |_| Rejection::broken()).await;
    assert!(matches!(found, Ok(Found::Here(audio)) if audio.status == 200));
    let judged = upstream.find(read(), |_| Rejection::refused(Refusal::NotFound)).await;
    assert_eq!(judged.err().unwrap().kind, FailureKind::Refused(Refusal::NotFound));
}
