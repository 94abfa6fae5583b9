//! `/webhooks`: news from providers, taken by whoever knows the secret in the address.

use actix_web::{HttpResponse, web};

use super::edge::Edge;
use crate::domain::error::Error;

/// Take a webhook of one kind
///
/// For providers with one address per kind of news. The answer comes when the news is kept; a wrong secret is answered as
/// an address that does not exist.
#[utoipa::path(
    post,
    path = "/webhooks/{account}/{kind}/{secret}",
    operation_id = "takeWebhookOfKind",
    tag = "Webhooks",
    params(
        ("account" = String, Path, description = "The account."),
        ("kind" = String, Path, description = "The kind of news.", example = "call-end"),
        ("secret" = String, Path, description = "The secret of the registered address."),
    ),
    request_body(content = super::openapi::AnyObject, description = "The provider's own body, at most 1 MiB."),
    responses((status = 200, description = "The news is kept.")),
)]
pub async fn take_of_kind(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let (account, kind, secret): (String, String, String) = edge.path()?;
    let expected = edge.gateway().expect_webhook(&account, Some(&kind), &secret)?;
    let body = edge.webhook(payload).await?;
    edge.gateway().take_webhook(expected, body).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Take a webhook
///
/// For providers with one address for all news. The answer comes when the news is kept; a wrong secret is answered as an
/// address that does not exist.
#[utoipa::path(
    post,
    path = "/webhooks/{account}/{secret}",
    operation_id = "takeWebhook",
    tag = "Webhooks",
    params(
        ("account" = String, Path, description = "The account."),
        ("secret" = String, Path, description = "The secret of the registered address."),
    ),
    request_body(content = super::openapi::AnyObject, description = "The provider's own body, at most 1 MiB."),
    responses((status = 200, description = "The news is kept.")),
)]
pub async fn take(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let (account, secret): (String, String) = edge.path()?;
    let expected = edge.gateway().expect_webhook(&account, None, &secret)?;
    let body = edge.webhook(payload).await?;
    edge.gateway().take_webhook(expected, body).await?;
    Ok(HttpResponse::Ok().finish())
}
