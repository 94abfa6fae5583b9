//! Somebody who changes the configuration of a running gateway, and reads what became of that.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bed::{Client, Home, Process, Providers, eventually};

/// A gateway whose last configuration file changes.
pub struct Site {
    pub gateway: Process,
    pub home: Home,
    pub providers: Providers,
    pub management: Client,
    file: PathBuf,
}

impl Site {
    /// Starts a gateway over the usual configuration, with `toml` in the file that changes.
    pub async fn start(toml: impl FnOnce(&Path) -> String) -> Self {
        let providers = Providers::start().await;
        let mut home = Home::embedded(&providers);
        let text = toml(home.path());
        home.lay_over(&text);
        let gateway = Process::start(&home);
        Self {
            management: Client::to(&format!("http://{}", gateway.management), String::new()),
            file: home.files().last().unwrap().clone(),
            gateway,
            home,
            providers,
        }
    }

    pub fn acme(&self) -> Client {
        self.home.client(self.gateway.address, "acme")
    }

    /// The file that changes.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Replaces the file in one step, and waits until the gateway has taken it over.
    pub async fn change(&self, toml: &str) {
        let before = self.sha256().await;
        replace(&self.file, toml);
        self.taken_over(|sha256| sha256 != before).await;
    }

    /// The hash of the configuration in force.
    pub async fn sha256(&self) -> String {
        self.health().await["config_sha256"].as_str().unwrap().to_owned()
    }

    /// Waits until a configuration with such a hash was taken over.
    pub async fn taken_over(&self, expected: impl Fn(&str) -> bool) {
        eventually("the configuration is taken over", async || {
            let health = self.health().await;
            let last = health["reload"]["successful"] != false;
            (last && expected(health["config_sha256"].as_str().unwrap())).then_some(())
        })
        .await;
    }

    /// Waits until the gateway tells that it does not take the configuration over; gives the faults.
    pub async fn refused(&self) -> Vec<String> {
        eventually("the configuration is refused", async || {
            let health = self.health().await;
            let faults = health["reload"]["faults"].as_array()?;
            let faults: Vec<_> = faults.iter().map(|fault| fault.as_str().unwrap().to_owned()).collect();
            (!faults.is_empty()).then_some(faults)
        })
        .await
    }

    pub async fn health(&self) -> Value {
        self.management.get("/health").await.expect(200).body.clone()
    }

    pub async fn metrics(&self) -> String {
        self.management
            .get("/metrics")
            .await
            .expect(200)
            .body
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Replaces a file in one step.
pub fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, file).unwrap();
}
