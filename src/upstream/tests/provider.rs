//! A provider on a real socket that does as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the provider does with one request.
#[derive(Clone)]
pub enum Act {
    /// Closes the connection before a request can be read.
    Refuse,
    /// Reads the request, then closes the connection.
    Close,
    /// Reads the request and says nothing more.
    Hang,
    /// Reads the request, writes this and keeps the connection.
    Write(Vec<u8>),
    /// Reads the request, writes this and closes the connection.
    WriteAndClose(Vec<u8>),
}

/// An answer with a status line's tail, such as `200 OK`, and a body.
pub fn answer(status: &str, body: &str) -> Act {
    answer_with(status, "", body)
}

/// An answer with headers, each with its line end.
pub fn answer_with(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Write(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into())
}

/// A provider that plays a script, an act for each request; the last act is repeated.
#[derive(Clone)]
pub struct Provider {
    pub url: String,
    script: Arc<Mutex<VecDeque<Act>>>,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Provider {
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        tokio::spawn(provider.clone().serve(listener));
        provider
    }

    /// The requests read in full, as they came.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            self.connections.fetch_add(1, Ordering::SeqCst);
            if !matches!(self.next_act(false), Act::Refuse) {
                tokio::spawn(self.clone().converse(stream));
            } else {
                self.next_act(true);
            }
        }
    }

    async fn converse(self, mut stream: TcpStream) {
        while let Some(request) = read_request(&mut stream).await {
            self.requests.lock().unwrap().push(request);
            match self.next_act(true) {
                Act::Refuse | Act::Close => return,
                Act::Hang => std::future::pending().await,
                Act::Write(bytes) => drop(stream.write_all(&bytes).await),
                Act::WriteAndClose(bytes) => return drop(stream.write_all(&bytes).await),
            }
        }
    }

    fn next_act(&self, take: bool) -> Act {
        let mut script = self.script.lock().unwrap();
        let act = script.front().unwrap().clone();
        if take && script.len() > 1 {
            script.pop_front();
        }
        act
    }
}

/// Reads one request; `None` where the client closes first.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = complete(&bytes) {
            return Some(request);
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn complete(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| text.to_owned())
}
