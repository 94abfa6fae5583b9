//! What is fetched from whoever publishes it, and from whom nothing is.

use super::super::document::{Document, FetchError, fetch_through};
use super::super::guard::Guard;
use super::outbound::{exceptions, lookup};
use super::provider::{Act, Provider, answer, answer_with};
use super::*;

async fn fetched(
    targets: &[&str],
    means: &'static [&'static [&'static str]],
    url: &str,
) -> Result<Document, FetchError> {
    let guard = Guard::new(exceptions(targets), lookup(means));
    fetch_through(guard, &url.parse().unwrap()).await
}

async fn told(act: Act) -> (Provider, Result<Document, FetchError>) {
    let publisher = Provider::start([act]).await;
    let told = fetched(&["127.0.0.0/8"], &[&[]], &publisher.url).await;
    (publisher, told)
}

#[tokio::test]
async fn a_document_is_fetched_with_its_age() {
    for (header, age) in [
        ("", None),
        ("cache-control: public, max-age=600\r\n", Some(600)),
        ("cache-control: Max-Age=\"5\"\r\ncache-control: public\r\n", Some(5)),
        ("cache-control: max-age=600, no-cache\r\n", Some(0)),
        ("cache-control: no-store\r\n", Some(0)),
        ("cache-control: max-age=soon\r\n", None),
        ("cache-control: s-maxage=7\r\n", None),
    ] {
        let (publisher, told) = told(answer_with("200 OK", header, "{}")).await;
        let document = told.unwrap();
        assert_eq!(document.body, "{}");
        assert_eq!(document.max_age, age.map(Duration::from_secs), "{header}");
        let request = publisher.requests()[0].to_lowercase();
        assert!(
            !request.contains("authorization") && !request.contains("cookie"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Provider::start([answer("200 OK", "{}")]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/\r\n", other.url);
        let (_, told) = told(answer_with(&format!("{status} X"), &location, "")).await;
        assert_eq!(told, Err(FetchError::Status(status)));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn what_is_no_document_is_told_apart() {
    let large = "x".repeat(256 * 1024 + 1);
    assert_eq!(told(answer("200 OK", &large)).await.1, Err(FetchError::TooLarge));
    assert_eq!(
        told(answer("200 OK", &large[1..])).await.1.unwrap().body.len(),
        256 * 1024
    );
    assert_eq!(told(answer("500 Oops", "{}")).await.1, Err(FetchError::Status(500)));
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    assert!(matches!(
        told(Act::WriteAndClose(half)).await.1,
        Err(FetchError::Broken(_))
    ));
    let closed = nobody().await;
    let told = fetched(&["127.0.0.0/8"], &[&[]], &closed).await;
    assert!(matches!(told, Err(FetchError::NotConnected(_))));
}

#[tokio::test]
async fn addresses_that_are_not_public_are_asked_only_where_they_are_listed() {
    let publisher = Provider::start([answer("200 OK", "{}")]).await;
    let port = publisher.url.rsplit(':').next().unwrap();
    for (targets, host, allowed) in [
        (&[] as &[_], "127.0.0.1", false),
        (&[], "keys.example.com", false),
        (&["10.0.0.0/8"], "keys.example.com", false),
        (&["127.0.0.0/8"], "keys.example.com", true),
        (&["keys.example.com"], "keys.example.com", true),
        (&["keys.example.com"], "other.example.com", false),
    ] {
        let told = fetched(targets, &[&["127.0.0.1"]], &format!("http://{host}:{port}/")).await;
        match allowed {
            true => assert!(told.is_ok(), "{targets:?} {host} {told:?}"),
            false => assert_eq!(told, Err(FetchError::AddressNotAllowed), "{targets:?} {host}"),
        }
    }
}

#[tokio::test]
async fn public_addresses_are_asked_over_tls_only() {
    for url in [
        "http://1.1.1.1/",
        "http://[2606:4700:4700::1111]/",
        "http://keys.example.com/",
    ] {
        let told = fetched(&["10.0.0.0/8"], &[&["1.1.1.1"]], url).await;
        assert_eq!(told, Err(FetchError::AddressNotAllowed), "{url}");
    }
}
