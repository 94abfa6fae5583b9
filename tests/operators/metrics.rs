//! What `docs/metrics.md` says of the metrics is what a gateway shows, name by name and label by label.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bed::{Client, Home, Reaction, Receiver, ZENVIA, eventually, http};
use crate::site::{Site, subscribed};

/// Kind and labels by name.
type Metrics = BTreeMap<String, (String, Vec<String>)>;

fn documented() -> Metrics {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `switchboard_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").map(|label| label.trim_matches('`').to_owned());
        let mut labels: Vec<_> = labels.filter(|label| !label.is_empty()).collect();
        labels.sort();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
    };
    rows.map(row).collect()
}

async fn shown(site: &Site) -> Metrics {
    let operator = Client::to(&format!("http://{}", site.gateway.management), String::new());
    let page = operator
        .get("/metrics")
        .await
        .expect(200)
        .body
        .as_str()
        .unwrap()
        .to_owned();
    let mut kinds = BTreeMap::new();
    let mut metrics = Metrics::new();
    for line in page.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap();
            kinds.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            let series = line.rsplit_once(' ').unwrap().0;
            let (full, labels) = series.split_once('{').unwrap_or((series, ""));
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| full.strip_suffix(part));
            let name = base.filter(|base| kinds.contains_key(*base)).unwrap_or(full);
            metrics.insert(name.to_owned(), (kinds[name].clone(), names(labels)));
        }
    }
    metrics
}

/// The names of labels, without the bound of a bucket.
fn names(labels: &str) -> Vec<String> {
    let names = labels
        .split("=\"")
        .filter_map(|before| before.rsplit(['"', ',', '{']).next());
    let mut names: Vec<_> = names
        .filter(|name| !name.is_empty() && *name != "}" && *name != "le")
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

/// Where an issuer publishes a key; it ends with the process of the test.
async fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let body = json!({ "keys": [key] }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all((head.clone() + &body).as_bytes()).await;
        }
    });
    url
}

/// A gateway to which everything happens that is counted.
fn eventful(home: &mut Home, jwks_url: &str) {
    fs::write(home.path().join("wrong"), "a token that nobody takes").unwrap();
    let file = home.files()[0].clone();
    let text = fs::read_to_string(&file).unwrap();
    let (before, zenvia) = text.split_once("[accounts.zenvia-br]").unwrap();
    let wrong = format!(
        "keys = [ {{ id = \"0\", secret = \"file::{}/wrong\" }}, ",
        home.path().display()
    );
    let zenvia = zenvia.replacen("keys = [ ", &wrong, 1);
    fs::write(&file, format!("{before}[accounts.zenvia-br]{zenvia}")).unwrap();
    home.lay_over(&format!(
        "[verification.guard]\nmode = \"enforce\"\n[auth]\njwks_url = \"{jwks_url}\"\n"
    ));
}

#[tokio::test]
async fn every_documented_metric_is_shown_and_every_shown_one_documented() {
    let receiver = Receiver::start(|_| Reaction::Status(410)).await;
    let jwks_url = issuer().await;
    let site = Site::start(|home| {
        eventful(home, &jwks_url);
        subscribed(home, &receiver);
    })
    .await;
    site.ended_call("r-1").await;
    site.approved().await;
    let hook = site.home.hook(site.gateway.address, ZENVIA, Some("call-end"));
    let fixture = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zenvia/call-end.json")).unwrap();
    let mut unheard_of: serde_json::Value = serde_json::from_slice(&fixture).unwrap();
    unheard_of["nobody_wrote_of_it"] = json!(1);
    assert_eq!(http().post(hook).json(&unheard_of).send().await.unwrap().status(), 200);
    let documented = documented();
    let shown = eventually("everything documented is shown", async || {
        let shown = shown(&site).await;
        let missing: Vec<_> = documented.keys().filter(|name| !shown.contains_key(*name)).collect();
        missing.is_empty().then_some(shown)
    })
    .await;
    assert_eq!(shown, documented);
}
