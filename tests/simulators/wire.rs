//! A client that sees answers as they are, and webhooks one after the other.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use switchboard::simulators::server::Handle;

use super::common::{Receiver, eventually, raw};

/// An answer, its head as text. Both parts are empty when the connection closed with no byte answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A client of one server that sends the same headers with every request.
#[derive(Debug, Clone)]
pub struct Client {
    addr: SocketAddr,
    headers: String,
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            headers: String::new(),
        }
    }

    /// The same client with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        Self {
            addr: self.addr,
            headers: format!("{}{name}: {value}\r\n", self.headers),
        }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, "").await
    }

    pub async fn post(&self, target: &str, body: &str) -> Answer {
        self.send("POST", target, body).await
    }

    pub async fn send(&self, method: &str, target: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\ncontent-length: {}\r\n{}\r\n{body}",
            body.len(),
            self.headers
        );
        let mut bytes = raw(self.addr, &request).await;
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(bytes.len(), |at| at + 4);
        let body = bytes.split_off(end);
        let head = String::from_utf8(bytes).unwrap();
        let status = head.get(9..12).map_or(0, |status| status.parse().unwrap());
        Answer { status, head, body }
    }
}

/// The webhooks of one receiver, one after the other.
pub struct Hooks {
    pub url: String,
    receiver: Arc<Receiver>,
    taken: usize,
    _handle: Handle,
}

impl Hooks {
    /// Answers with these statuses in turn, then with 200.
    pub async fn start(statuses: &[u16]) -> Self {
        let (receiver, handle) = Receiver::start(statuses).await;
        Self {
            url: handle.url() + "/hook",
            receiver,
            taken: 0,
            _handle: handle,
        }
    }

    /// The next body, as text.
    pub async fn text(&mut self) -> String {
        let body = eventually("a webhook", async || {
            Some(self.receiver.seen().get(self.taken)?.1.clone())
        })
        .await;
        self.taken += 1;
        body
    }

    /// The next body, as JSON.
    pub async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}
