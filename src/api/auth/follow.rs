//! Following an issuer: its keys are fetched when they are old, and when a token names one that is not known.

use std::time::Duration;

use actix_web::HttpRequest;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::issuer::{Issuer, IssuerView, LEAST_INTERVAL, LONGEST_WAIT, Publication, Published, RETRY};
use super::{Authenticator, Keys, bearer, jwks, next_epoch};
use crate::domain::time::Timestamp;
use crate::telemetry::metric;

impl Authenticator {
    /// Fetches the issuer's keys at once, when they are old and when they are wanted, until told to stop.
    ///
    /// One fetch is under way at a time and they begin at least 10 s apart, so tokens with invented keys cause no more.
    /// Keys stay what they are while fetches fail, for a day.
    pub async fn follow(&self, issuer: impl Issuer, stop: CancellationToken) {
        let following = async {
            loop {
                let Some(url) = self.url() else {
                    self.wanted.notified().await;
                    continue;
                };
                let due = self.fetch(&issuer, &url).await;
                tokio::select! {
                    () = sleep(due) => {}
                    () = self.wanted_again() => {}
                }
            }
        };
        stop.run_until_cancelled(following).await;
    }

    /// Whether the request's token names a key that is not known, and the issuer may have published it since.
    pub fn lacks_key(&self, request: &HttpRequest, now: Timestamp) -> bool {
        let keys = self.keys.load();
        keys.published_until.is_some() && bearer(request).is_ok_and(|token| keys.ring.lacks_key_of(token, now))
    }

    /// Waits for a fetch, if one is under way or may begin; at most 6 s.
    pub async fn wait_for_keys(&self) {
        let mut fetches = self.fetches.subscribe();
        let before = *fetches.borrow();
        if !before.under_way {
            if Instant::now() < before.next {
                return;
            }
            self.wanted.notify_one();
        }
        // Late or not, the token is judged by the keys that are known then.
        let ended = fetches.wait_for(|fetches| fetches.ended > before.ended);
        let _ = timeout(LONGEST_WAIT, ended).await;
    }

    /// How the keys that the issuer publishes fare; nothing where it is to publish none.
    pub fn issuer(&self, now: Timestamp) -> Option<IssuerView> {
        let sources = self.sources();
        let published = &sources.published;
        published.url.is_some().then(|| IssuerView::of(published, now))
    }

    /// That no token can be verified, while that is so.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let none = self.keys.load().ring.is_empty(now);
        none.then(|| "No key of [auth] is valid: every token is refused.".to_owned())
    }

    fn url(&self) -> Option<Url> {
        self.sources().auth.jwks_url.clone()
    }

    async fn wanted_again(&self) {
        self.wanted.notified().await;
        loop {
            let next = self.fetches.borrow().next;
            // Whoever asks meanwhile may have brought the time forward.
            tokio::select! {
                () = sleep_until(next) => return,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Fetches once, and says when to fetch again.
    async fn fetch(&self, issuer: &impl Issuer, url: &Url) -> Duration {
        self.fetches.send_modify(|fetches| {
            fetches.under_way = true;
            fetches.next = Instant::now() + LEAST_INTERVAL;
        });
        let fetched = issuer.fetch(url).await;
        let outcome = fetched.and_then(|publication| self.take(url, publication, issuer.now()));
        let due = match &outcome {
            Ok(age) => *age,
            Err(reason) => {
                tracing::error!(reason, "the keys that the issuer publishes cannot be fetched");
                self.note_failure(url, reason, issuer.now());
                RETRY
            }
        };
        let label = if outcome.is_ok() { "fetched" } else { "failed" };
        metrics::counter!(metric::JWKS_FETCHES, "outcome" => label).increment(1);
        self.fetches.send_modify(|fetches| {
            fetches.under_way = false;
            fetches.ended += 1;
        });
        due
    }

    /// Takes over what is published, and says how long it is kept.
    fn take(&self, url: &Url, publication: Publication, now: Timestamp) -> Result<Duration, String> {
        let keys = jwks::keys(&publication.body).map_err(|error| error.to_string())?;
        if keys.is_empty() {
            tracing::warn!("the issuer publishes no key that tokens can be verified with");
        }
        let age = publication.age();
        let mut sources = self.sources();
        if sources.auth.jwks_url.as_ref() != Some(url) {
            // Another URL was configured meanwhile.
            return Ok(Duration::ZERO);
        }
        let same = sources.published.body == publication.body;
        sources.published = Published {
            url: Some(url.clone()),
            body: publication.body,
            keys,
            fetched_at: Some(now),
            failure: None,
        };
        let shown = sources.published.keys.iter();
        let shown = shown.map(|key| (key.id.as_str(), key.public.as_str()));
        let until = sources.published.good_until();
        sources.auth.published.publish(shown, until);
        // Tokens stay remembered where the keys are the same.
        let epoch = if same { self.keys.load().epoch } else { next_epoch() };
        self.keys.store(Keys::new(&sources, epoch));
        metrics::gauge!(metric::JWKS_LAST_FETCHED).set(now.as_millis() as f64 / 1e3);
        Ok(age)
    }

    fn note_failure(&self, url: &Url, reason: &str, now: Timestamp) {
        let mut sources = self.sources();
        if sources.auth.jwks_url.as_ref() == Some(url) {
            sources.published.failure = Some((now, reason.to_owned()));
        }
    }
}
