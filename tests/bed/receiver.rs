//! A receiver of deliveries on a real socket, which keeps what it got, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// An answer with this status.
    Status(u16),
    /// The connection is closed.
    Close,
    /// Half an answer, then the connection is closed.
    Half,
    /// Nothing.
    Hang,
}

/// What came.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub reaction: Reaction,
    /// When.
    pub at: Instant,
}

impl Letter {
    /// The event's identifier.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Manner = Arc<dyn Fn(usize) -> Reaction + Send + Sync>;

/// It ends with the process of the test.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    got: Arc<Mutex<Vec<Letter>>>,
    /// How often each event came.
    times: Arc<Mutex<HashMap<String, usize>>>,
    manner: Arc<Mutex<Manner>>,
}

impl Receiver {
    /// Reacts to the nth letter (from 0) of an event as `manner` says.
    pub async fn start(manner: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hooks", listener.local_addr().unwrap()),
            got: Arc::default(),
            times: Arc::default(),
            manner: Arc::new(Mutex::new(Arc::new(manner))),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        receiver
    }

    /// Reacts in another way from now on.
    pub fn change(&self, manner: impl Fn(usize) -> Reaction + Send + Sync + 'static) {
        *self.manner.lock().unwrap() = Arc::new(manner);
    }

    /// Everything that came, in order.
    pub fn got(&self) -> Vec<Letter> {
        self.got.lock().unwrap().clone()
    }

    /// The subjects of those events of a type that were answered 2xx.
    pub fn taken(&self, kind: &str) -> BTreeSet<String> {
        let taken = self.got().into_iter();
        taken
            .filter(|letter| matches!(letter.reaction, Reaction::Status(200..300)))
            .map(|letter| letter.json())
            .filter(|event| event["type"] == kind)
            .map(|event| event["subject"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn converse(self, mut stream: TcpStream) {
        while let Some((headers, body)) = read_request(&mut stream).await {
            let reaction = self.take(headers, body);
            let answer = match reaction {
                Reaction::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
                Reaction::Half => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(),
                Reaction::Close => return,
                Reaction::Hang => std::future::pending().await,
            };
            // The gateway may be dead by now.
            let _ = stream.write_all(answer.as_bytes()).await;
            if reaction == Reaction::Half {
                return;
            }
        }
    }

    fn take(&self, headers: BTreeMap<String, String>, body: String) -> Reaction {
        let manner = Arc::clone(&self.manner.lock().unwrap());
        let id = headers.get("webhook-id").cloned().unwrap_or_default();
        let mut times = self.times.lock().unwrap();
        let before = times.entry(id).or_default();
        let reaction = manner(*before);
        *before += 1;
        self.got.lock().unwrap().push(Letter {
            headers,
            body,
            reaction,
            at: Instant::now(),
        });
        reaction
    }
}

/// Reads one request; nothing where the connection ends first.
async fn read_request(stream: &mut TcpStream) -> Option<(BTreeMap<String, String>, String)> {
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

fn complete(bytes: &[u8]) -> Option<(BTreeMap<String, String>, String)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let headers: BTreeMap<_, _> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some((headers, String::from_utf8(body.to_vec()).unwrap()))
}
