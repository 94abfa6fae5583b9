//! Which key is sent, and what is told of it.

use super::provider::{Provider, answer};
use super::*;

/// A ring as the configuration reads it; `keys` are its entries, with secrets from `A`, `B` and `C`.
fn ring(keys: &str) -> KeyRing {
    let text = format!(
        r#"
        [auth]
        issuer = "https://auth.example.com"
        keys = [ {{ id = "1", alg = "HS256", secret = "env::JWT" }} ]
        [accounts.zenvia-br]
        provider = "zenvia"
        owner = "telephony"
        keys = [ {keys} ]"#
    );
    let env = [
        ("JWT", "canary-jwt-0123456789-0123456789-0123"),
        ("A", "canary-a"),
        ("B", "canary-b"),
        ("C", "canary-c"),
        ("LINES", "canary\nlines"),
    ];
    let config = Config::from_toml_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    config.accounts["zenvia-br"].keys.clone()
}

async fn provider_with(keys: &str, statuses: &[&str]) -> (Provider, Upstream) {
    let provider = Provider::start(statuses.iter().map(|status| answer(status, ""))).await;
    let upstream = start(Settings {
        keys: ring(keys),
        ..settings(&provider.url)
    });
    (provider, upstream)
}

/// The secrets sent, in order.
fn sent(provider: &Provider) -> Vec<String> {
    let secret = |request: &String| {
        let header = request.lines().find_map(|line| line.strip_prefix("access-token: "));
        header.unwrap().to_owned()
    };
    provider.requests().iter().map(secret).collect()
}

const TWO: &str = r#"{ id = "a", secret = "env::A" }, { id = "b", secret = "env::B" }"#;
const REFUSED: &str = "403 Forbidden";
const OK: &str = "200 OK";

#[tokio::test]
async fn the_first_key_is_sent_with_its_prefix() {
    let (provider, upstream) = provider_with(TWO, &[OK]).await;
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(sent(&provider), ["Bearer canary-a"]);
}

#[tokio::test]
async fn the_next_key_is_tried_where_one_is_refused_and_comes_first_from_then_on() {
    let (provider, upstream) = provider_with(TWO, &[REFUSED, OK]).await;
    upstream.exchange(act(), judge).await.unwrap();
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(
        sent(&provider),
        ["Bearer canary-a", "Bearer canary-b", "Bearer canary-b"]
    );
}

#[tokio::test]
async fn two_keys_are_tried_at_most() {
    let three = format!(r#"{TWO}, {{ id = "c", secret = "env::C" }}"#);
    let (provider, upstream) = provider_with(&three, &[REFUSED]).await;
    let kind = failure(&upstream, act()).await.kind;
    assert_eq!(kind, FailureKind::Refused(Refusal::Credential));
    assert_eq!(sent(&provider).len(), 2);
}

#[tokio::test]
async fn a_read_that_changes_its_key_may_still_be_repeated() {
    let (provider, upstream) = provider_with(TWO, &[REFUSED, "500 Oops", OK]).await;
    upstream.exchange(read(), judge).await.unwrap();
    assert_eq!(
        sent(&provider),
        ["Bearer canary-a", "Bearer canary-b", "Bearer canary-b"]
    );
}

#[tokio::test]
async fn only_keys_valid_now_are_sent() {
    let keys = r#"
        { id = "a", secret = "env::A", until = "2026-11-22T18:00:00Z" },
        { id = "b", secret = "env::B", from = "2026-11-22T18:00:00Z" },
        { id = "c", secret = "env::C", from = "2026-11-22T18:00:01Z" }"#;
    let (provider, upstream) = provider_with(keys, &[OK]).await;
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(sent(&provider), ["Bearer canary-b"]);
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_sent() {
    let keys = r#"{ id = "a", secret = "env::A", until = "2026-11-22T18:00:00Z" }"#;
    let (provider, upstream) = provider_with(keys, &[OK]).await;
    let kind = failure(&upstream, act()).await.kind;
    assert_eq!(kind, FailureKind::Refused(Refusal::Credential));
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn a_secret_that_fits_no_header_counts_as_refused() {
    let keys = r#"{ id = "x", secret = "env::LINES" }, { id = "a", secret = "env::A" }"#;
    let (provider, upstream) = provider_with(keys, &[OK]).await;
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(sent(&provider), ["Bearer canary-a"]);
}

#[tokio::test]
async fn usage_tells_what_became_of_each_key() {
    let (_provider, upstream) = provider_with(TWO, &[REFUSED, OK]).await;
    upstream.exchange(act(), judge).await.unwrap();
    let [a, b]: [KeyUsage; 2] = upstream.key_usage().try_into().unwrap();
    assert_eq!((a.id.as_str(), b.id.as_str()), ("a", "b"));
    assert_eq!(
        (a.last_used, a.last_accepted, a.last_rejected),
        (Some(now()), None, Some(now()))
    );
    assert_eq!(
        (b.last_used, b.last_accepted, b.last_rejected),
        (Some(now()), Some(now()), None)
    );
    assert_ne!(a.fingerprint, b.fingerprint);
}

#[tokio::test]
async fn only_a_clear_answer_accepts_a_key() {
    for (status, accepted) in [
        ("404 Not Found", Some(now())),
        ("409 Conflict", None),
        ("429 Too Many Requests", None),
        ("500 Oops", None),
    ] {
        let (_provider, upstream) = provider_with(TWO, &[status]).await;
        failure(&upstream, act()).await;
        assert_eq!(upstream.key_usage()[0].last_accepted, accepted, "{status}");
    }
}
