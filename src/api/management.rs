//! What only the management listener serves, which asks for no token: how everything fares.

use actix_web::HttpResponse;

use super::edge::Edge;
use crate::domain::error::Error;

/// How everything fares, and what needs a person.
pub async fn status(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    Ok(HttpResponse::Ok().json(edge.gateway().status().await?))
}

/// What happened to a call or a verification, in one timeline.
pub async fn trace(edge: Edge) -> Result<HttpResponse, Error> {
    let id: String = edge.path()?;
    edge.params().finish()?;
    Ok(HttpResponse::Ok().json(edge.gateway().trace(&id).await?))
}
