//! The nginx of `config/nginx.conf`, before gateways that listen here.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::bed::eventually;
use crate::site::steady_port;

/// It ends with this value.
pub struct Nginx {
    child: Child,
    directory: TempDir,
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts it; it takes connections when this returns.
    pub async fn before(gateways: [SocketAddr; 2]) -> Self {
        let directory = TempDir::new().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], steady_port()));
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration(directory.path(), address, gateways)).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(&file)
            // One process, which is the one to end.
            .args(["-g", "daemon off; master_process off; pid pid;"])
            .stdin(Stdio::null())
            .stderr(File::create(directory.path().join("log")).unwrap())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self {
            child,
            directory,
            address,
        };
        eventually("nginx listens", async || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()
        })
        .await;
        nginx
    }

    /// What it complained of.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration of the repository with other addresses, and with its temporary files in `directory`.
fn configuration(directory: &Path, address: SocketAddr, gateways: [SocketAddr; 2]) -> String {
    let mut text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/nginx.conf")).unwrap();
    let mut exchange = |from: &str, to: String| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, &to);
    };
    exchange("listen 8080;", format!("listen {address};"));
    exchange("gateway-1:8080", gateways[0].to_string());
    exchange("gateway-2:8080", gateways[1].to_string());
    let files = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {}/{kind};\n", directory.display()));
    exchange("http {\n", format!("http {{\n{}", files.concat()));
    text
}
