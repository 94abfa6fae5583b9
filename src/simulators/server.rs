//! The HTTP server under every simulator: requests in, replies out, and connections that can be cut.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::control::Control;
use super::faults::Effect;
use super::http::{Delivery, Reply, Request};

const BODY_LIMIT: usize = 1024 * 1024;
const HEADER_LIMIT: usize = 64;
const HEAD_BYTES: usize = 64 * 1024;
/// How long a stop waits for answers under way before it cuts them.
const GRACE: Duration = Duration::from_secs(1);

/// A simulated provider.
pub trait App: Send + Sync + 'static {
    /// The part every simulator has: faults, webhooks, tokens, clock.
    fn control(&self) -> &Control;

    /// Answers a request of the provider's API.
    fn answer(self: &Arc<Self>, request: Request) -> impl Future<Output = Reply> + Send;

    /// Answers a request under `/_sim/` that only this simulator has; `None` when it has no such path.
    fn steer(self: &Arc<Self>, request: Request) -> impl Future<Output = Option<Reply>> + Send;

    /// The provider's own words for a failure with this status; 200 is a success status over a body that says no.
    fn failure(&self, status: u16) -> Reply;
}

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Handle {
    /// Where it listens.
    pub addr: SocketAddr,
    tasks: TaskTracker,
    stopping: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Handle {
    /// `http://ADDR`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Closes the listener, lets answers under way finish for a moment, ends every task of the simulator.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Serves `app` on `listener` in the current Tokio runtime.
///
/// # Errors
///
/// The listener's address cannot be read.
pub fn serve<A: App>(listener: TcpListener, app: Arc<A>) -> std::io::Result<Handle> {
    let addr = listener.local_addr()?;
    let (tasks, stopping) = (app.control().tasks.clone(), app.control().stopping.clone());
    tasks.spawn({
        let (tasks, stopping) = (tasks.clone(), stopping.clone());
        async move {
            let accept = async {
                loop {
                    // A failed accept is one client's trouble, or a lack of descriptors that passes.
                    match listener.accept().await {
                        Ok((stream, _)) => drop(tasks.spawn(talk(stream, app.clone(), stopping.clone()))),
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                () = accept => {}
            }
        }
    });
    Ok(Handle {
        addr,
        tasks,
        stopping: stopping.clone(),
        _stop_on_drop: stopping.drop_guard(),
    })
}

async fn talk<A: App>(stream: TcpStream, app: Arc<A>, stopping: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| exchange(app.clone(), request));
    let connection = http1::Builder::new()
        .max_headers(HEADER_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // An error here is a connection cut on purpose or by the client; nobody is left to hear of it.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
}

/// Ends a connection with no byte answered: hyper closes it when the service fails.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

type Body = UnsyncBoxBody<Bytes, Cut>;

async fn exchange<A: App>(app: Arc<A>, request: hyper::Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, BODY_LIMIT).collect().await {
        Err(_) => app.failure(413),
        Ok(body) => {
            let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
            let request = Request {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: query.into_owned().collect(),
                headers: head.headers,
                body: body.to_bytes(),
            };
            respond(&app, request).await
        }
    };
    send(reply)
}

async fn respond<A: App>(app: &Arc<A>, request: Request) -> Reply {
    let control = app.control();
    if request.path.starts_with("/_sim/") {
        return match control.answer(&request) {
            Some(reply) => reply,
            None => app
                .steer(request)
                .await
                .unwrap_or_else(|| Reply::json(404, r#"{"error":"no such control"}"#)),
        };
    }
    control.count(&request);
    match control.faults.matching(request.method.as_str(), &request.path) {
        None => app.answer(request).await,
        Some(effect) => suffer(app, effect, request).await,
    }
}

async fn suffer<A: App>(app: &Arc<A>, effect: Effect, request: Request) -> Reply {
    match effect {
        Effect::Status(answer) => {
            if answer.acts {
                let _lost = app.answer(request).await;
            }
            answer.reply(app.failure(answer.code))
        }
        Effect::DelayMs(delay) => {
            tokio::time::sleep(Duration::from_millis(delay.before)).await;
            let reply = app.answer(request).await;
            tokio::time::sleep(Duration::from_millis(delay.after)).await;
            reply
        }
        Effect::CloseBefore => Reply::dropped(),
        Effect::CloseAfter => app.answer(request).await.delivered(Delivery::Dropped),
        Effect::TruncateAfter(bytes) => app.answer(request).await.delivered(Delivery::Truncated(bytes)),
        Effect::SlowBody(ms) => app
            .answer(request)
            .await
            .delivered(Delivery::Slow(Duration::from_millis(ms))),
        Effect::Garbage => {
            let _lost = app.answer(request).await;
            Reply::json(200, "\u{1}%%% not json")
        }
        Effect::Html => Reply::new(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        Effect::Busy(seconds) => app.failure(429).with_header("retry-after", seconds.to_string()),
        Effect::OkFalse => app.failure(200),
    }
}

fn send(reply: Reply) -> Result<Response<Body>, Cut> {
    let length = reply.body.len();
    let body = match reply.delivery {
        Delivery::Dropped => return Err(Cut),
        Delivery::Whole => Full::new(reply.body)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync(),
        Delivery::Truncated(bytes) => streamed(truncated(reply.body.slice(..bytes.min(length)))),
        Delivery::Slow(interval) => streamed(slow(reply.body, interval)),
    };
    let mut response = Response::builder()
        .status(reply.status)
        .header(header::CONTENT_LENGTH, length);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(body).map_err(|_| Cut)
}

fn streamed(chunks: impl Stream<Item = Result<Bytes, Cut>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

fn truncated(part: Bytes) -> impl Stream<Item = Result<Bytes, Cut>> {
    let cut = stream::once(async {
        // Hyper flushes what it has when the body is not ready; failing at once would throw the first bytes away too.
        tokio::task::yield_now().await;
        Err(Cut)
    });
    stream::iter([Ok(part)]).chain(cut)
}

fn slow(body: Bytes, interval: Duration) -> impl Stream<Item = Result<Bytes, Cut>> {
    stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(interval).await;
        let byte = rest.split_to(1);
        Some((Ok(byte), rest))
    })
}
