//! `switchboard check-config`: every fault at once, and whether the providers take the keys.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{ConfigFiles, block_on, print};
use crate::clock::{Clock, SystemClock};
use crate::config::{Account, Config, KeyRing, Mode};
use crate::domain::error::{FailureKind, Refusal};
use crate::domain::time::Timestamp;
use crate::providers::registry;

/// The exit code where a provider could not be asked.
const UNASKED: u8 = 3;

/// What is checked.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Has each key of each account make one harmless read at its provider: Zenvia `/saldo`, Evolux `/agents`, Positus
    /// `/workspaces`.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    files: ConfigFiles,
}

/// What a provider made of a key; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// It is taken.
    Accepted,
    /// Its time has not come or is over, so it was not sent.
    NotValid,
    /// The provider gave no answer that tells.
    Unasked,
    /// It is refused.
    Refused,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotValid => "not valid now",
            Self::Unasked => "could not be asked",
            Self::Refused => "refused",
        }
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = options.files.load()?;
    let accounts = config.accounts.len();
    print(&format!("The configuration is valid: {accounts} accounts.\n"))?;
    if !options.live {
        return Ok(ExitCode::SUCCESS);
    }
    let worst = block_on(1, ask_all(&config))?;
    Ok(match worst {
        Verdict::Accepted | Verdict::NotValid => ExitCode::SUCCESS,
        Verdict::Unasked => UNASKED.into(),
        Verdict::Refused => ExitCode::FAILURE,
    })
}

/// Tells of each key in a line of its own, and returns the worst that was told.
async fn ask_all(config: &Config) -> anyhow::Result<Verdict> {
    let mut worst = Verdict::Accepted;
    for (name, account) in &config.accounts {
        for ring in account.keys.one_by_one() {
            let verdict = ask(account, &ring).await?;
            let id = ring.iter().next().map_or("", |key| &key.id);
            print(&format!("{name}  {id}  {}\n", verdict.words()))?;
            worst = worst.max(verdict);
        }
    }
    Ok(worst)
}

/// Asks an account's provider with a ring of one key.
async fn ask(account: &Account, ring: &KeyRing) -> anyhow::Result<Verdict> {
    let clock = SystemClock;
    if ring
        .valid(Timestamp::from_millis(clock.now_ms()).to_jiff())
        .next()
        .is_none()
    {
        return Ok(Verdict::NotValid);
    }
    // A key is tried before its account is switched on.
    let account = Account {
        mode: Mode::On,
        keys: ring.clone(),
        ..account.clone()
    };
    let provider = registry::provider_of(&account, Arc::new(clock))?;
    let Some(probe) = provider.probe() else {
        return Ok(Verdict::Unasked);
    };
    Ok(match probe.probe().await.map_err(|failure| failure.kind) {
        Ok(()) => Verdict::Accepted,
        Err(FailureKind::Refused(Refusal::Credential)) => Verdict::Refused,
        Err(_) => Verdict::Unasked,
    })
}
