//! `switchboard webhooks`: the URLs to register at a provider.

use clap::Args;

use super::{ConfigFiles, print};
use crate::clock::SystemClock;
use crate::config::{Account, Config};
use crate::domain::account::AccountName;
use crate::providers::registry::Accounts;

/// Which account's URLs.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The account.
    account: AccountName,
    #[command(flatten)]
    files: ConfigFiles,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config = options.files.load()?;
    let urls = urls(&config, &options.account)?;
    print(
        &urls
            .iter()
            .map(|(kind, url)| format!("{kind}\t{url}\n"))
            .collect::<String>(),
    )
}

/// The webhook URLs of an account by kind, with the secret that is valid now; `*` where one URL serves all kinds.
pub(super) fn urls(config: &Config, account: &AccountName) -> anyhow::Result<Vec<(String, String)>> {
    let accounts = Accounts::build(config, std::sync::Arc::new(SystemClock))?;
    let entry = accounts
        .get(account)
        .ok_or_else(|| anyhow::anyhow!("there is no account {account}"))?;
    let webhooks = entry
        .provider
        .webhooks()
        .ok_or_else(|| anyhow::anyhow!("{} sends no webhooks", entry.provider.kind()))?;
    let secret = secret(&entry.config)?;
    let base = config
        .server
        .public_url
        .as_ref()
        .map_or_else(String::new, |url| url.as_str().trim_end_matches('/').to_owned());
    Ok(match webhooks.kinds() {
        [] => vec![("*".to_owned(), format!("{base}/webhooks/{account}/{secret}"))],
        kinds => kinds
            .iter()
            .map(|kind| ((*kind).to_owned(), format!("{base}/webhooks/{account}/{kind}/{secret}")))
            .collect(),
    })
}

#[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
fn secret(account: &Account) -> anyhow::Result<&str> {
    let ring = account.webhook_keys.as_ref();
    let key = ring.and_then(|ring| ring.signing(jiff::Timestamp::now()));
    key.map(|key| key.secret.expose())
        .ok_or_else(|| anyhow::anyhow!("the account has no webhook key that is valid now"))
}
