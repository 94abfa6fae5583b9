//! A client without opinions, a raw socket, a receiver of webhooks, and a bounded wait.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use switchboard::simulators::control::Control;
use switchboard::simulators::http::{Reply, Request};
use switchboard::simulators::server::{App, Handle, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Asks until the answer is there, for at most five seconds.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}");
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Sends a whole request over a socket and reads until the other side closes.
pub async fn raw(addr: SocketAddr, request: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    answer
}

/// A server that keeps what is posted to it and answers statuses from a list, then 200.
pub struct Receiver {
    control: Control,
    seen: Mutex<Vec<(String, String)>>,
    statuses: Mutex<Vec<u16>>,
}

impl App for Receiver {
    fn control(&self) -> &Control {
        &self.control
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        self.seen
            .lock()
            .unwrap()
            .push((request.path.trim_start_matches('/').to_owned(), body));
        let status = self.statuses.lock().unwrap().pop().unwrap_or(200);
        Reply::json(status, "{}")
    }

    async fn steer(self: &Arc<Self>, _: Request) -> Option<Reply> {
        None
    }

    fn failure(&self, status: u16) -> Reply {
        Reply::json(status, "{}")
    }
}

impl Receiver {
    pub async fn start(statuses: &[u16]) -> (Arc<Self>, Handle) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Arc::new(Self {
            control: Control::new(Vec::new(), BTreeMap::new()).unwrap(),
            seen: Mutex::default(),
            statuses: Mutex::new(statuses.iter().rev().copied().collect()),
        });
        (receiver.clone(), serve(listener, receiver).unwrap())
    }

    /// Paths and bodies in the order of arrival.
    pub fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }

    /// Bodies received under one path.
    pub fn of(&self, path: &str) -> Vec<Value> {
        let seen = self.seen().into_iter().filter(|(to, _)| to == path);
        seen.map(|(_, body)| serde_json::from_str(&body).unwrap()).collect()
    }
}
