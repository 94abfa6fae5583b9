//! What goes over the wire, and what stays off every log.

use super::provider::{Provider, answer, answer_with};
use super::*;

/// Sends an exchange below `/v2` and returns the request as it came.
async fn sent(exchange: Exchange) -> String {
    let provider = Provider::start([answer("200 OK", "")]).await;
    let upstream = upstream(&format!("{}/v2/", provider.url));
    upstream.exchange(exchange, judge).await.unwrap();
    provider.requests().remove(0)
}

fn post(body: Body) -> Exchange {
    Exchange::post("POST /x", "/x", body)
}

#[tokio::test]
async fn a_read_has_its_path_below_the_base_and_its_query_encoded_in_order() {
    let exchange = read().query("to", "+55 11").query("id", "1").query("id", "a&b");
    let request = sent(exchange).await;
    assert!(
        request.starts_with("GET /v2/x?to=%2B55+11&id=1&id=a%26b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("user-agent: switchboard/"), "{request}");
    assert!(
        request.contains("\r\naccept: application/json, */*;q=0.5\r\n"),
        "{request}"
    );
    assert!(!request.contains("content-type"), "{request}");
}

#[tokio::test]
async fn a_range_is_passed_on() {
    let range = Some("bytes=0-9".into());
    let request = sent(Exchange { range, ..read() }).await;
    assert!(request.contains("\r\nrange: bytes=0-9\r\n"), "{request}");
}

#[tokio::test]
async fn json_goes_as_it_is() {
    let request = sent(post(Body::Json("{\"a\":1.10}".into()))).await;
    assert!(request.contains("\r\ncontent-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1.10}"), "{request}");
}

#[tokio::test]
async fn an_act_without_a_body_says_so() {
    let request = sent(post(Body::Empty)).await;
    assert!(request.contains("\r\ncontent-length: 0\r\n"), "{request}");
}

#[tokio::test]
async fn a_form_is_encoded() {
    let request = sent(post(Body::Form(vec![("a", "é &".into()), ("b", String::new())]))).await;
    assert!(
        request.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\na=%C3%A9+%26&b="), "{request}");
}

#[tokio::test]
async fn a_multipart_form_has_a_part_for_each_field() {
    let request = sent(post(Body::Multipart(vec![("a", "1\r\n--x".into()), ("b", "2".into())]))).await;
    let (_, boundary) = request.split_once("multipart/form-data; boundary=").unwrap();
    let boundary = boundary.lines().next().unwrap();
    let part =
        |name, value| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = format!("\r\n\r\n{}{}--{boundary}--\r\n", part("a", "1\r\n--x"), part("b", "2"));
    assert!(request.ends_with(&body), "{request}");
}

#[tokio::test]
async fn a_retry_after_may_be_a_date_and_is_a_day_at_most() {
    for (value, expected) in [
        ("Sun, 22 Nov 2026 18:00:09 GMT", Some(9)),
        ("Sun, 22 Nov 2026 17:00:00 GMT", Some(0)),
        ("18446744073709551615", Some(86_400)),
        ("soon", None),
    ] {
        let header = format!("retry-after: {value}\r\n");
        let provider = Provider::start([answer_with("429 Busy", &header, "")]).await;
        let failure = failure(&upstream(&provider.url), act()).await;
        assert_eq!(failure.retry_after, expected.map(Duration::from_secs), "{value}");
    }
}

#[tokio::test]
async fn a_rejection_is_told_with_its_code_and_a_message_without_numbers() {
    let provider = Provider::start([answer("422 No", "")]).await;
    let judge = |_: &Answer| -> Result<(), Rejection> {
        let message = format!(" número 5511987654321 inválido {}", "x".repeat(1000));
        Err(Rejection::refused(Refusal::Invalid)
            .with_code("4")
            .with_message(message))
    };
    let failure = upstream(&provider.url).exchange(act(), judge).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused(Refusal::Invalid));
    assert_eq!(failure.code.as_deref(), Some("4"));
    let message = failure.message.unwrap();
    assert!(message.starts_with("número ************* inválido x"), "{message}");
    assert_eq!(message.chars().count(), 300);
}

#[test]
fn debug_shows_no_secret_number_or_code() {
    let canary = "5511987654321";
    let exchange = Exchange::post("POST /x", format!("/{canary}"), Body::Json(canary.into()));
    let exchange = exchange.query("pin", canary);
    let answer = Answer {
        status: 200,
        retry_after: None,
        body: canary.into(),
    };
    let rejection = Rejection::broken().with_message(canary);
    let settings = settings("http://127.0.0.1:1");
    let text = format!(
        "{exchange:?} {answer:?} {rejection:?} {settings:?} {:?}",
        start(settings.clone())
    );
    assert!(!text.contains(canary) && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn errors_and_their_causes_show_no_address() {
    let exchange = read().query("pin", "canary-pin");
    let url = format!("{}/canary-path?pin=canary-pin", nobody().await);
    let error = reqwest::Client::builder()
        .build()
        .unwrap()
        .get(url)
        .send()
        .await
        .unwrap_err();
    let text = wire::Fault::of(error, "GET /x").cause;
    assert!(!text.is_empty() && !text.contains("canary"), "{text}");
    let failure = failure(&upstream(&nobody().await), exchange).await;
    assert!(!format!("{failure} {failure:?}").contains("canary"));
}

#[test]
fn neither_missing_certificates_nor_a_proxy_of_the_environment_stand_in_the_way() {
    let another_test = "upstream::tests::requests::json_goes_as_it_is";
    let nowhere = "http://127.0.0.1:1";
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", another_test])
        .envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")])
        .envs([("HTTP_PROXY", nowhere), ("http_proxy", nowhere), ("ALL_PROXY", nowhere)])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && report.contains("1 passed"), "{report}");
}
