//! What only the management listener serves, which asks for no token: how everything fares, what happened to a call, and
//! the erasing of a number.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::HOST;
use actix_web::{HttpResponse, web};

use super::edge::Edge;
use super::object;
use super::values::Wrong;
use crate::domain::error::{Error, Problem};
use crate::domain::phone::PhoneNumber;

/// How everything fares, and what needs a person.
pub async fn status(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    let tokens_refused = edge.auth().warning(edge.gateway().now());
    let status = edge.gateway().status(edge.last_reload(), tokens_refused).await?;
    Ok(HttpResponse::Ok().json(status))
}

/// What happened to a call or a verification, in one timeline.
pub async fn trace(edge: Edge) -> Result<HttpResponse, Error> {
    let id: String = edge.path()?;
    edge.params().finish()?;
    Ok(HttpResponse::Ok().json(edge.gateway().trace(&id).await?))
}

/// Erases what is kept about a number; from the machine itself only.
pub async fn erase(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    from_this_machine(&edge)?;
    edge.params().finish()?;
    let (body, region) = (edge.json(payload).await?, edge.region());
    let (number, dry_run) = object::read(&body, |object| {
        let number = object.required("number", |text| {
            PhoneNumber::parse(text, region).map_err(|wrong| Wrong::invalid(wrong.to_string()))
        });
        let dry_run = object.flag("dry_run");
        Some((number?, dry_run))
    })?;
    let gateway = Arc::clone(edge.gateway());
    let erased = edge
        .gateway()
        .see_through(async move { gateway.erase(number, dry_run).await });
    Ok(HttpResponse::Ok().json(erased.await?))
}

/// Refuses whoever is elsewhere, and pages that a browser on this machine shows: they come by a name of theirs.
fn from_this_machine(edge: &Edge) -> Result<(), Error> {
    let here = |address: IpAddr| address.to_canonical().is_loopback();
    let from = edge.request().peer_addr().is_some_and(|peer| here(peer.ip()));
    let host = edge.request().headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let to = name == "localhost" || name.trim_matches(['[', ']']).parse().is_ok_and(here);
    if from && to {
        return Ok(());
    }
    Err(Error::new(
        Problem::Forbidden,
        "A number is erased from the gateway's own machine only, by its loopback address.",
    ))
}
