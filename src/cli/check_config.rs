//! `switchboard check-config`: every fault at once.

use super::{ConfigFiles, print};

pub(super) fn run(files: &ConfigFiles) -> anyhow::Result<()> {
    let config = files.load()?;
    let accounts = config.accounts.len();
    print(&format!("The configuration is valid: {accounts} accounts.\n"))
}
