//! A bed to test on: simulated providers, a gateway in this process or in one of its own, a real Redis, and whoever asks.
//!
//! ```ignore
//! let providers = Providers::start().await;
//! let home = Home::embedded(&providers);
//! let gateway = Process::start(&home);            // or `home.run().await` in this process
//! providers.tell(&home, gateway.address).await;   // webhooks go there from now on
//! let acme = home.client(gateway.address, "acme");
//! ```

// Each suite includes this module and uses its part.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod client;
mod home;
mod process;
mod providers;
mod receiver;
#[path = "../store/server.rs"]
pub mod redis;
mod tokens;
mod wire;

pub use client::{Answer, Asked, Client, http};
pub use home::{HOOK, Home};
pub use process::{OUTPUTS, Process};
pub use providers::{EVOLUX, PROVIDER_TOKEN, Providers, WHATSAPP, ZENVIA};
pub use receiver::{Letter, Reaction, Receiver};
pub use tokens::{SECRET, Tokens};
pub use wire::{Blow, Carried, Way, Wire};

use std::time::Duration;

/// How long something may take that must come to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is there; fails, naming `what`, when it never is.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask).await
}

/// The same with a patience of its own.
pub async fn within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(patience, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("never happened: {what}"),
    }
}
