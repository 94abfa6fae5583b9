//! Zenvia's adapter against its simulator.

mod calls;
mod codes;
mod failures;
mod history;
mod recordings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use switchboard::clock::SystemClock;
use switchboard::config::{Account, Config, Faults};
use switchboard::domain::address::Address;
use switchboard::domain::call::{CallKind, ProviderRef};
use switchboard::domain::facts::CallFacts;
use switchboard::domain::ids::CallId;
use switchboard::domain::phone::Region;
use switchboard::domain::place::{Action, ActionKind, NewCall, Script};
use switchboard::providers::port::{Calls, Lookup, Target};
use switchboard::providers::zenvia::Zenvia;
use switchboard::simulators::zenvia::{Handle, Knobs, Options, Pace, start};

use crate::common::{self, Controls, TOKEN, address as party};

/// A simulator and the adapter of its account.
struct Sim {
    handle: Handle,
    zenvia: Zenvia,
}

impl Sim {
    async fn start() -> Self {
        Self::paced(Pace::quick()).await
    }

    /// A simulator whose calls stay answered for longer than a test takes.
    async fn talkative() -> Self {
        let talk = Duration::from_secs(60);
        Self::paced(Pace { talk, ..Pace::quick() }).await
    }

    async fn paced(pace: Pace) -> Self {
        let options = Options {
            tokens: vec![TOKEN.into()],
            pace,
            ..Options::default()
        };
        let handle = start(options).await.unwrap();
        let zenvia = adapter(&handle.url(), "").unwrap();
        Self { handle, zenvia }
    }

    fn controls(&self) -> Controls {
        Controls(self.handle.url())
    }

    fn knobs(&self, change: impl FnOnce(&mut Knobs)) {
        let mut knobs = self.handle.app().knobs();
        change(&mut knobs);
        self.handle.app().set_knobs(knobs);
    }

    async fn place(&self, call: &NewCall) -> ProviderRef {
        self.zenvia.place(call).await.unwrap().unwrap()
    }

    async fn fetch(&self, kind: CallKind, reference: &ProviderRef) -> CallFacts {
        self.zenvia.fetch(Target { kind, reference }).await.unwrap()
    }

    /// The call once it has come so far.
    async fn fetch_when(
        &self,
        kind: CallKind,
        reference: &ProviderRef,
        so_far: impl Fn(&CallFacts) -> bool,
    ) -> CallFacts {
        for _ in 0..1000 {
            let facts = self.fetch(kind, reference).await;
            if so_far(&facts) {
                return facts;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never came so far: {:?}", self.fetch(kind, reference).await);
    }

    async fn fetch_ended(&self, kind: CallKind, reference: &ProviderRef) -> CallFacts {
        self.fetch_when(kind, reference, |facts| {
            facts.status.is_some_and(|status| status.is_final())
        })
        .await
    }
}

/// The account as the configuration reads it, with `settings` of its own.
fn account(url: &str, settings: &str) -> Account {
    let text = format!(
        r#"
        [auth]
        issuer = "https://auth.example.com"
        keys = [ {{ id = "1", alg = "HS256", secret = "env::JWT" }} ]
        [accounts.zenvia-br]
        provider = "zenvia"
        owner = "telephony"
        base_url = "{url}"
        keys = [ {{ id = "1", secret = "env::TOKEN" }} ]
        webhook_keys = [ {{ id = "1", secret = "env::HOOK" }} ]
        {settings}"#
    );
    let env = [
        ("JWT", "0123456789-0123456789-0123456789"),
        ("TOKEN", TOKEN),
        ("HOOK", "hook-secret"),
    ];
    let config = Config::from_toml_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    config.accounts["zenvia-br"].clone()
}

fn adapter(url: &str, settings: &str) -> Result<Zenvia, Faults> {
    Zenvia::new(&account(url, settings), Arc::new(SystemClock))
}

fn call<const N: usize>(to: &str, actions: [ActionKind; N]) -> NewCall {
    let actions = actions.into_iter().map(|what| Action { what, on_digit: None });
    let script = Script::Actions(actions.collect());
    NewCall {
        tag: None,
        ..common::call(to, script)
    }
}

fn say() -> ActionKind {
    ActionKind::Say {
        text: "Seu pedido saiu".into(),
        voice: Some("pt-BR".into()),
    }
}

fn play() -> ActionKind {
    ActionKind::Play {
        url: "https://example.com/aviso.mp3".parse().unwrap(),
    }
}

fn join(to: &str) -> ActionKind {
    ActionKind::Connect {
        to: party(to),
        from: None,
    }
}

const MOBILE: &str = "+5511988887777";
const OFFICE: &str = "+551133334444";

#[test]
fn settings_are_checked() {
    use switchboard::providers::port::History;
    let names = |settings: &str| -> Vec<&str> {
        let zenvia = adapter("http://127.0.0.1:1", settings).unwrap();
        zenvia.reports().iter().map(|report| report.name).collect()
    };
    assert_eq!(names(""), ["chamada", "tts", "audio", "composto", "did"]);
    assert_eq!(names(r#"reports = ["did", "chamada"]"#), ["chamada", "did"]);
    for wrong in [r#"reports = ["sms"]"#, "reports = \"tts\"", "report = []"] {
        let faults = adapter("http://127.0.0.1:1", wrong).err().unwrap();
        assert!(faults.to_string().starts_with("accounts.zenvia-br.report"), "{faults}");
    }
}
