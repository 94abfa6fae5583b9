//! A real Prometheus that scrapes a running gateway.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Client, Home, Process, Providers, Reaction, Receiver, eventually};

/// `prometheus` with the configuration of `config/`, which asks one gateway; it ends with this value.
struct Prometheus {
    child: Child,
    client: Client,
    _directory: TempDir,
}

impl Prometheus {
    fn start(gateway: &Process) -> Self {
        let directory = TempDir::new().unwrap();
        let config = file("config/prometheus.yml")
            .replace("scrape_interval: 5s", "scrape_interval: 1s")
            .replace("evaluation_interval: 15s", "evaluation_interval: 1s")
            .replace("gateway-1:9090, gateway-2:9090", &gateway.management.to_string());
        fs::write(directory.path().join("prometheus.yml"), config).unwrap();
        fs::write(directory.path().join("alerts.yml"), file("config/alerts.yml")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .current_dir(directory.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            client: Client::to(&format!("http://{address}/api/v1"), String::new()),
            _directory: directory,
        }
    }

    /// What a query gives now; nothing while Prometheus is not there yet.
    async fn query(&self, query: &str) -> Option<Vec<Value>> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.ask(&format!("/query?query={query}"), "/data/result").await
    }

    async fn ask(&self, path: &str, pointer: &str) -> Option<Vec<Value>> {
        let answer = self.client.ask(reqwest::Method::GET, path).try_answer().await.ok()?;
        if answer.status == 503 {
            return None;
        }
        assert_eq!(answer.expect(200).body["status"], "success", "{path}: {}", answer.body);
        let found = answer.body.pointer(pointer).and_then(Value::as_array);
        Some(found.unwrap_or_else(|| panic!("{path}: {}", answer.body)).clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every query of the dashboard, and the panel it is in.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&file("config/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets
            .into_iter()
            .map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    };
    panels.iter().flat_map(of).collect()
}

/// The alerts that may be pending, and no more, where all is well and the machine is busy.
const OF_LOAD: [&str; 4] = ["GatewayDown", "RequestsFail", "GatewaySlow", "ProviderFails"];

/// Whether an alert of this state may have been where all is well: pending is what holds for less than its `for` so far.
fn is_of_load(alert: &Value) -> bool {
    let label = |name| alert["metric"][name].as_str().unwrap();
    label("alertstate") == "pending" && OF_LOAD.contains(&label("alertname"))
}

/// Whether a sample is a number: the ratio of two rates is none while nothing happens.
fn is_number(sample: &Value) -> bool {
    sample["value"][1].as_str() != Some("NaN")
}

/// Something of everything: a call, a history, a code that is approved, deliveries.
async fn traffic(acme: &Client, providers: &Providers) {
    static ROUND: AtomicU32 = AtomicU32::new(0);
    let call = json!({"to": "11988887777", "actions": [{"type": "say", "text": "Oi"}]});
    acme.post("/calls", call).await;
    acme.get("/history?since=yesterday&until=today").await;
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    // Another number of another prefix each time: codes for either are limited.
    let number = format!("+55119{:02}{round:06}", 60 + round % 40);
    let started = acme
        .post("/verifications", json!({"to": number, "channel": "sms"}))
        .await;
    let sent = providers.zenvia.last_code(&number);
    if let (201, Some(sent)) = (started.status, sent) {
        let path = format!("/verifications/{}/check", started.id());
        acme.post(&path, json!({"code": sent.code})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_has_data_and_no_alert_but_of_load_is_even_pending() {
    let (providers, receiver) = (
        Providers::start().await,
        Receiver::start(|_| Reaction::Status(200)).await,
    );
    let mut home = Home::embedded(&providers);
    home.subscribe(
        "billing",
        "acme",
        (&receiver.url, &["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]),
    );
    home.lay_over("[verification.guard]\nmode = \"enforce\"\n");
    let gateway = Process::start(&home);
    providers.tell(&home, gateway.address).await;
    let acme = home.client(gateway.address, "acme");
    let prometheus = Prometheus::start(&gateway);
    traffic(&acme, &providers).await;

    let mut asked = 0;
    for (panel, query) in queries() {
        let query = query.replace("$__rate_interval", "15s");
        eventually(&format!("{panel}: {query} has data"), async || {
            traffic(&acme, &providers).await;
            prometheus.query(&query).await?.iter().any(is_number).then_some(())
        })
        .await;
        asked += 1;
    }
    assert!(asked >= 25, "{asked} queries");

    let groups = eventually("the rules are told", async || {
        prometheus.ask("/rules", "/data/groups").await
    })
    .await;
    let rules: Vec<_> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert_eq!(rules.len(), file("config/alerts.yml").matches("- alert: ").count());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    // There is a series for each alert from the moment at which it is pending, so this sees the whole run.
    let mut alerts = eventually("the alerts are told", async || {
        prometheus.query("max_over_time(ALERTS[1h])").await
    })
    .await;
    alerts.retain(|alert| !is_of_load(alert));
    assert_eq!(alerts, Vec::<Value>::new(), "pending or firing, and all is well");

    let metrics = Client::to(&format!("http://{}", gateway.management), String::new())
        .get("/metrics")
        .await;
    lint(metrics.expect(200).body.as_str().unwrap());
}

/// `promtool check metrics`.
fn lint(metrics: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}
