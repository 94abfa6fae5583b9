//! `switchboard simulate`: the simulated providers alone, for teams that test against them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use super::{asked_to_end, block_on, print};
use crate::simulators::{evolux, positus, server, zenvia};

/// Where the simulators listen and what they accept.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// The address they listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Zenvia's port; Evolux and Positus take the next two. 0 takes free ones.
    #[arg(long, default_value_t = 9101)]
    port: u16,
    /// The token Zenvia accepts.
    #[arg(long, default_value = ZENVIA_TOKEN)]
    zenvia_token: String,
    /// The token Evolux accepts.
    #[arg(long, default_value = EVOLUX_TOKEN)]
    evolux_token: String,
    /// The token Positus accepts.
    #[arg(long, default_value = POSITUS_TOKEN)]
    positus_token: String,
    /// Gives Evolux so many rows of its dialler report, over the 30 days before today in UTC, instead of a few hundred. They
    /// are computed when they are asked for.
    #[arg(long)]
    evolux_rows: Option<u32>,
}

impl Options {
    /// The tokens the simulators accept unless told otherwise.
    pub(super) fn simulated() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            zenvia_token: ZENVIA_TOKEN.to_owned(),
            evolux_token: EVOLUX_TOKEN.to_owned(),
            positus_token: POSITUS_TOKEN.to_owned(),
            evolux_rows: None,
        }
    }

    /// The rows that are not kept.
    #[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
    fn bulk(&self) -> Option<evolux::Bulk> {
        let now = jiff::Timestamp::now().as_second();
        Some(evolux::Bulk {
            rows: self.evolux_rows?,
            days: 30,
            until: jiff::Timestamp::from_second(now - now.rem_euclid(86_400)).ok()?,
        })
    }
}

/// The tokens of simulated accounts guard nothing, so they are no secrets.
pub(super) const ZENVIA_TOKEN: &str = "simulated0zenvia0token0of0thirty";
pub(super) const EVOLUX_TOKEN: &str = "simulated-evolux-token";
pub(super) const POSITUS_TOKEN: &str = "simulated-positus-token";

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    block_on(0, async {
        let ports = [0, 1, 2].map(|offset| if options.port == 0 { 0 } else { options.port + offset });
        let [zenvia, evolux, positus] = ports.map(|port| SocketAddr::new(options.address, port));
        let simulators = Simulators::start(
            &Addresses {
                zenvia,
                evolux,
                positus,
            },
            options,
            &Hooks::default(),
        )
        .await?;
        print(&format!(
            "Zenvia   {}  Access-Token: {}\nEvolux   {}  token: {}\nPositus  {}  Authorization: Bearer {}\n",
            simulators.zenvia.url(),
            options.zenvia_token,
            simulators.evolux.url(),
            options.evolux_token,
            simulators.positus.url(),
            options.positus_token,
        ))?;
        asked_to_end().await?;
        simulators.stop().await;
        Ok(())
    })
}

/// Where each simulator listens.
pub(super) struct Addresses {
    pub(super) zenvia: SocketAddr,
    pub(super) evolux: SocketAddr,
    pub(super) positus: SocketAddr,
}

/// Where their webhooks go: Zenvia's by kind, Positus's to one URL.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) zenvia: BTreeMap<String, String>,
    pub(super) positus: Option<String>,
}

/// The running simulators.
pub(super) struct Simulators {
    pub(super) zenvia: zenvia::Handle,
    pub(super) evolux: server::Handle,
    pub(super) positus: server::Handle,
}

impl Simulators {
    pub(super) async fn start(addresses: &Addresses, tokens: &Options, hooks: &Hooks) -> anyhow::Result<Self> {
        let zenvia = zenvia::start(zenvia::Options {
            bind: addresses.zenvia,
            tokens: vec![tokens.zenvia_token.clone()],
            webhooks: hooks.zenvia.clone(),
            history: zenvia::Seeding {
                rows: 300,
                days: 7,
                seed: 1,
            },
            ..zenvia::Options::default()
        });
        let evolux = evolux::start(evolux::Options {
            bind: addresses.evolux,
            tokens: vec![tokens.evolux_token.clone()],
            bulk: tokens.bulk(),
            ..evolux::Options::default()
        });
        let positus = positus::start(positus::Options {
            bind: addresses.positus,
            tokens: vec![tokens.positus_token.clone()],
            webhook_url: hooks.positus.clone(),
            ..positus::Options::default()
        });
        Ok(Self {
            zenvia: zenvia.await?,
            evolux: evolux.await?,
            positus: positus.await?,
        })
    }

    pub(super) async fn stop(self) {
        tokio::join!(self.zenvia.stop(), self.evolux.stop(), self.positus.stop());
    }
}
