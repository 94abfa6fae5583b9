//! When the issuer's keys are fetched, and how long they count. Time is tokio's, which stands still and jumps.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::task::AbortHandle;
use tokio::time::{Instant, advance, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::*;
use crate::telemetry::metric;

const DAY: Duration = Duration::from_secs(24 * 3600);
const URL: &str = "https://issuer.test/jwks.json";

/// An issuer that publishes what it is told to, after a while.
#[derive(Clone)]
struct Fake {
    publishes: Arc<Mutex<Result<Value, String>>>,
    max_age: Option<Duration>,
    fetches: Arc<AtomicUsize>,
    urls: Arc<Mutex<Vec<String>>>,
    began: Instant,
}

impl Fake {
    fn publishing(set: Value) -> Self {
        Self {
            publishes: Arc::new(Mutex::new(Ok(set))),
            max_age: None,
            fetches: Arc::default(),
            urls: Arc::default(),
            began: Instant::now(),
        }
    }

    fn publish(&self, set: Value) {
        *self.publishes.lock().unwrap() = Ok(set);
    }

    fn fail(&self) {
        *self.publishes.lock().unwrap() = Err("status 500".into());
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_seconds(NOW + i64::try_from(self.began.elapsed().as_secs()).unwrap())
    }
}

#[async_trait]
impl Issuer for Fake {
    async fn fetch(&self, url: &Url) -> Result<Publication, String> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.urls.lock().unwrap().push(url.to_string());
        sleep(Duration::from_secs(1)).await;
        let set = self.publishes.lock().unwrap().clone()?;
        Ok(Publication {
            body: set.to_string().into(),
            max_age: self.max_age,
        })
    }

    fn now(&self) -> Timestamp {
        self.time()
    }
}

/// An authenticator that follows an issuer; it stops with this value.
struct Bed {
    authenticator: Arc<Authenticator>,
    issuer: Fake,
    following: AbortHandle,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Bed {
    fn start(auth: &Auth, issuer: Fake) -> Self {
        let authenticator = Arc::new(Authenticator::new(auth));
        let (follower, source) = (Arc::clone(&authenticator), issuer.clone());
        let following = tokio::spawn(async move { follower.follow(source, CancellationToken::new()).await });
        Self {
            authenticator,
            issuer,
            following: following.abort_handle(),
        }
    }

    /// What becomes of a request with this token, as a handler sees it.
    async fn ask(&self, token: &str) -> Result<Arc<Caller>, Error> {
        let request = request(&format!("Bearer {token}"));
        if self.authenticator.lacks_key(&request, self.issuer.time()) {
            self.authenticator.wait_for_keys().await;
        }
        self.authenticator.authenticate(&request, self.issuer.time())
    }

    async fn problem(&self, token: &str) -> Problem {
        self.ask(token).await.unwrap_err().problem
    }

    fn status(&self) -> &'static str {
        self.authenticator.issuer(self.issuer.time()).unwrap().status
    }
}

/// No key but the published ones.
fn published_only() -> Auth {
    Auth {
        keys: vec![],
        jwks_url: Some(URL.parse().unwrap()),
        ..auth()
    }
}

/// The stranger's key under this identifier, alone.
fn set_of(id: &str) -> Value {
    json!({"keys": [jwk(id, Alg::EdDSA, &ed_key(&KEYS.stranger))]})
}

/// A token signed with it, good for two days.
fn signed_as(id: &str) -> String {
    let header = json!({"alg": "EdDSA", "kid": id}).to_string();
    let claims = claims_with(json!({"exp": NOW + 2 * 24 * 3600}));
    sign(Alg::EdDSA, &ed_key(&KEYS.stranger), &header, &claims.to_string())
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_the_first_keys() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("1")));
    let token = signed_as("1");
    let asked = (0..100).map(|_| bed.ask(&token));
    assert!(join_all(asked).await.iter().all(Result::is_ok));
    assert_eq!(bed.issuer.fetches(), 1, "one fetch serves them all");
    assert_eq!(bed.status(), "current");
    let told = format!("{} {}\n", metric::JWKS_LAST_FETCHED, NOW + 1);
    assert!(recorder.handle().render().contains(&told), "it took a second");
    assert_eq!(*bed.issuer.urls.lock().unwrap(), [URL]);
}

#[tokio::test(start_paused = true)]
async fn twenty_rotations_fail_no_request() {
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("0")));
    for round in 0..20 {
        let (old, new) = (round.to_string(), (round + 1).to_string());
        assert!(bed.ask(&signed_as(&old)).await.is_ok());
        // Signing begins the moment the key is published; the old key goes when its last token is old.
        bed.issuer
            .publish(json!({"keys": [set_of(&new)["keys"][0], set_of(&old)["keys"][0]]}));
        advance(Duration::from_secs(11)).await;
        let (a, b) = (signed_as(&new), signed_as(&old));
        let (new, old) = tokio::join!(bed.ask(&a), bed.ask(&b));
        assert!(new.is_ok() && old.is_ok(), "{round}");
    }
}

#[tokio::test(start_paused = true)]
async fn invented_keys_cause_one_fetch_in_ten_seconds() {
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("1")));
    let good = signed_as("1");
    assert!(bed.ask(&good).await.is_ok());
    let began = bed.issuer.began.elapsed();
    for index in 0..2_000 {
        advance(Duration::from_millis(50)).await;
        assert_eq!(
            bed.problem(&signed_as(&format!("x{index}"))).await,
            Problem::Unauthenticated
        );
        assert!(bed.ask(&good).await.is_ok());
    }
    let intervals = (bed.issuer.began.elapsed() - began).as_secs() / 10;
    let fetches = bed.issuer.fetches() as u64;
    assert!(
        (2..=intervals + 2).contains(&fetches),
        "{fetches} in {intervals} intervals"
    );
    assert!(
        intervals <= 2_000 / 20 / 10 + fetches / 10 + 1,
        "no request waits for a fetch that may not begin: {intervals}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_taken_away_counts_no_longer_than_the_issuer_lets_it_be_kept() {
    for (max_age, latest) in [(None, 300), (Some(0), 60), (Some(600), 600), (Some(1_000_000), 3_600)] {
        let issuer = Fake {
            max_age: max_age.map(Duration::from_secs),
            ..Fake::publishing(set_of("1"))
        };
        let bed = Bed::start(&published_only(), issuer);
        assert!(bed.ask(&signed_as("1")).await.is_ok());
        bed.issuer.publish(json!({"keys": []}));
        sleep(Duration::from_secs(latest - 2)).await;
        assert!(bed.ask(&signed_as("1")).await.is_ok(), "{max_age:?}");
        sleep(Duration::from_secs(4)).await;
        assert_eq!(
            bed.problem(&signed_as("1")).await,
            Problem::Unauthenticated,
            "{max_age:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_outlive_their_url_by_a_day() {
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("1")));
    let token = signed_as("1");
    assert!(bed.ask(&token).await.is_ok());
    bed.issuer.fail();
    sleep(DAY - Duration::from_secs(10)).await;
    assert!(bed.ask(&token).await.is_ok());
    assert_eq!(bed.status(), "failing");
    assert_eq!(
        bed.problem(&signed_as("2")).await,
        Problem::Unauthenticated,
        "a set is known"
    );
    sleep(Duration::from_secs(20)).await;
    assert_eq!(
        bed.problem(&token).await,
        Problem::ProviderUnavailable,
        "remembered or not"
    );
    assert_eq!(bed.status(), "away");
    assert!(bed.authenticator.warning(bed.issuer.time()).is_some());
    bed.issuer.publish(set_of("1"));
    sleep(Duration::from_secs(20)).await;
    assert!(bed.ask(&token).await.is_ok());
    assert_eq!(
        (bed.status(), bed.authenticator.warning(bed.issuer.time())),
        ("current", None)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_set_changes_nothing() {
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("1")));
    assert!(bed.ask(&signed_as("1")).await.is_ok());
    bed.issuer.publish(json!("<html>sign in</html>"));
    sleep(Duration::from_secs(400)).await;
    assert!(bed.ask(&signed_as("1")).await.is_ok());
    assert_eq!(bed.status(), "failing");
}

#[tokio::test(start_paused = true)]
async fn a_published_key_keeps_its_uses_when_others_come_and_not_when_it_is_another() {
    let auth = published_only();
    let bed = Bed::start(&auth, Fake::publishing(set_of("1")));
    assert!(bed.ask(&signed_as("1")).await.is_ok());
    let used = |set: &Value| {
        auth.published
            .uses("1", &format!("{}...", set["keys"][0]["x"].as_str().unwrap()))
    };
    let first = used(&set_of("1")).accepted.get();
    assert!(first.is_some());
    assert_eq!(
        used(&set_of("1")).tokens_end.get(),
        Some(Timestamp::from_seconds(NOW + 2 * 24 * 3600 + 30))
    );
    bed.issuer
        .publish(json!({"keys": [set_of("2")["keys"][0], set_of("1")["keys"][0]]}));
    sleep(Duration::from_secs(400)).await;
    assert!(bed.ask(&signed_as("2")).await.is_ok());
    assert_eq!(used(&set_of("1")).accepted.get(), first);
    assert!(bed.ask(&signed_as("1")).await.is_ok());
    assert!(used(&set_of("1")).accepted.get() > first, "and goes on being noted");
    let other = json!({"keys": [jwk("1", Alg::EdDSA, &ed_key(&KEYS.ed))]});
    bed.issuer.publish(other.clone());
    sleep(Duration::from_secs(400)).await;
    assert_eq!(bed.problem(&signed_as("1")).await, Problem::Unauthenticated);
    assert_eq!(used(&other).accepted.get(), None);
    assert!(used(&other).rejected.get().is_some());
}

#[tokio::test(start_paused = true)]
async fn configured_keys_need_no_issuer() {
    let auth = Auth {
        jwks_url: Some(URL.parse().unwrap()),
        ..auth()
    };
    let issuer = Fake::publishing(set_of("1"));
    issuer.fail();
    let bed = Bed::start(&auth, issuer);
    assert!(bed.ask(&good_with(json!({}))).await.is_ok());
    assert_eq!(bed.problem(&signed_as("1")).await, Problem::ProviderUnavailable);
    assert_eq!(bed.problem("a.b.c").await, Problem::Unauthenticated);
    assert_eq!(
        (bed.status(), bed.authenticator.warning(bed.issuer.time())),
        ("away", None)
    );
    bed.issuer.publish(set_of("1"));
    sleep(Duration::from_secs(20)).await;
    assert!(bed.ask(&signed_as("1")).await.is_ok() && bed.ask(&good_with(json!({}))).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn another_url_is_asked_at_once_and_what_the_first_published_is_forgotten() {
    let bed = Bed::start(&published_only(), Fake::publishing(set_of("1")));
    assert!(bed.ask(&signed_as("1")).await.is_ok());
    let other = Auth {
        audience: "another".into(),
        ..published_only()
    };
    bed.authenticator.replace(&other);
    assert_eq!(
        bed.problem(&signed_as("1")).await,
        Problem::Unauthenticated,
        "its audience"
    );
    assert_eq!(bed.issuer.fetches(), 1, "the same URL is not asked again");
    bed.issuer.publish(set_of("2"));
    let other = Auth {
        jwks_url: Some("https://other.test/keys".parse().unwrap()),
        ..published_only()
    };
    bed.authenticator.replace(&other);
    assert!(bed.ask(&signed_as("2")).await.is_ok());
    assert_eq!(bed.problem(&signed_as("1")).await, Problem::Unauthenticated);
    assert_eq!(bed.issuer.urls.lock().unwrap()[1], "https://other.test/keys");
    bed.authenticator.replace(&auth());
    assert!(bed.ask(&signed_as("2")).await.is_err() && bed.authenticator.issuer(now()).is_none());
}
