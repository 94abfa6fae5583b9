//! A client and a webhook receiver that see the bytes as they are.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

/// Longer than anything here takes; only a failing test waits as long.
const BOUND: Duration = Duration::from_secs(10);

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
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
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
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A reset is an end like any other here.
        let _ = timeout(BOUND, stream.read_to_end(&mut bytes))
            .await
            .expect("an answer in time");
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

/// Receives webhooks.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    bodies: UnboundedReceiver<String>,
}

impl Receiver {
    /// Answers with these statuses in turn, then with 200.
    pub async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, bodies) = mpsc::unbounded_channel();
        let mut statuses = VecDeque::from_iter(statuses.iter().copied());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let status = statuses.pop_front().unwrap_or(200);
                if sender.send(receive(stream, status).await).is_err() {
                    return;
                }
            }
        });
        Self { url, bodies }
    }

    /// The next body, as text.
    pub async fn text(&mut self) -> String {
        timeout(BOUND, self.bodies.recv())
            .await
            .expect("a webhook in time")
            .unwrap()
    }

    /// The next body, as JSON.
    pub async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}

/// Reads one request, answers it and closes.
async fn receive(mut stream: TcpStream, status: u16) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ")
                    .map(|length| length.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                let answer = format!(
                    "HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                return body.to_owned();
            }
        }
        assert!(read > 0, "a webhook ended early");
    }
}
