//! A gateway in a process of its own, which can be killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PATIENCE;
use super::home::Home;

/// `switchboard serve`; it ends with this value.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where operators look.
    pub management: SocketAddr,
}

impl Process {
    /// Starts the gateway; it answers requests when this returns.
    pub fn start(home: &Home) -> Self {
        Self::start_by(&[], home)
    }

    /// The same, with variables of the environment.
    pub fn start_with(home: &Home, variables: &[(&str, &str)]) -> Self {
        let set: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let command: Vec<_> = std::iter::once("env").chain(set.iter().map(String::as_str)).collect();
        Self::start_by(&command, home)
    }

    /// The same by a command that turns into the gateway, such as `env`.
    pub fn start_by(command: &[&str], home: &Home) -> Self {
        let log = home.path().join(format!("{}.log", uuid::Uuid::now_v7().simple()));
        let words = [command, &[env!("CARGO_BIN_EXE_switchboard"), "serve"]].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap());
        for file in home.files() {
            command.arg("--config").arg(file);
        }
        let mut child = command.spawn().unwrap();
        let (address, management) = ready(&mut child, &log);
        Self {
            child,
            log,
            address,
            management,
        }
    }

    /// Its number, as the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it with SIGHUP to take over its configuration.
    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// What it logged, one JSON object a line.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the line that tells where it listens.
fn ready(child: &mut Child, log: &Path) -> (SocketAddr, SocketAddr) {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let text = std::fs::read_to_string(log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = lines.into_iter().find(|line| line["message"] == "ready") {
            return (address(&line["address"]), address(&line["management"]));
        }
        assert_eq!(child.try_wait().unwrap(), None, "it does not start: {text}");
        sleep(Duration::from_millis(2));
    }
    panic!("the gateway is never ready");
}

fn address(value: &Value) -> SocketAddr {
    value.as_str().unwrap().parse().unwrap()
}
