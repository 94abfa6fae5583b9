//! A gateway in a process of its own, which can be killed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PATIENCE;
use super::home::Home;

/// Names a folder in which everything is kept that gateways write to their outputs.
pub const OUTPUTS: &str = "SWITCHBOARD_OUTPUTS";

/// Where the outputs of a gateway go.
fn outputs(home: &Home) -> PathBuf {
    std::env::var_os(OUTPUTS).map_or_else(|| home.path().to_owned(), PathBuf::from)
}

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
        Self::launch(&[], home, |_| ())
    }

    /// The same with another command line or environment.
    pub fn start_with(home: &Home, alter: impl FnOnce(&mut Command)) -> Self {
        Self::launch(&[], home, alter)
    }

    /// The same by a command that turns into the gateway, such as `env`.
    pub fn start_by(command: &[&str], home: &Home) -> Self {
        Self::launch(command, home, |_| ())
    }

    fn launch(command: &[&str], home: &Home, alter: impl FnOnce(&mut Command)) -> Self {
        let log = outputs(home).join(format!("{}.log", uuid::Uuid::now_v7().simple()));
        let binary = binary();
        let words = [command, &[&binary, "serve"]].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap());
        if std::env::var_os(OUTPUTS).is_some() {
            command.stderr(File::create(log.with_extension("err")).unwrap());
        }
        for file in home.files() {
            command.arg("--config").arg(file);
        }
        alter(&mut command);
        let mut child = command.spawn().unwrap();
        let (address, management) = ready(&mut child, &log);
        Self {
            child,
            log,
            address,
            management,
        }
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it with SIGHUP to take over its configuration.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Asks it with SIGTERM to end.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// The identifier of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged up to now, one JSON object a line.
    ///
    /// A thread of its own writes the lines, in order: where a request of ours is in the log, all before it is.
    pub fn log(&self) -> String {
        let (mark, began) = (uuid::Uuid::now_v7().simple().to_string(), Instant::now());
        let asked = self.ask_as(&mark).is_ok();
        loop {
            let text = std::fs::read_to_string(&self.log).unwrap();
            if !asked || text.contains(&mark) || began.elapsed() > PATIENCE {
                return text;
            }
            sleep(Duration::from_millis(2));
        }
    }

    fn ask_as(&self, request: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        let head = format!(
            "GET /health/live HTTP/1.1\r\nhost: gateway\r\nx-request-id: {request}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test: the one that cargo built, or the one that the environment names, such as a release build.
fn binary() -> String {
    std::env::var("SWITCHBOARD_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_switchboard").to_owned())
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
