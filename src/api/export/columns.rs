//! The columns of the table. Their order is a promise: a new one comes last.

use super::sheet::Cell;
use crate::domain::history::Record;

/// A column's name, and what stands in it.
type Column = (&'static str, fn(&Record) -> Cell<'_>);

/// Every column. What has parts has a column for each, named by both; lists, and fields whose names are the provider's, are
/// JSON.
pub const COLUMNS: &[Column] = &[
    ("id", |record| Cell::text(&record.id)),
    ("call_id", |record| Cell::shown(record.call_id)),
    ("tenant", |record| Cell::text(&record.tenant)),
    ("provider", |record| Cell::text(&record.provider)),
    ("account", |record| Cell::text(record.account.as_str())),
    ("provider_ref_id", |record| {
        Cell::maybe(record.provider_ref.as_ref().and_then(|known| known.id.as_ref()))
    }),
    ("provider_ref_uuid", |record| {
        Cell::maybe(record.provider_ref.as_ref().and_then(|known| known.uuid.as_ref()))
    }),
    ("direction", |record| Cell::text(record.direction.as_str())),
    ("kind", |record| Cell::text(record.kind.as_str())),
    ("status", |record| Cell::text(record.status.as_str())),
    ("from", |record| Cell::shown(record.from.as_ref())),
    ("to", |record| Cell::shown(record.to.as_ref())),
    ("tag", |record| Cell::maybe(record.tag.as_ref())),
    ("request_id", |record| Cell::maybe(record.request_id.as_ref())),
    ("created_at", |record| Cell::Instant(record.created_at)),
    ("ringing_at", |record| Cell::instant(record.ringing_at)),
    ("answered_at", |record| Cell::instant(record.answered_at)),
    ("ended_at", |record| Cell::instant(record.ended_at)),
    ("ring_seconds", |record| Cell::shown(record.ring_seconds)),
    ("talk_seconds", |record| Cell::shown(record.talk_seconds)),
    ("billed_seconds", |record| Cell::shown(record.billed_seconds)),
    ("price_amount", |record| {
        let price = record.price.as_ref();
        price.map_or(Cell::Empty, |price| Cell::Decimal(price.amount))
    }),
    ("price_currency", |record| {
        Cell::maybe(record.price.as_ref().map(|price| &price.currency))
    }),
    ("answered_by", |record| Cell::shown(record.answered_by)),
    ("hangup_cause", |record| {
        Cell::maybe(record.hangup.as_ref().and_then(|hangup| hangup.cause.as_ref()))
    }),
    ("hangup_q850", |record| {
        Cell::shown(record.hangup.as_ref().and_then(|hangup| hangup.q850))
    }),
    ("hangup_by", |record| {
        Cell::shown(record.hangup.as_ref().and_then(|hangup| hangup.by))
    }),
    ("hangup_provider_texts", |record| {
        Cell::json(record.hangup.as_ref().map(|hangup| &hangup.provider_texts))
    }),
    ("digits", |record| Cell::maybe(record.digits.as_ref())),
    ("session_type", |record| {
        Cell::shown(record.session.as_ref().map(|session| session.kind))
    }),
    ("session_sdp", |record| {
        Cell::maybe(record.session.as_ref().map(|session| &session.sdp))
    }),
    ("recording", |record| Cell::text(record.recording.as_str())),
    ("legs", |record| Cell::json(Some(&record.legs))),
    ("routing_account", |record| {
        Cell::shown(record.routing.as_ref().map(|routing| &routing.account))
    }),
    ("routing_reason", |record| {
        Cell::maybe(record.routing.as_ref().map(|routing| &routing.reason))
    }),
    ("routing_skipped", |record| {
        Cell::json(record.routing.as_ref().map(|routing| &routing.skipped))
    }),
    ("attempts", |record| Cell::json(Some(&record.attempts))),
    ("settled_by", |record| Cell::shown(record.settled_by)),
    ("agent_id", |record| {
        Cell::maybe(record.agent.as_ref().and_then(|agent| agent.id.as_ref()))
    }),
    ("agent_name", |record| {
        Cell::maybe(record.agent.as_ref().and_then(|agent| agent.name.as_ref()))
    }),
    ("campaign_id", |record| {
        Cell::maybe(record.campaign.as_ref().and_then(|campaign| campaign.id.as_ref()))
    }),
    ("campaign_name", |record| {
        Cell::maybe(record.campaign.as_ref().and_then(|campaign| campaign.name.as_ref()))
    }),
    ("queue_id", |record| {
        Cell::maybe(record.queue.as_ref().and_then(|queue| queue.id.as_ref()))
    }),
    ("queue_name", |record| {
        Cell::maybe(record.queue.as_ref().and_then(|queue| queue.name.as_ref()))
    }),
    ("subscriber_external_id", |record| {
        Cell::maybe(
            record
                .subscriber
                .as_ref()
                .and_then(|person| person.external_id.as_ref()),
        )
    }),
    ("subscriber_number", |record| {
        Cell::shown(record.subscriber.as_ref().and_then(|person| person.number.as_ref()))
    }),
    ("subscriber_name", |record| {
        Cell::maybe(record.subscriber.as_ref().and_then(|person| person.name.as_ref()))
    }),
    ("custom_fields", |record| Cell::json(record.custom_fields.as_ref())),
    ("survey_csat", |record| {
        Cell::shown(record.survey.as_ref().and_then(|survey| survey.csat))
    }),
    ("survey_nps", |record| {
        Cell::shown(record.survey.as_ref().and_then(|survey| survey.nps))
    }),
    ("classification", |record| Cell::maybe(record.classification.as_ref())),
    ("outcome", |record| Cell::maybe(record.outcome.as_ref())),
    ("trunk", |record| Cell::maybe(record.trunk.as_ref())),
    ("area_code", |record| Cell::maybe(record.area_code.as_ref())),
    ("recording_url", |record| Cell::maybe(record.recording_url.as_ref())),
    ("source", |record| Cell::text(record.source.as_str())),
    ("row_hash", |record| Cell::text(&record.row_hash)),
    ("raw", |record| Cell::maybe(record.raw.as_ref())),
];
