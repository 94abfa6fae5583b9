//! Real Redis servers, each in a directory and on a port of its own.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A `redis-server` that ends with this value.
pub struct Server {
    child: Child,
    directory: TempDir,
    options: Vec<String>,
    port: u16,
}

impl Server {
    /// Starts one that has every write on disk before it answers.
    pub fn start() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts one with these options.
    pub fn with(options: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        // Somebody else may take a port that was free a moment ago.
        for _ in 0..20 {
            let port = free_port();
            let mut child = spawn(directory.path(), &options, port);
            if answers(&mut child, port) {
                return Self {
                    child,
                    directory,
                    options,
                    port,
                };
            }
        }
        panic!("redis-server does not start: is it installed?");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server without closing anything, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Ends the server with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, in the same directory and on the same port.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, this time with more options.
    pub fn restart_with(&mut self, more: &[&str]) {
        let more = more.iter().map(|option| (*option).to_owned());
        let options: Vec<_> = self.options.iter().cloned().chain(more).collect();
        self.child = spawn(self.directory.path(), &options, self.port);
        assert!(answers(&mut self.child, self.port), "it starts again");
    }

    /// Runs a command through `redis-cli` and returns what it prints.
    pub fn ask(&self, command: &[&str]) -> String {
        cli(self.port, command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One who watches over a master named `main`, and has a replica take over with the others of its kind.
pub struct Sentinel {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Sentinel {
    /// Watches the master on this port; `quorum` must agree that it is gone.
    pub fn watching(master: u16, quorum: usize) -> Self {
        // Somebody else may take a port that was free a moment ago.
        for _ in 0..20 {
            let mut sentinel = Self::spawn(free_port(), (master, quorum));
            if answers(&mut sentinel.child, sentinel.port) {
                return sentinel;
            }
        }
        panic!("redis-server does not start as a sentinel");
    }

    fn spawn(port: u16, (master, quorum): (u16, usize)) -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} {quorum}\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n"
        );
        std::fs::write(&file, settings).unwrap();
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self {
            child: child.expect("redis-server is installed"),
            port,
            _directory: directory,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a command through `redis-cli` and returns what it prints.
    pub fn ask(&self, command: &[&str]) -> String {
        cli(self.port, command)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds a port that nobody uses now.
pub fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// Asks until the answer is yes.
pub fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never became so");
        sleep(Duration::from_millis(10));
    }
}

/// Runs a command through `redis-cli` on a port and returns what it prints.
pub fn cli(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(command)
        .output()
        .expect("redis-cli is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn spawn(directory: &Path, options: &[String], port: u16) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    Command::new("redis-server")
        .args(["--port", &port.to_string()])
        .args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
        .args(options)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .expect("redis-server is installed")
}

fn answers(child: &mut Child, port: u16) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let open = TcpStream::connect(("127.0.0.1", port)).is_ok();
        if open && cli(port, &["PING"]).trim() == "PONG" {
            return true;
        }
        sleep(Duration::from_millis(2));
    }
    false
}
