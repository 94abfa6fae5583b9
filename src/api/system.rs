//! The gateway itself: its health, its document, and the page to try it out.

use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_ENCODING, LOCATION};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::IssuerView;
use super::edge::Edge;
use crate::config::RingKey;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::usecases::accounts::AccountView;
use crate::usecases::{Reload, TokenKey};

/// The committed document; a test holds it to what the code says.
const DOCUMENT: &str = include_str!("../../openapi/switchboard.json");

/// Where the gateway stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// The gateway's health in detail.
#[derive(Debug, Serialize)]
struct Details {
    /// `ready`, or `unready` while the store is away.
    status: &'static str,
    /// Why it is unready.
    detail: Option<String>,
    /// What can lose acknowledged work, in the store's settings; and that no token can be verified, while that is so.
    warnings: Vec<String>,
    /// How the keys that the issuer publishes fare; null without `[auth] jwks_url`.
    issuer: Option<IssuerView>,
    version: &'static str,
    /// The hash of the configuration in force.
    config_sha256: String,
    /// How the last try to take over another one ended; null if there was none since the start.
    reload: Option<ReloadView>,
    /// Every key of every ring, and when it was last of use, to any gateway over this store.
    keys: Vec<KeyView>,
    /// Those of them that tokens may be signed with, and which of these nobody needs any more.
    token_keys: Vec<TokenKey>,
    accounts: Vec<AccountView>,
}

/// How a try to take over a configuration ended.
#[derive(Debug, Serialize)]
struct ReloadView {
    /// When it was.
    at: Timestamp,
    /// Whether it was taken over.
    successful: bool,
    /// What kept it from that.
    faults: Vec<String>,
}

impl From<Reload> for ReloadView {
    fn from(Reload { at, faults }: Reload) -> Self {
        Self {
            at,
            successful: faults.is_empty(),
            faults,
        }
    }
}

/// A key of any ring, without its value.
#[derive(Debug, Serialize)]
struct KeyView {
    /// The ring's path in the configuration.
    ring: String,
    id: String,
    fingerprint: String,
    valid: bool,
    last_used: Option<Timestamp>,
    last_accepted: Option<Timestamp>,
    last_rejected: Option<Timestamp>,
}

/// Tell that the process runs
///
/// Always 200 while the gateway can answer at all. Open without a token.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "getLiveness",
    tag = "System",
    responses((status = 200, description = "It runs.", body = Health)),
)]
pub async fn live(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    Ok(HttpResponse::Ok().json(Health { status: "live" }))
}

/// Tell that requests can be served
///
/// 200 while the store can be reached and a valid configuration is loaded. Open without a token.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "getReadiness",
    tag = "System",
    responses((status = 200, description = "It is ready.", body = Health)),
)]
pub async fn ready(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    edge.gateway().ready().await?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

/// The health in detail, for the management listener.
pub async fn health(edge: Edge) -> Result<HttpResponse, Error> {
    let unready = edge.gateway().ready().await.err();
    let (auth, now) = (edge.auth(), edge.gateway().now());
    let mut warnings = edge.gateway().warnings();
    warnings.extend(auth.warning(now));
    let details = Details {
        status: if unready.is_none() { "ready" } else { "unready" },
        detail: unready.map(|error| error.detail),
        warnings,
        issuer: auth.issuer(now),
        version: env!("CARGO_PKG_VERSION"),
        config_sha256: edge.config().sha256().to_owned(),
        reload: edge.last_reload().map(ReloadView::from),
        keys: keys(&edge),
        token_keys: edge.gateway().token_keys(),
        accounts: edge.gateway().accounts(None).await?,
    };
    Ok(HttpResponse::Ok().json(details))
}

fn keys(edge: &Edge) -> Vec<KeyView> {
    let rings = edge.config().rings(edge.gateway().now()).into_iter();
    let view = |(ring, keys): (String, Vec<RingKey>)| {
        keys.into_iter().map(move |key| KeyView {
            ring: ring.clone(),
            last_used: key.uses.used.get(),
            last_accepted: key.uses.accepted.get(),
            last_rejected: key.uses.rejected.get(),
            id: key.id,
            fingerprint: key.fingerprint,
            valid: key.valid,
        })
    };
    rings.flat_map(view).collect()
}

/// The metrics in Prometheus' text format, for the management listener.
pub async fn metrics(edge: Edge) -> Result<HttpResponse, Error> {
    let handle = edge
        .request()
        .app_data::<PrometheusHandle>()
        .ok_or_else(Error::not_found)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(handle.render()))
}

/// Give the document
///
/// This document, OpenAPI 3.1. Open without a token.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDocument",
    tag = "System",
    responses((status = 200, description = "The document.", content_type = "application/json", body = super::openapi::AnyObject)),
)]
pub async fn document(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    Ok(HttpResponse::Ok().content_type("application/json").body(DOCUMENT))
}

/// Leads to the page, whose files are found relative to its slash.
pub async fn swagger_redirect(_edge: Edge) -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/swagger-ui/"))
        .finish()
}

/// A file of the page that tries the API out, from the binary itself.
pub async fn swagger(edge: Edge) -> Result<HttpResponse, Error> {
    static CONFIG: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> = LazyLock::new(|| {
        let config = utoipa_swagger_ui::Config::from("/openapi.json");
        Arc::new(
            config
                .persist_authorization(true)
                .try_it_out_enabled(true)
                .validator_url("none"),
        )
    });
    let path: String = edge.path()?;
    let file = utoipa_swagger_ui::serve(&path, Arc::clone(&CONFIG))
        .ok()
        .flatten()
        .ok_or_else(Error::not_found)?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.content_type(file.content_type).body(file.bytes.into_owned()))
}
