//! `/deliveries`: what became of events on their way to subscriptions.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::edge::Edge;
use super::object::{self, Object};
use super::openapi::{Line, Moment, Paged};
use super::values::{Wrong, line, word};
use super::window::Days;
use crate::domain::caller::Scope;
use crate::domain::delivery::{Delivery, DeliveryStatus};
use crate::domain::error::Error;
use crate::domain::ids::EventId;
use crate::usecases::requests::{DeliveryQuery, Once, Redeliver};

/// The longest name of a subscription, in characters.
const MAX_NAME: usize = 40;

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries, those of the newest events first.
    data: Vec<Delivery>,
    /// Where the next page begins; null where this is the last.
    next_cursor: Option<String>,
}

/// Which deliveries begin again; each filter that is there leaves fewer.
#[derive(Debug, ToSchema)]
pub struct Redelivery {
    /// The subscription.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
        example = "billing"
    )]
    subscription: String,
    /// Of events since then: an instant, a date, `today` or `yesterday`.
    #[schema(inline, value_type = Option<Moment>)]
    since: Option<crate::domain::time::Timestamp>,
    /// Where they stand.
    status: Option<DeliveryStatus>,
    /// Of this event.
    event_id: Option<EventId>,
}

/// How many deliveries begin again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Redelivered {
    /// So many.
    count: usize,
}

impl Redelivery {
    fn read(object: &mut Object<'_>, days: &Days) -> Option<Self> {
        let subscription = object.required("subscription", subscription);
        let since = object.optional("since", |text| days.read(text));
        let status = object.optional("status", word);
        let event_id = object.optional("event_id", word);
        Some(Self {
            subscription: subscription?,
            since: since.map(|since| since.start),
            status,
            event_id,
        })
    }
}

fn subscription(text: &str) -> Result<String, Wrong> {
    line(1..=MAX_NAME)(text)
}

/// List deliveries
///
/// Events on their way to your subscriptions, those of the newest events first; of the dead alone, those that died last
/// first. An event is listed once it was tried. Repeat a filter for several values: any of them fits.
///
/// A delivery is tried at once and then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h after the try before, each
/// wait up to a tenth longer, or as long as the receiver asks for by `Retry-After` (24 h at most). Only an answer of 2xx
/// that is complete within 15 s counts; redirects are not followed. After the last try it is `dead`. A receiver that
/// answers 410 ends its subscription: that delivery is dead, and nothing more is sent until a redelivery is asked for or
/// the configured URL changes; what happens meanwhile is sent then.
#[utoipa::path(
    get,
    path = "/deliveries",
    operation_id = "listDeliveries",
    tag = "Events",
    security(("bearer" = ["events:read"])),
    params(
        ("subscription" = inline(Option<Vec<Line<40>>>), Query, description = "The subscriptions."),
        ("status" = Option<Vec<DeliveryStatus>>, Query, description = "Where they stand."),
        Paged,
    ),
    responses((status = 200, description = "A page of deliveries.", body = DeliveryList, headers(
        ("Link" = String, description = "The next page, `rel=\"next\"`."),
    ))),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::EventsRead)?;
    let mut params = edge.params();
    let query = DeliveryQuery {
        subscription: params.many("subscription", subscription),
        status: params.many("status", word),
    };
    let paging = params.paging();
    params.finish()?;
    let page = edge.gateway().deliveries(&caller, query, paging).await?;
    let list = DeliveryList {
        data: page.data,
        next_cursor: page.next_cursor,
    };
    Ok(answer::page(&edge, list.next_cursor.as_deref(), &list))
}

/// Deliver again
///
/// Begins deliveries again, each with the same event and a whole schedule before it: with only a subscription all that are
/// kept, else those that fit. Lets a subscription go on whose receiver ended it.
#[utoipa::path(
    post,
    path = "/deliveries/redeliver",
    operation_id = "redeliver",
    tag = "Events",
    security(("bearer" = ["events:write"])),
    request_body(content = Redelivery, examples(
        ("dead" = (summary = "What was given up since yesterday", value = json!({"subscription": "billing", "since": "yesterday", "status": "dead"}))),
    )),
    responses((status = 202, description = "They are tried now.", body = Redelivered, headers(
        ("Idempotent-Replayed" = String, description = "`true` where this answer was given before."),
    ))),
)]
pub async fn redeliver(edge: Edge, payload: web::Payload) -> Result<HttpResponse, Error> {
    let caller = edge.actor(Scope::EventsWrite)?;
    edge.params().finish()?;
    let body = edge.json(payload).await?;
    let wanted: Redelivery = object::read(&body, |object| Redelivery::read(object, &edge.days()))?;
    let wanted = Redeliver {
        subscription: wanted.subscription,
        since: wanted.since,
        status: wanted.status,
        event_id: wanted.event_id,
    };
    let guarded = edge.guarded(format!("deliveries/{}", wanted.subscription), body)?;
    let act = edge.once(&caller, guarded, |gateway, caller| async move {
        let count = gateway.redeliver(&caller, &wanted).await?;
        answer::outcome(StatusCode::ACCEPTED, &Redelivered { count })
    });
    match act.await? {
        Once::Ran(outcome) => Ok(answer::tell(outcome)),
        Once::Replayed(outcome) => Ok(answer::tell_again(outcome)),
        // Nothing is known of a redelivery whose process died; to begin once more is what was asked for.
        Once::Orphaned(_) => Err(Error::not_found()),
    }
}
