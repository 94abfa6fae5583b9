//! From one configuration to the next.

use std::sync::Arc;

use super::reload::show;
use super::{StartError, own_secrets};
use crate::api::Authenticator;
use crate::clock::Clock;
use crate::config::{Config, Fault, Faults};
use crate::events::Passage;
use crate::providers::registry::{Accounts, Ways};
use crate::seal::Sealer;
use crate::usecases::Current;

/// What a configuration is put in force with.
pub(super) struct Generation {
    pub(super) current: Arc<Current>,
    pub(super) auth: Arc<Authenticator>,
    pub(super) ways: Ways,
    pub(super) clock: Arc<dyn Clock>,
}

impl Generation {
    /// Puts a configuration in force, for every request that begins from now on.
    ///
    /// # Errors
    /// What of it cannot be made, which then changes nothing.
    pub(super) fn take_over(&self, mut config: Config) -> Result<(), Faults> {
        let before = self.current.load();
        config.carry_over(before.config());
        let accounts = Accounts::build(&config, self.ways.clone())?;
        let passage = Passage::new(config.outbound.clone()).map_err(|error| cannot("outbound", &error))?;
        let sealer = match config.secrets.is_empty() && before.config().secrets.is_empty() {
            true => None,
            false => {
                let ring = own_secrets(&config).map_err(|error: StartError| cannot("secrets", &error))?;
                Some(Sealer::new(&ring, Arc::clone(&self.clock)))
            }
        };
        let config = Arc::new(config);
        let next = before.under(Arc::clone(&config), accounts, sealer);
        self.auth.replace(&config.auth);
        self.current.replace(Arc::new(next.passing_on(Arc::new(passage))));
        show(before.config(), false);
        show(&config, true);
        Ok(())
    }
}

fn cannot(path: &str, error: &dyn std::error::Error) -> Faults {
    Faults(vec![Fault {
        path: path.to_owned(),
        problem: format!("cannot be put in force: {error}"),
        remedy: "see the reason, and reload with SIGHUP".to_owned(),
    }])
}
