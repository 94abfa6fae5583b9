//! What a trace is about, and how it is found by the request that made it.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::{CallFile, Verification};
use crate::domain::call::ProviderRef;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::domain::verification::Ledger;
use crate::store::Stored;
use crate::usecases::Gateway;
use crate::usecases::look_through::{LAST, Shelf};
use crate::usecases::records;

/// How long a request takes at most from its identifier to its object, and the other way round, in milliseconds.
const NEAR_MS: i64 = 300_000;

/// What a trace is about.
#[derive(Default)]
pub(super) struct Found {
    pub(super) calls: Vec<CallFile>,
    pub(super) verifications: Vec<Verification>,
    /// How events name it: by our identifiers, and by the providers'.
    pub(super) subjects: Vec<String>,
    /// From when on there may be events.
    pub(super) since: Option<Timestamp>,
}

impl Found {
    /// Takes up every name that events may give it.
    pub(super) fn name_subjects(&mut self) {
        let references = self.calls.iter().filter_map(|file| file.call.provider_ref.as_ref());
        let sent = self.verifications.iter().flat_map(|verification| &verification.sends);
        let references = references.chain(sent.filter_map(|send| send.provider_ref.as_ref()));
        let references = references.filter_map(|reference: &ProviderRef| reference.id.clone());
        let calls = self.calls.iter().map(|file| file.call.id.to_string());
        let verifications = self
            .verifications
            .iter()
            .map(|verification| verification.id.to_string());
        let names: Vec<_> = calls.chain(verifications).chain(references).collect();
        self.subjects.extend(names);
        let made = self.calls.iter().map(|file| file.call.created_at);
        let made = made.chain(self.verifications.iter().map(|verification| verification.created_at));
        self.since = made.chain(self.since).min();
    }

    /// When something was last heard of what is closed; nothing while any of it is open.
    pub(super) fn closed_at(&self) -> Option<Timestamp> {
        if self.calls.iter().any(|file| !file.is_closed()) || self.calls.is_empty() && self.verifications.is_empty() {
            return None;
        }
        let heard = self.calls.iter().map(|file| file.heard_at);
        heard
            .chain(self.verifications.iter().map(|verification| verification.expires_at))
            .max()
    }
}

impl Gateway {
    /// Finds what a request made. Its identifier tells when, where it is one of ours; a client may have made its own
    /// long before.
    pub(super) async fn find_by_request(&self, request_id: &str, found: &mut Found) -> Result<(), Error> {
        let made = Uuid::try_parse(request_id).ok().and_then(|id| id.get_timestamp());
        if let Some(made) = made {
            let (seconds, nanos) = made.to_unix();
            let ms = i64::try_from(seconds * 1000 + u64::from(nanos) / 1_000_000).unwrap_or(LAST);
            let near = (ms - NEAR_MS).max(0)..=ms + NEAR_MS;
            self.find_by_request_within(near, request_id, found).await?;
        }
        if found.calls.is_empty() && found.verifications.is_empty() {
            self.find_by_request_within(0..=LAST, request_id, found).await?;
        }
        Ok(())
    }

    async fn find_by_request_within(
        &self,
        scores: RangeInclusive<i64>,
        request_id: &str,
        found: &mut Found,
    ) -> Result<(), Error> {
        let holds = |stored: &Stored| std::str::from_utf8(&stored.value).is_ok_and(|value| value.contains(request_id));
        let mut take = |_, stored: Stored| {
            let file = holds(&stored)
                .then(|| records::read::<CallFile>(&stored.value))
                .flatten();
            let same = |file: &CallFile| file.call.request_id.as_deref() == Some(request_id);
            found.calls.extend(file.filter(same));
        };
        self.look_through(&Shelf::calls(), scores.clone(), &mut take).await?;
        let mut take = |_, stored: Stored| {
            let ledger = holds(&stored).then(|| records::read::<Ledger>(&stored.value)).flatten();
            let verification = ledger.map(|ledger| ledger.verification);
            let same = |one: &Verification| one.request_id.as_deref() == Some(request_id);
            found.verifications.extend(verification.filter(same));
        };
        self.look_through(&Shelf::verifications(), scores, &mut take).await
    }
}
