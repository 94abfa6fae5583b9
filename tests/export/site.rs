//! A gateway in this process over a few days of calls, and the command that exports them.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::simulators::faults::{Effect, Rule};
use tokio::process::Command;

use crate::bed::{Client, Home, Providers};

/// The days that have calls.
pub const WINDOW: (&str, &str) = ("2020-05-01", "2020-05-07");
/// How many calls they have unless more are asked for.
const ROWS: usize = 300;
/// What the dialler's report is asked by.
const REPORT: &str = "/api/v1/dialer/calls_history";

/// How many calls the days have: `SWITCHBOARD_EXPORT_ROWS`, else a few.
pub fn rows() -> usize {
    std::env::var("SWITCHBOARD_EXPORT_ROWS").map_or(ROWS, |text| text.parse().expect("a number"))
}

pub struct Site {
    pub acme: Client,
    pub home: Home,
    providers: Providers,
    gateway: App,
}

impl Site {
    pub async fn start() -> Self {
        let providers = Providers::start().await;
        let end: jiff::Timestamp = "2020-05-08T02:00:00Z".parse().unwrap();
        // Evenly from the end of the last day back to the second.
        let apart = jiff::SignedDuration::from_mins(ROWS as i64 * 30) / i32::try_from(rows()).unwrap();
        let row = |index: usize| {
            let at = end - apart * i32::try_from(index).unwrap();
            let name = "Ana; \"Ana\"\nSouza";
            json!({ "id": index + 1, "start_time": at.to_string(), "subscriber": { "name": name } })
        };
        let controls = Providers::controls(&providers.evolux.url());
        for first in (0..rows()).step_by(ROWS) {
            let rows: Vec<Value> = (first..rows().min(first + ROWS)).map(row).collect();
            controls.post("/rows", json!({ "dialer": rows })).await.expect(200);
        }
        let home = Home::embedded(&providers);
        let gateway = home.run().await;
        Self {
            acme: home.client(gateway.address, "acme"),
            home,
            providers,
            gateway,
        }
    }

    /// What the API gives in one stream.
    pub async fn stream(&self, format: &str) -> String {
        let (since, until) = WINDOW;
        let path = format!("/history?since={since}&until={until}&format={format}");
        let answer = self.acme.ask(Method::GET, &path).stream().await;
        answer.text().await.unwrap()
    }

    /// The command that exports the days to a file of this name.
    pub fn export(&self, name: &str, format: &str) -> Command {
        self.export_since(name, format, WINDOW.0)
    }

    /// As [`Site::export`], from another day on.
    pub fn export_since(&self, name: &str, format: &str, since: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command
            .arg("export")
            .args(["--url", &format!("http://{}", self.gateway.address)])
            .args(["--since", since, "--until", WINDOW.1, "--format", format])
            .arg("--output")
            .arg(self.file(name))
            .env("SWITCHBOARD_TOKEN", self.token())
            .kill_on_drop(true);
        command
    }

    pub fn token(&self) -> String {
        self.home.tokens.of("acme")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// How many days of an export are whole; none before the first.
    pub fn days(&self, name: &str) -> Option<u64> {
        let state = std::fs::read(self.file(&format!("{name}.part.json"))).ok()?;
        serde_json::from_slice::<Value>(&state).unwrap()["days"].as_u64()
    }

    /// Has the report suffer this, so many times or always.
    pub async fn hurt(&self, effect: Effect, times: Option<u32>) {
        let rule = Rule {
            method: Some("GET".into()),
            path: REPORT.into(),
            skip: 0,
            times,
            effect,
        };
        let controls = Providers::controls(&self.providers.evolux.url());
        let rule = serde_json::to_value(rule).unwrap();
        controls.post("/faults", rule).await.expect(200);
    }

    /// How many pages of the report were asked for.
    pub async fn asked(&self) -> u64 {
        let controls = Providers::controls(&self.providers.evolux.url());
        let requests = controls.get("/requests").await;
        requests.expect(200).body[format!("GET {REPORT}")].as_u64().unwrap()
    }
}
