//! The provider's own SDKs work against the simulator, so it speaks as the provider does.
//!
//! `tests/sdk/install.sh` puts them below the build directory.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use switchboard::simulators::zenvia::{self, Options, Pace};
use tokio::task::spawn_blocking;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn node() {
    let sdk = installed("node").join("node_modules");
    // The script lies elsewhere than the modules.
    let mut node = Command::new("node");
    node.env("NODE_PATH", sdk).arg(script("node/flow.js"));
    run(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let mut python = Command::new(installed("python").join("bin/python"));
    python.arg(script("python/flow.py"));
    run(python).await;
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

fn installed(sdk: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("sdk").join(sdk);
    assert!(path.exists(), "{} is missing: run tests/sdk/install.sh", path.display());
    path
}

async fn run(mut flow: Command) {
    // Answered calls stay up until a script hangs up.
    let pace = Pace {
        talk: Duration::from_secs(3600),
        ..Pace::quick()
    };
    let options = Options {
        tokens: vec![TOKEN.into()],
        pace,
        ..Options::default()
    };
    let sim = zenvia::start(options).await.unwrap();
    flow.arg(sim.url())
        .arg(TOKEN)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1");
    let output = spawn_blocking(move || flow.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("the script does not start: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
