//! `switchboard serve`: production.

use super::{ConfigFiles, asked_to_end, block_on_behind};
use crate::app::{self, App};
use crate::{spans, telemetry};

pub(super) fn run(files: &ConfigFiles) -> anyhow::Result<()> {
    let sources = files.sources();
    let config = app::load(&sources)?;
    let _written = telemetry::init(config.telemetry.log_format, config.telemetry.log_level)?;
    spans::start(config.telemetry.otlp_endpoint.as_ref())?;
    block_on_behind(config.server.workers, async move {
        let app = App::start_following(config, sources).await?;
        tracing::info!(address = %app.address, management = %app.management_address, "ready");
        asked_to_end().await?;
        tokio::select! {
            () = async { app.stop().await; spans::stop().await } => Ok(()),
            // Whoever asks again does not want to wait.
            asked = asked_to_end() => Ok(asked?),
        }
    })
}
