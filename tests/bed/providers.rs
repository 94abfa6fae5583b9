//! The simulated providers, at a quick pace, and the accounts held at them.

use std::net::SocketAddr;

use serde_json::json;
use switchboard::simulators::{evolux, positus, server, webhooks, zenvia};

use super::client::{Client, http};
use super::home::Home;

/// The account at Zenvia.
pub const ZENVIA: &str = "zenvia-br";
/// The account at Evolux.
pub const EVOLUX: &str = "evolux-natal";
/// The account at Positus.
pub const WHATSAPP: &str = "whatsapp";
/// What the simulated providers accept.
pub const PROVIDER_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The kinds of webhook that a simulated Zenvia sends by itself or when told to.
const KINDS: [&str; 14] = [
    "call-event",
    "extension-event",
    "did-event",
    "conference-event",
    "sms-status",
    "sms-reply",
    "balance",
    "voicemail",
    "call-status",
    "tts-end",
    "call-end",
    "did-end",
    "flow-end",
    "audio-end",
];

/// One simulator of each provider; they end with this value.
pub struct Providers {
    pub zenvia: zenvia::Handle,
    pub evolux: server::Handle,
    pub positus: server::Handle,
}

impl Providers {
    pub async fn start() -> Self {
        let positus = positus::Options {
            tokens: vec![PROVIDER_TOKEN.into()],
            pace: positus::Pace::quick(),
            ..Default::default()
        };
        let evolux = evolux::Options {
            tokens: vec![PROVIDER_TOKEN.into()],
            pace: evolux::Pace::quick(),
            ..Default::default()
        };
        Self {
            zenvia: Self::another_zenvia().await,
            evolux: evolux::start(evolux).await.unwrap(),
            positus: positus::start(positus).await.unwrap(),
        }
    }

    /// One more account at Zenvia, behind a server of its own.
    pub async fn another_zenvia() -> zenvia::Handle {
        let options = zenvia::Options {
            tokens: vec![PROVIDER_TOKEN.into()],
            pace: zenvia::Pace::quick(),
            ..Default::default()
        };
        zenvia::start(options).await.unwrap()
    }

    /// Sends the webhooks of every account to the gateway at `address` from now on.
    pub async fn tell(&self, home: &Home, address: SocketAddr) {
        let urls = KINDS.map(|kind| (kind.to_owned(), home.hook(address, ZENVIA, Some(kind))));
        let settings = webhooks::Settings {
            urls: urls.into(),
            ..self.zenvia.control().webhooks.settings()
        };
        self.zenvia.control().webhooks.configure(settings);
        let urls = json!({ "urls": { "*": home.hook(address, WHATSAPP, None) } });
        let told = http()
            .put(format!("{}/_sim/webhooks", self.positus.url()))
            .json(&urls)
            .send()
            .await
            .unwrap();
        assert!(told.status().is_success());
    }

    /// The `/_sim/` controls of a simulator.
    pub fn controls(url: &str) -> Client {
        Client::to(&format!("{url}/_sim"), String::new())
    }
}
