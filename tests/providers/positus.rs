//! Positus: calls made without a name, and all the rest told by webhook.

mod calls;
mod faults;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::domain::call::{CallKind, ProviderRef};
use switchboard::domain::error::Failure;
use switchboard::domain::facts::CallFacts;
use switchboard::domain::place::{NewCall, Script, Session, SessionType};
use switchboard::providers::port::{Authentic, Control, News, Proof, Provider, Target, Unreadable};
use switchboard::simulators::positus::{Knobs, Number, Options, Pace, start};
use switchboard::simulators::server::Handle;

use super::common::{Controls, TOKEN, call, provider, with_keys};

const USER: &str = "whatsapp:+5543999011234";
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    a=mid:0\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n";

/// Calls that last until a test ends them.
const LASTING: Pace = Pace {
    talk: Duration::from_secs(600),
    ring_window: Duration::from_secs(600),
    ..Pace::quick()
};

/// A simulated account of one number, and its provider.
struct Positus {
    provider: Arc<dyn Provider>,
    sim: Controls,
    _handle: Handle,
}

impl Positus {
    async fn start() -> Self {
        Self::with("", Knobs::default(), Pace::quick()).await
    }

    async fn with(settings: &str, knobs: Knobs, pace: Pace) -> Self {
        let tokens = vec![TOKEN.to_owned()];
        let handle = start(Options {
            tokens,
            knobs,
            pace,
            ..Options::default()
        })
        .await
        .unwrap();
        let provider = provider(&account(&handle.url(), settings));
        let sim = Controls(handle.url());
        // Nothing is delivered: the ledger shows what would have been.
        sim.put(
            "webhooks",
            json!({ "urls": { "*": "http://127.0.0.1:1" }, "drop": ["*"] }),
        )
        .await;
        Self {
            provider,
            sim,
            _handle: handle,
        }
    }

    /// The same account with other keys.
    fn with_keys(&self, keys: &str) -> Arc<dyn Provider> {
        with_keys(&account(&self.sim.0, ""), keys)
    }

    async fn place(&self, to: &str) -> Result<Option<ProviderRef>, Failure> {
        self.provider.calls().unwrap().place(&offer_to(to)).await
    }

    /// The calls the simulator made, oldest first.
    async fn ledger(&self) -> Vec<Value> {
        self.sim.get("calls").await.as_array().unwrap().clone()
    }

    /// What the webhooks told so far, in the order they were sent, until the last says what is waited for.
    async fn news_until(&self, last: impl Fn(&CallFacts) -> bool) -> Vec<CallFacts> {
        for _ in 0..1000 {
            let news = self.news().await;
            if news.last().is_some_and(&last) {
                return news;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the webhook never came");
    }

    async fn news(&self) -> Vec<CallFacts> {
        let sent = self.sim.get("webhooks/sent").await;
        let bodies = sent
            .as_array()
            .unwrap()
            .iter()
            .map(|sent| sent["body"].as_str().unwrap().to_owned());
        bodies.flat_map(|body| self.read(&body).unwrap()).collect()
    }

    fn read(&self, body: &str) -> Result<Vec<CallFacts>, Unreadable> {
        let secret = switchboard::config::Secret::new("hook");
        let ring = switchboard::config::KeyRing::single("a", secret);
        let now = jiff::Timestamp::now().into();
        let proof = Proof::check(&ring, "hook", now).unwrap();
        let authentic = Authentic::new(proof, None, body.as_bytes());
        let notices = self.provider.webhooks().unwrap().parse(&authentic)?;
        assert_eq!(self.provider.drift(), [], "{body}");
        let facts = notices.into_iter().map(|notice| match notice.news {
            News::Call(facts) => *facts,
            News::Signal(signal) => panic!("{signal:?}"),
        });
        Ok(facts.collect())
    }

    fn control(&self) -> &dyn Control {
        self.provider.control().unwrap()
    }
}

fn account(url: &str, settings: &str) -> String {
    let Number { id, phone, .. } = Number::default();
    format!("provider = 'positus'\nbase_url = '{url}/v2'\nnumber_id = '{id}'\nnumber = '+{phone}'\n{settings}")
}

fn offer_to(to: &str) -> NewCall {
    call(
        to,
        Script::Session(Session {
            kind: SessionType::Offer,
            sdp: OFFER.into(),
        }),
    )
}

fn target(reference: &ProviderRef) -> Target<'_> {
    Target {
        kind: CallKind::Whatsapp,
        reference,
    }
}
