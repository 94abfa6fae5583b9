//! Redis over TLS, trusted only through the certificates of the system.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use switchboard::store::{Position, keys};
use tempfile::TempDir;

use crate::bed::open_redis;
use crate::server::{Server, free_port};

/// Names the server for this test run as a child of itself, where the system trusts our authority.
const CHILD: &str = "SWITCHBOARD_TEST_TLS_URL";

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn make_certificates(directory: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        directory,
        &format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=authority -days 2"),
    );
    openssl(
        directory,
        &format!("req {key} -keyout redis.key -out redis.csr -subj /CN=redis"),
    );
    let names = "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    std::fs::write(directory.join("names"), names).unwrap();
    openssl(
        directory,
        "x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out redis.crt",
    );
}

#[tokio::test]
async fn a_redis_behind_tls_is_used_if_the_system_trusts_it() {
    if let Ok(url) = std::env::var(CHILD) {
        let store = open_redis(&url);
        store
            .append(&keys::events(), Bytes::from_static(b"entry"))
            .await
            .unwrap();
        let log = store.read(&keys::events(), Position::START, 9).await.unwrap();
        assert_eq!(log.len(), 1);
        return;
    }
    let directory = TempDir::new().unwrap();
    make_certificates(directory.path());
    let path = |name: &str| directory.path().join(name).display().to_string();
    let port = free_port().to_string();
    let server = Server::with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &path("redis.crt"),
        "--tls-key-file",
        &path("redis.key"),
        "--tls-ca-cert-file",
        &path("ca.crt"),
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://127.0.0.1:{port}");
    assert!(open_redis(&url).ready().await.is_err(), "nobody vouches for it here");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["tls::a_redis_behind_tls_is_used_if_the_system_trusts_it", "--exact"])
        .env(CHILD, &url)
        .env("SSL_CERT_FILE", path("ca.crt"))
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(server.ask(&["XLEN", keys::events().as_ref()]).trim(), "1");
}
