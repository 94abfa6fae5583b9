//! Acts on live calls.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::read_session;
use super::{EXAMPLE_SDP, repeated};
use crate::api::answer;
use crate::api::edge::Edge;
use crate::api::object::{self, Object};
use crate::api::values::{address, word};
use crate::domain::address::Address;
use crate::domain::call::{Call, LegSide};
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::Error;
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::domain::place::Session;
use crate::usecases::{Gateway, MonitorMode};

/// How an incoming WhatsApp call is taken.
#[derive(Debug, ToSchema)]
pub struct Acceptance {
    /// Our side's session description.
    session: Session,
}

/// Where a leg is moved.
#[derive(Debug, ToSchema)]
pub struct Transfer {
    /// The new party.
    to: Address,
    /// The leg that moves: `caller` is leg A, `callee` leg B.
    leg: LegSide,
}

/// Who joins a live call, and how.
#[derive(Debug, ToSchema)]
pub struct Monitoring {
    /// Who joins.
    to: Address,
    /// `listen` hears both, `whisper` is heard by the agent, `barge` by both.
    mode: MonitorMode,
}

impl Acceptance {
    fn read(object: &mut Object<'_>) -> Option<Self> {
        object.demand("session");
        Some(Self {
            session: object.object("session", read_session)?,
        })
    }
}

impl Transfer {
    fn read(object: &mut Object<'_>, region: Region) -> Option<Self> {
        let to = object.required("to", address(region));
        let leg = object.required("leg", word);
        Some(Self { to: to?, leg: leg? })
    }
}

impl Monitoring {
    fn read(object: &mut Object<'_>, region: Region) -> Option<Self> {
        let to = object.required("to", address(region));
        let mode = object.required("mode", word);
        Some(Self { to: to?, mode: mode? })
    }
}

/// End a call
///
/// Asks the provider to end the call; its end is told by later news. Zenvia cannot end calls that speak or play.
#[utoipa::path(
    post,
    path = "/calls/{id}/hangup",
    operation_id = "hangUpCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = CallId, Path, description = "The call.")),
    responses((status = 202, description = "The call as it stands.", body = Call, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn hang_up(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let act = Act::begin(&edge)?;
    let body = edge.optional_json(payload).await?;
    object::read(&body, |_| Some(()))?;
    act.run(
        body,
        |gateway, caller, id| async move { gateway.hang_up(&caller, id).await },
    )
    .await
}

/// Accept an incoming call
///
/// Takes an incoming WhatsApp call with our side's session description.
#[utoipa::path(
    post,
    path = "/calls/{id}/accept",
    operation_id = "acceptCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = CallId, Path, description = "The call.")),
    request_body(content = Acceptance, examples(
        ("accept" = (summary = "Answer with audio", value = json!({"session": {"type": "answer", "sdp": EXAMPLE_SDP}}))),
    )),
    responses((status = 202, description = "The call as it stands.", body = Call, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn accept(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let act = Act::begin(&edge)?;
    let body = edge.json(payload).await?;
    let session = object::read(&body, Acceptance::read)?.session;
    act.run(body, |gateway, caller, id| async move {
        gateway.accept(&caller, id, session).await
    })
    .await
}

/// Reject an incoming call
///
/// Declines an incoming WhatsApp call.
#[utoipa::path(
    post,
    path = "/calls/{id}/reject",
    operation_id = "rejectCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = CallId, Path, description = "The call.")),
    responses((status = 202, description = "The call as it stands.", body = Call, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn reject(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let act = Act::begin(&edge)?;
    let body = edge.optional_json(payload).await?;
    object::read(&body, |_| Some(()))?;
    act.run(
        body,
        |gateway, caller, id| async move { gateway.reject(&caller, id).await },
    )
    .await
}

/// Move a leg of a call
///
/// Moves one leg of a live call to another party; the other leg is joined with it.
#[utoipa::path(
    post,
    path = "/calls/{id}/transfer",
    operation_id = "transferCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = CallId, Path, description = "The call.")),
    request_body(content = Transfer, examples(
        ("transfer" = (summary = "Move leg B to an extension", value = json!({"to": "ext:4000", "leg": "callee"}))),
    )),
    responses((status = 202, description = "The call as it stands.", body = Call, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn transfer(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let act = Act::begin(&edge)?;
    let body = edge.json(payload).await?;
    let region = edge.region();
    let Transfer { to, leg } = object::read(&body, |object| Transfer::read(object, region))?;
    act.run(body, |gateway, caller, id| async move {
        gateway.transfer(&caller, id, to, leg).await
    })
    .await
}

/// Join a call
///
/// Lets a third party listen to a live call, whisper to the agent, or speak with both.
#[utoipa::path(
    post,
    path = "/calls/{id}/monitor",
    operation_id = "monitorCall",
    tag = "Calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = CallId, Path, description = "The call.")),
    request_body(content = Monitoring, examples(
        ("listen" = (summary = "Listen from an extension", value = json!({"to": "ext:4000", "mode": "listen"}))),
    )),
    responses((status = 202, description = "The call as it stands.", body = Call, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn monitor(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let act = Act::begin(&edge)?;
    let body = edge.json(payload).await?;
    let region = edge.region();
    let Monitoring { to, mode } = object::read(&body, |object| Monitoring::read(object, region))?;
    act.run(body, |gateway, caller, id| async move {
        gateway.monitor(&caller, id, to, mode).await
    })
    .await
}

/// An act on one call on its way.
struct Act<'e> {
    edge: &'e Edge,
    caller: Arc<Caller>,
    id: CallId,
}

impl<'e> Act<'e> {
    fn begin(edge: &'e Edge) -> Result<Self, Error> {
        let caller = edge.actor(Scope::CallsWrite)?;
        let id = edge.id("id")?;
        edge.params().finish()?;
        Ok(Self { edge, caller, id })
    }

    async fn run<F>(
        self,
        body: Value,
        work: impl FnOnce(Arc<Gateway>, Arc<Caller>, CallId) -> F,
    ) -> Result<HttpResponse, Error>
    where
        F: Future<Output = Result<Call, Error>> + Send + 'static,
    {
        let Self { edge, caller, id } = self;
        let guarded = edge.guarded(id, body)?;
        let act = edge.once(&caller, guarded, |gateway, caller| {
            let work = work(gateway, caller, id);
            async move { answer::outcome(StatusCode::ACCEPTED, &work.await?) }
        });
        repeated(edge, &caller, act.await?).await
    }
}
