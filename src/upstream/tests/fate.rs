//! How each way to fail is told, and how often a request is sent.

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::provider::{Act, Provider, answer, answer_with};
use super::*;

/// Plays one act for ever and returns the failure with the number of connections it took.
async fn fate(exchange: Exchange, act: Act) -> (FailureKind, usize) {
    let provider = Provider::start([act]).await;
    let failure = failure(&upstream(&provider.url), exchange).await;
    (failure.kind, provider.connections())
}

fn bytes(text: impl AsRef<str>) -> Vec<u8> {
    text.as_ref().as_bytes().to_vec()
}

/// The ways to lose an answer once there is a connection.
fn lost_answers() -> Vec<(Act, FailureKind)> {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 2097152\r\n\r\n";
    let unannounced = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let large = "x".repeat(2 * 1024 * 1024);
    vec![
        (Act::Refuse, FailureKind::Interrupted),
        (Act::Close, FailureKind::Interrupted),
        (Act::WriteAndClose(bytes("HTTP/1.1 200")), FailureKind::Interrupted),
        (Act::WriteAndClose(bytes(half)), FailureKind::Broken),
        (Act::WriteAndClose(bytes("220 mail ESMTP\r\n\r\n")), FailureKind::Broken),
        (
            Act::WriteAndClose(bytes(format!("{announced}{large}"))),
            FailureKind::Broken,
        ),
        (
            Act::WriteAndClose(bytes(format!("{unannounced}{large}"))),
            FailureKind::Broken,
        ),
        (
            Act::WriteAndClose(bytes("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")),
            FailureKind::Broken,
        ),
    ]
}

#[tokio::test]
async fn an_act_whose_answer_is_lost_is_never_sent_again() {
    for (number, (lost, kind)) in lost_answers().into_iter().enumerate() {
        assert_eq!(fate(act(), lost).await, (kind, 1), "way {number}");
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_sent_exactly_once_more() {
    for (number, (lost, kind)) in lost_answers().into_iter().enumerate() {
        assert_eq!(fate(read(), lost).await, (kind, 2), "way {number}");
    }
}

#[tokio::test]
async fn a_read_succeeds_at_its_second_try() {
    for (lost, _) in lost_answers() {
        let provider = Provider::start([lost, answer("200 OK", "here")]).await;
        let text = upstream(&provider.url).exchange(read(), judge).await;
        assert_eq!(text.unwrap(), "here");
    }
}

#[tokio::test]
async fn what_finds_nobody_was_not_sent() {
    let upstream = upstream(&nobody().await);
    for exchange in [read(), act()] {
        assert_eq!(failure(&upstream, exchange).await.kind, FailureKind::NotSent);
    }
}

#[tokio::test]
async fn a_name_that_is_not_known_was_not_sent_to() {
    let upstream = upstream("http://no-such-host.invalid");
    assert_eq!(failure(&upstream, act()).await.kind, FailureKind::NotSent);
}

#[tokio::test]
async fn what_fails_before_there_is_a_secure_connection_is_sent_once_more() {
    let provider = Provider::start([Act::Refuse]).await;
    let upstream = upstream(&provider.url.replace("http:", "https:"));
    assert_eq!(failure(&upstream, act()).await.kind, FailureKind::NotSent);
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn what_the_network_swallows_was_not_sent() {
    // Nobody accepts: once its queue is full the kernel drops further connections in silence.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(connection) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        queue.push(connection.unwrap());
    }

    let upstream = impatient(&format!("http://{address}"));
    assert_eq!(failure(&upstream, act()).await.kind, FailureKind::NotSent);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_as_an_answer_lost() {
    for silent in [
        Act::Hang,
        Act::Write(bytes("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")),
    ] {
        let provider = Provider::start([silent]).await;
        let upstream = impatient(&provider.url);
        let ended = timeout(Duration::from_secs(20), failure(&upstream, read()));
        assert_eq!(ended.await.unwrap().kind, FailureKind::Interrupted);
        assert_eq!(provider.connections(), 1, "no time is left for a second try");
    }
}

#[tokio::test]
async fn a_refusal_or_a_busy_provider_is_not_asked_again() {
    for (status, kind) in [
        ("404 Not Found", FailureKind::Refused(Refusal::NotFound)),
        ("429 Too Many Requests", FailureKind::Busy),
    ] {
        let provider = Provider::start([answer_with(status, "retry-after: 7\r\n", "")]).await;
        let failure = failure(&upstream(&provider.url), read()).await;
        assert_eq!(failure.kind, kind);
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(provider.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Provider::start([answer("200 OK", "")]).await;
    let location = format!("location: {}/x\r\n", elsewhere.url);
    let provider = Provider::start([answer_with("302 Found", &location, "")]).await;
    let upstream = upstream(&provider.url);
    let status = upstream.exchange(read(), |answer| Ok(answer.status));
    assert_eq!(status.await, Ok(302));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_act_on_a_kept_connection_that_closes_is_not_sent_again() {
    let provider = Provider::start([answer("200 OK", ""), Act::Close]).await;
    let upstream = upstream(&provider.url);
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(failure(&upstream, act()).await.kind, FailureKind::Interrupted);
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_fresh_exchange_has_a_connection_of_its_own() {
    let provider = Provider::start([answer("200 OK", "")]).await;
    let upstream = upstream(&provider.url);
    for exchange in [act(), act().fresh(), act().fresh(), act()] {
        upstream.exchange(exchange, judge).await.unwrap();
    }
    assert_eq!(provider.connections(), 3);
}
