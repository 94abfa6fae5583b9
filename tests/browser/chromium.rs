//! A headless Chromium that reaches this machine only, driven over WebDriver.

use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;

const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";
const MISSING: &str =
    "install it with `scripts/install-test-tools`, or on Debian with `apt-get install chromium chromium-driver`";

/// No page may take longer, a first start of the browser included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Opens a browser with a profile of its own, lets `visit` use it, and closes it whatever becomes of the visit.
pub async fn visit(visit: impl AsyncFnOnce(&Client)) {
    let driver = Driver::start();
    let profile = TempDir::new().unwrap();
    let client = driver.open(profile.path()).await;
    let visited = tokio::time::timeout(PATIENCE, AssertUnwindSafe(visit(&client)).catch_unwind()).await;
    if !matches!(visited, Ok(Ok(()))) {
        picture(&client, "failed").await;
    }
    client.close().await.unwrap();
    visited
        .expect("the visit ends in time")
        .unwrap_or_else(|panic| resume_unwind(panic));
}

/// Keeps what is seen, as `target/browser/NAME.png`.
pub async fn picture(client: &Client, name: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    fs::create_dir_all(&directory).unwrap();
    fs::write(
        directory.join(name).with_extension("png"),
        client.screenshot().await.unwrap(),
    )
    .unwrap();
}

/// A running chromedriver; it ends with this value.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut command = Command::new(DRIVER);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{DRIVER} does not start: {error}; {MISSING}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let port = lines.find_map(|line| line.strip_suffix('.')?.rsplit_once("on port ")?.1.parse().ok());
        Self {
            process,
            port: port.expect("chromedriver says where it listens"),
        }
    }

    async fn open(&self, profile: &Path) -> Client {
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments(profile) } });
        let capabilities: Capabilities = capabilities.as_object().unwrap().clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let opened = builder
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await;
        opened.unwrap_or_else(|error| panic!("{BROWSER} does not open: {error}; {MISSING}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// To this browser there is no other host than this machine.
fn arguments(profile: &Path) -> Vec<String> {
    let plain = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=1280,1400",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    plain.map(str::to_owned).into_iter().chain([profile]).collect()
}
