//! What a handler works with: the request, the gateway behind it, and who asks.

use std::cell::OnceCell;
use std::future::{Future, Ready, ready};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::Bytes;
use futures_util::future::{Either, LocalBoxFuture};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::{self, Bounds};
use super::query::Params;
use super::window::Days;
use super::{Api, Authenticator, headers, json};
use crate::config::Config;
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::{Error, Problem};
use crate::domain::phone::Region;
use crate::usecases::requests::{Guarded, Once, Outcome};
use crate::usecases::{Gateway, Reload};

/// The route of a request that no path matches.
const NO_ROUTE: &str = "unmatched";
/// The largest body of a webhook, in bytes.
const MAX_WEBHOOK: usize = 1 << 20;

/// What is noted of one request while it is answered, for the access log and the metrics.
pub struct Visit {
    /// The request's id, the caller's or ours.
    pub request_id: String,
    /// The gateway that answers it, whatever is configured meanwhile.
    gateway: OnceCell<Arc<Gateway>>,
    /// The pattern of the path; unset until a handler is reached.
    route: OnceCell<String>,
    /// The tenant of the token; unset without a valid one.
    tenant: OnceCell<String>,
}

impl Visit {
    /// Begins the note of a request.
    pub fn new(request_id: String) -> Rc<Self> {
        Rc::new(Self {
            request_id,
            gateway: OnceCell::new(),
            route: OnceCell::new(),
            tenant: OnceCell::new(),
        })
    }

    /// The gateway over the configuration that was in force when the request came.
    pub fn gateway(&self, api: &Api) -> &Arc<Gateway> {
        self.gateway.get_or_init(|| api.gateway())
    }

    /// The pattern of the path, free of identifiers.
    pub fn route(&self) -> &str {
        self.route.get().map_or(NO_ROUTE, String::as_str)
    }

    /// The tenant, once known.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.get().map(String::as_str)
    }
}

/// A request on its way through a handler.
pub struct Edge {
    request: HttpRequest,
    api: web::Data<Api>,
    visit: Rc<Visit>,
}

impl FromRequest for Edge {
    type Error = Error;
    type Future = Either<Ready<Result<Self, Error>>, LocalBoxFuture<'static, Result<Self, Error>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let edge =
            Self::of(request).ok_or_else(|| Error::new(Problem::Internal, "The gateway is not behind this route."));
        match edge {
            Ok(edge) if edge.lacks_key() => Either::Right(Box::pin(edge.with_keys())),
            edge => Either::Left(ready(edge)),
        }
    }
}

impl Edge {
    fn of(request: &HttpRequest) -> Option<Self> {
        let api = request.app_data::<web::Data<Api>>()?.clone();
        let visit = request.extensions().get::<Rc<Visit>>()?.clone();
        if let Some(route) = request.match_pattern() {
            visit.route.get_or_init(|| route);
        }
        Some(Self {
            request: request.clone(),
            api,
            visit,
        })
    }

    /// Whether the token's key may be one that its issuer published since the keys were last fetched.
    fn lacks_key(&self) -> bool {
        self.api.auth.lacks_key(&self.request, self.gateway().now())
    }

    async fn with_keys(self) -> Result<Self, Error> {
        self.api.auth.wait_for_keys().await;
        Ok(self)
    }

    /// The request itself.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.visit.request_id
    }

    /// The rules.
    pub fn gateway(&self) -> &Arc<Gateway> {
        self.visit.gateway(&self.api)
    }

    /// How the last try to take over a configuration ended.
    pub fn last_reload(&self) -> Option<Reload> {
        self.api.current.last_reload()
    }

    /// What verifies tokens.
    pub fn auth(&self) -> &Authenticator {
        &self.api.auth
    }

    /// Its configuration.
    pub fn config(&self) -> &Arc<Config> {
        self.gateway().config()
    }

    /// Whoever sent the request, if the token allows `scope`.
    ///
    /// # Errors
    /// `unauthenticated`; `forbidden` naming the scope.
    pub fn caller(&self, scope: Scope) -> Result<Arc<Caller>, Error> {
        let caller = self.api.auth.authenticate(&self.request, self.gateway().now())?;
        self.visit.tenant.get_or_init(|| caller.tenant.clone());
        if caller.may(scope) {
            return Ok(caller);
        }
        Err(Error::new(
            Problem::Forbidden,
            format!("The token lacks the scope {scope}."),
        ))
    }

    /// Whoever sent the request, if the token allows `scope` and belongs to one tenant.
    ///
    /// # Errors
    /// `unauthenticated`; `forbidden` also for a token of every tenant, which acts for nobody.
    pub fn actor(&self, scope: Scope) -> Result<Arc<Caller>, Error> {
        let caller = self.caller(scope)?;
        if caller.reads_all() {
            return Err(Error::new(
                Problem::Forbidden,
                "A token for every tenant may only read.",
            ));
        }
        Ok(caller)
    }

    /// A part of the path that identifies something; what is no identifier identifies nothing.
    ///
    /// # Errors
    /// `not-found`.
    pub fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let id = self.request.match_info().get(name).and_then(|text| text.parse().ok());
        id.ok_or_else(Error::not_found)
    }

    /// The parts of the path in order, decoded.
    ///
    /// # Errors
    /// `not-found` where one is not UTF-8.
    pub fn path<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.request.match_info().load().map_err(|_| Error::not_found())
    }

    /// The query, to be read.
    pub fn params(&self) -> Params {
        Params::new(self.request.query_string())
    }

    /// The country whose national spellings of numbers are read.
    pub fn region(&self) -> Region {
        self.config().phone.region
    }

    /// The days that windows are meant in.
    pub fn days(&self) -> Days {
        Days::new(self.config().history.time_zone.clone(), self.gateway().now())
    }

    /// How long the caller lets the answer be held back for news (`Prefer: wait=N`).
    pub fn wait(&self) -> Option<Duration> {
        headers::wait(self.request.headers())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `unsupported-media-type`, `body-too-large`, `request-timeout`, `invalid-body`.
    pub async fn json(&self, payload: web::Payload) -> Result<Value, Error> {
        body::require_json(&self.request)?;
        json::parse(&self.read(payload).await?)
    }

    /// The body as JSON; none and `null` are an empty object.
    ///
    /// # Errors
    /// As [`Edge::json`].
    pub async fn optional_json(&self, payload: web::Payload) -> Result<Value, Error> {
        let text = self.read(payload).await?;
        if text.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        body::require_json(&self.request)?;
        match json::parse(&text)? {
            Value::Null => Ok(Value::Object(Map::new())),
            body => Ok(body),
        }
    }

    /// The body of a webhook, as it came.
    ///
    /// # Errors
    /// `body-too-large`, `request-timeout`, `invalid-body`.
    pub async fn webhook(&self, payload: web::Payload) -> Result<Bytes, Error> {
        let bounds = Bounds {
            bytes: MAX_WEBHOOK,
            time: self.config().server.request_timeout,
        };
        body::read(&self.request, payload, bounds).await
    }

    async fn read(&self, payload: web::Payload) -> Result<Bytes, Error> {
        let server = &self.config().server;
        let bounds = Bounds {
            bytes: server.max_body_bytes,
            time: server.request_timeout,
        };
        body::read(&self.request, payload, bounds).await
    }

    /// What the request's `Idempotency-Key` guards: an act on `object` asked for with `body`.
    ///
    /// # Errors
    /// `invalid-input` for a key that is not 1 to 255 visible characters.
    pub fn guarded(&self, object: impl ToString, body: Value) -> Result<Guarded, Error> {
        Ok(Guarded {
            key: headers::idempotency_key(self.request.headers())?,
            operation: format!("{} {}", self.request.method(), self.request.path()),
            body,
            object: object.to_string(),
        })
    }

    /// Acts once for the caller's key, and to the end even if the caller goes away.
    ///
    /// # Errors
    /// Those of [`Gateway::once`] and of `act`.
    pub async fn once<F>(
        &self,
        caller: &Arc<Caller>,
        guarded: Guarded,
        act: impl FnOnce(Arc<Gateway>, Arc<Caller>) -> F,
    ) -> Result<Once, Error>
    where
        F: Future<Output = Result<Outcome, Error>> + Send + 'static,
    {
        let (gateway, caller) = (Arc::clone(self.gateway()), Arc::clone(caller));
        // Boxed, because it is large and handed on several times.
        let act = Box::pin(act(Arc::clone(&gateway), Arc::clone(&caller)));
        let work = async move { gateway.once(&caller, guarded, act).await };
        self.gateway().see_through(work).await
    }
}
