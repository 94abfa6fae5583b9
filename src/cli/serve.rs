//! `switchboard serve`: production.

use super::{ConfigFiles, asked_to_end, block_on};
use crate::app::App;
use crate::telemetry;

pub(super) fn run(files: &ConfigFiles) -> anyhow::Result<()> {
    let config = files.load()?;
    let _written = telemetry::init(config.telemetry.log_format, config.telemetry.log_level)?;
    block_on(config.server.workers, async move {
        let app = App::start(config).await?;
        tracing::info!(address = %app.address, management = %app.management_address, "ready");
        asked_to_end().await?;
        app.stop().await;
        Ok(())
    })
}
