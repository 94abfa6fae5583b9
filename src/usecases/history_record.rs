//! Records of the history: made of a provider's row or of a call we know, named for ever, filtered, redacted.

use super::follow_call::{allows, allows_party, parties};
use super::gateway::Gateway;
use super::history_cursor::Place;
use super::read_history::owned;
use super::record_id::{JOURNAL, RecordId};
use super::records;
use super::redact::redact;
use super::requests::HistoryQuery;
use crate::domain::address::Address;
use crate::domain::call::{Call, CallKind, CallStatus, Direction, ProviderRef, RecordingState, SettledBy};
use crate::domain::call_file::CallFile;
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Failure, FailureKind, Refusal};
use crate::domain::fold::{fold, settle_presumed};
use crate::domain::history::{Record, RecordSource, Row};
use crate::domain::ids::CallId;
use crate::providers::port::Report;
use crate::providers::registry::Entry;
use crate::seal::plain_name;
use crate::store::keys;

impl Gateway {
    /// The records of a report's rows that the caller may see: all of them for the account's owner, else the caller's calls.
    /// Rows and records are boxed, because they are large and move often.
    pub(super) async fn report_records(
        &self,
        caller: &Caller,
        entry: &Entry,
        rows: Vec<(Box<Row>, Place)>,
        raw: bool,
    ) -> Result<Vec<Box<Record>>, Error> {
        let calls = self.calls_of_rows(entry, &rows).await?;
        let records = rows.into_iter().zip(calls).filter_map(|((row, place), call)| {
            let tenant = call.as_ref().map_or(&entry.config.owner, |call| &call.tenant);
            if !owned(caller, entry) && !call.as_ref().is_some_and(|call| caller.reads(&call.tenant)) {
                return None;
            }
            let tenant = tenant.clone();
            row_record(entry, place, (*row, call, tenant), raw)
        });
        Ok(records.collect())
    }

    /// Reads one record again.
    pub(super) async fn read_record(
        &self,
        caller: &Caller,
        entry: &Entry,
        id: &RecordId,
        raw: bool,
    ) -> Result<Option<Record>, Error> {
        if id.report == JOURNAL {
            let Ok(call) = id.row.as_slice().try_into().map(CallId::from_bytes) else {
                return Ok(None);
            };
            let call = self
                .load_call(call)
                .await?
                .filter(|call| call.account.as_ref() == Some(&id.account));
            let records = self.journal_records_of(caller, entry, call.into_iter().collect(), raw);
            return Ok(records.await?.pop());
        }
        let history = entry.provider.history();
        let report = history.and_then(|history| {
            history
                .reports()
                .iter()
                .find(|report| report.code == id.report)
                .copied()
        });
        let (Some(history), Some(report), Ok(row)) = (history, report, std::str::from_utf8(&id.row)) else {
            return Ok(None);
        };
        let row = match history.row(report.name, row, id.created_at).await {
            Ok(row) => row,
            Err(Failure {
                kind: FailureKind::Refused(Refusal::NotFound),
                ..
            }) => return Ok(None),
            Err(failure) => return Err(Error::from_failure(&failure, &entry.config.name, entry.provider.kind())),
        };
        let Some(place) = place_of(entry, report, &row) else {
            return Ok(None);
        };
        Ok(self
            .report_records(caller, entry, vec![(Box::new(row), place)], raw)
            .await?
            .pop()
            .map(|record| *record))
    }

    /// Our calls that rows are about: by the provider's identifier, else by ours in the tag where the call it names has
    /// no other row.
    async fn calls_of_rows(&self, entry: &Entry, rows: &[(Box<Row>, Place)]) -> Result<Vec<Option<Call>>, Error> {
        let account = &entry.config.name;
        let reference = |row: &Row| {
            let told = row.facts.reference.clone().filter(|known| known.id.is_some());
            told.unwrap_or_else(|| ProviderRef::id(row.id.clone()))
        };
        let name = |row: &Row| keys::call_by_reference(account, reference(row).id.unwrap_or_default());
        let names: Vec<_> = rows.iter().map(|(row, _)| name(row)).collect();
        let bound = self.store.get_many(&names).await?;
        let ids: Vec<Option<CallId>> = rows
            .iter()
            .zip(&bound)
            .map(|((row, _), bound)| {
                let bound = bound
                    .as_ref()
                    .and_then(|stored| std::str::from_utf8(&stored.value).ok()?.parse().ok());
                bound.or(row.facts.echoed)
            })
            .collect();
        let wanted: Vec<_> = ids.iter().flatten().map(keys::call).collect();
        let mut stored = self.store.get_many(&wanted).await?.into_iter();
        let call = |((row, _), id): (&(Box<Row>, Place), Option<CallId>)| {
            let stored = id.and_then(|_| stored.next().flatten())?;
            let call = records::read_call(&stored.value)?;
            let is_its = call.account.as_ref() == Some(account) && call.may_be(Some(&reference(row)));
            is_its.then_some(call)
        };
        Ok(rows.iter().zip(ids).map(call).collect())
    }

    /// The records of calls that only webhooks told of, as far as the caller may see them.
    pub(super) async fn journal_records_of(
        &self,
        caller: &Caller,
        entry: &Entry,
        mut calls: Vec<Call>,
        raw: bool,
    ) -> Result<Vec<Record>, Error> {
        calls.retain(|call| owned(caller, entry) || caller.reads(&call.tenant));
        let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
        let raws = match raw {
            true => self.raw_of(&ids).await?,
            false => vec![None; ids.len()],
        };
        let records = calls.into_iter().zip(raws).filter_map(|(call, raw)| {
            let record = journal_record(entry, call)?;
            Some(Record { raw, ..record })
        });
        Ok(records.collect())
    }
}

fn journal_record(entry: &Entry, call: Call) -> Option<Record> {
    let id = RecordId {
        account: entry.config.name.clone(),
        report: JOURNAL,
        created_at: call.created_at,
        row: call.id.to_bytes().to_vec(),
    };
    let text = serde_json::to_string(&call).unwrap_or_default();
    record_of(call, id.write()?, plain_name(&[&text]), RecordSource::Webhook)
}

/// Where a row's record stands; nothing where it can have none: without a time, or with a name too long.
pub(super) fn place_of(entry: &Entry, report: Report, row: &Row) -> Option<Place> {
    let created_at = row.facts.created_at?;
    let id = RecordId {
        account: entry.config.name.clone(),
        report: report.code,
        created_at,
        row: row.id.clone().into_bytes(),
    };
    Some((created_at, id.write()?))
}

fn row_record(entry: &Entry, place: Place, found: (Row, Option<Call>, String), raw: bool) -> Option<Box<Record>> {
    let (row, ours, tenant) = found;
    let (created_at, id) = place;
    let direction = row.facts.direction.unwrap_or(Direction::Outbound);
    let kind = row.facts.kind.unwrap_or(CallKind::Connect);
    // Its own identifier is not shown.
    let mut call = Call::new(CallId::from_bytes([0; 16]), tenant, direction, kind, created_at);
    call.provider = Some(entry.provider.kind().to_owned());
    call.account = Some(entry.config.name.clone());
    call.status = CallStatus::Unknown;
    let has_link = row.facts.recording == Some(RecordingState::Available);
    let mut file = CallFile::new(call);
    fold(&mut file, row.facts, SettledBy::Poll, created_at);
    // A row that nothing follows is the last word.
    settle_presumed(&mut file);
    let mut record = Box::new(record_of(file.call, id, plain_name(&[&row.raw]), RecordSource::Report)?);
    record.call_id = ours.as_ref().map(|call| call.id);
    if let Some(ours) = ours {
        record.tag = ours.tag.or(record.tag);
        // What webhooks told and reports do not.
        record.ringing_at = record.ringing_at.or(ours.ringing_at);
        record.ring_seconds = record.ring_seconds.or(ours.ring_seconds);
        record.answered_at = record.answered_at.or(ours.answered_at);
        record.ended_at = record.ended_at.or(ours.ended_at);
        record.answered_by = record.answered_by.or(ours.answered_by);
        record.digits = record.digits.or(ours.digits);
        record.from = record.from.or(ours.from);
        record.request_id = ours.request_id;
        record.routing = ours.routing;
        record.attempts = ours.attempts;
    }
    let fields = entry
        .provider
        .history()
        .map_or(&[][..], |history| history.redacted_fields());
    record.raw = raw.then(|| redact(&row.raw, fields));
    record.recording_url = has_link.then(|| format!("/history/{}/recording", record.id));
    record.agent = row.agent;
    record.campaign = row.campaign;
    record.queue = row.queue;
    record.subscriber = row.subscriber;
    record.custom_fields = row.custom_fields;
    record.survey = row.survey;
    record.classification = row.classification;
    record.outcome = row.outcome;
    record.trunk = row.trunk;
    Some(record)
}

fn record_of(call: Call, id: String, row_hash: String, source: RecordSource) -> Option<Record> {
    let other = match call.direction {
        Direction::Outbound => &call.to,
        Direction::Inbound => &call.from,
    };
    let area_code = other
        .as_ref()
        .and_then(Address::number)
        .and_then(|number| number.area_code())
        .map(str::to_owned);
    Some(Record {
        id,
        call_id: (source == RecordSource::Webhook).then_some(call.id),
        tenant: call.tenant,
        provider: call.provider?,
        account: call.account?,
        provider_ref: call.provider_ref,
        direction: call.direction,
        kind: call.kind,
        status: call.status,
        from: call.from,
        to: call.to,
        tag: call.tag,
        request_id: call.request_id,
        created_at: call.created_at,
        ringing_at: call.ringing_at,
        answered_at: call.answered_at,
        ended_at: call.ended_at,
        ring_seconds: call.ring_seconds,
        talk_seconds: call.talk_seconds,
        billed_seconds: call.billed_seconds,
        price: call.price,
        answered_by: call.answered_by,
        hangup: call.hangup,
        digits: call.digits,
        session: call.session,
        recording: call.recording,
        legs: call.legs,
        routing: call.routing,
        attempts: call.attempts,
        settled_by: call.settled_by,
        agent: None,
        campaign: None,
        queue: None,
        subscriber: None,
        custom_fields: None,
        survey: None,
        classification: None,
        outcome: None,
        trunk: None,
        area_code,
        recording_url: None,
        source,
        row_hash,
        raw: None,
    })
}

/// Whether a record passes every filter; the provider may have applied some, none is taken on trust.
pub(super) fn matches(record: &Record, query: &HistoryQuery) -> bool {
    let named = |wanted: &[String], id: Option<&String>| wanted.is_empty() || id.is_some_and(|id| wanted.contains(id));
    let reference = record.provider_ref.as_ref();
    allows(&query.kind, &record.kind)
        && allows(&query.direction, &record.direction)
        && allows(&query.status, &record.status)
        && query.answered.is_none_or(|wanted| wanted == record.is_answered())
        && allows_party(&query.from, record.from.as_ref())
        && allows_party(&query.to, record.to.as_ref())
        && allows_party(&query.number, parties(&record.from, &record.to, &record.legs))
        && named(
            &query.agent_id,
            record.agent.as_ref().and_then(|agent| agent.id.as_ref()),
        )
        && named(
            &query.campaign_id,
            record.campaign.as_ref().and_then(|campaign| campaign.id.as_ref()),
        )
        && named(
            &query.external_id,
            record
                .subscriber
                .as_ref()
                .and_then(|subscriber| subscriber.external_id.as_ref()),
        )
        && named(&query.tag, record.tag.as_ref())
        && (query.provider_ref.is_empty()
            || named(&query.provider_ref, reference.and_then(|known| known.id.as_ref()))
            || named(&query.provider_ref, reference.and_then(|known| known.uuid.as_ref())))
}
