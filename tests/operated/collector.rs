//! A collector of traces on a real socket, which reads OTLP as protobuf over HTTP.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// It ends with the process of the test.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    got: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            got: Arc::default(),
        };
        let serving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        collector
    }

    /// Every span that came.
    pub fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let resources = got.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// What the sender says of itself.
    pub fn resource(&self) -> Vec<KeyValue> {
        let got = self.got.lock().unwrap();
        let resource = got
            .first()
            .and_then(|request| request.resource_spans.first()?.resource.clone());
        resource.map(|resource| resource.attributes).unwrap_or_default()
    }

    /// Everything that came, as text.
    pub fn text(&self) -> String {
        format!("{:?}", self.got.lock().unwrap())
    }

    async fn converse(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
            let Some(request) = complete(&bytes) else { continue };
            bytes.clear();
            self.got.lock().unwrap().push(request);
            // The gateway may be dead by now.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    }
}

/// The value of an attribute, if it is text.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let value = attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?;
    match &value.value {
        Some(any_value::Value::StringValue(text)) => Some(text),
        _ => None,
    }
}

/// The one request in `bytes`, once all of it is there.
fn complete(bytes: &[u8]) -> Option<ExportTraceServiceRequest> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap().to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let body = bytes.get(end + 4..end + 4 + length.parse::<usize>().unwrap())?;
    Some(ExportTraceServiceRequest::decode(body).unwrap())
}
