//! Lists of our own objects, newest first, and the cursors that continue them.

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::requests::{Page, Paging};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::history::Window;
use crate::domain::time::Timestamp;
use crate::seal::{Purpose, plain_name};
use crate::store::{Key, Order, Range, Scored, Set};

/// How many members are looked at per round trip.
const BATCH: usize = 200;
/// How many members one request looks at before it gives a short page.
const MOST_SEEN: usize = 4_000;
/// How long a cursor is good for.
pub(super) const CURSOR_SECONDS: i64 = 24 * 3600;

/// A cursor: who made it when, for what query, and where it continues.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed<P> {
    /// When the walk began, in milliseconds.
    pub(super) born: i64,
    /// Where it continues.
    pub(super) place: P,
}

/// A list to walk.
pub(super) struct Listing<'a> {
    /// The sets of its members by time.
    pub(super) sets: Vec<Set>,
    /// Names the list and its filters: a cursor of another query does not open.
    pub(super) query: String,
    /// The window of creation.
    pub(super) window: Option<Window>,
    /// The key of a member's object.
    pub(super) key: &'a (dyn Fn(&str) -> Key + Sync),
}

impl Gateway {
    /// Seals where a walk of `query` continues.
    pub(super) fn seal_cursor<P: Serialize>(
        &self,
        caller: &Caller,
        query: &str,
        sealed: &Sealed<P>,
    ) -> Result<String, Error> {
        let plain = serde_json::to_vec(sealed).unwrap_or_default();
        self.sealer
            .seal(Purpose::Cursor, cursor_context(caller, query).as_bytes(), &plain)
            .ok_or_else(|| Error::new(Problem::Internal, "No sealing key is valid now."))
    }

    /// Opens a cursor of the same caller's tenant and query.
    ///
    /// # Errors
    /// `invalid-cursor`, or `cursor-expired` after a day.
    pub(super) fn open_cursor<P: for<'de> Deserialize<'de>>(
        &self,
        caller: &Caller,
        query: &str,
        text: &str,
    ) -> Result<Sealed<P>, Error> {
        let context = cursor_context(caller, query);
        let sealed: Sealed<P> = self
            .sealer
            .open(Purpose::Cursor, context.as_bytes(), text)
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or_else(|| {
                Error::new(
                    Problem::InvalidCursor,
                    "The cursor is altered, or belongs to another query or tenant.",
                )
            })?;
        if self.now() > Timestamp::from_millis(sealed.born).plus_seconds(CURSOR_SECONDS) {
            return Err(Error::new(
                Problem::CursorExpired,
                "The cursor is more than a day old; start again.",
            ));
        }
        Ok(sealed)
    }

    /// One page of `listing` of the objects that `take` turns into something.
    pub(super) async fn page<T>(
        &self,
        caller: &Caller,
        listing: Listing<'_>,
        paging: &Paging,
        mut take: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Page<T>, Error> {
        let start: Option<Sealed<(i64, String)>> = paging
            .cursor
            .as_deref()
            .map(|cursor| self.open_cursor(caller, &listing.query, cursor))
            .transpose()?;
        let born = start.as_ref().map_or(self.now().as_millis(), |start| start.born);
        let mut after = start.map(|start| start.place);
        let mut data = Vec::new();
        for _ in 0..MOST_SEEN / BATCH {
            let members = self.newest_members(&listing, after.clone()).await?;
            let keys: Vec<_> = members.iter().map(|member| (listing.key)(&member.member)).collect();
            let objects = self.store.get_many(&keys).await?;
            let last_batch = members.len() < BATCH;
            let mut members = members.into_iter().zip(objects).peekable();
            while let Some((member, object)) = members.next() {
                after = Some((member.score, member.member));
                data.extend(object.and_then(|object| take(&object.value)));
                if data.len() == paging.limit && (members.peek().is_some() || !last_batch) {
                    return Ok(Page {
                        data,
                        next_cursor: Some(self.list_cursor(caller, &listing.query, born, after)?),
                    });
                }
            }
            if last_batch {
                return Ok(Page {
                    data,
                    next_cursor: None,
                });
            }
        }
        Ok(Page {
            data,
            next_cursor: Some(self.list_cursor(caller, &listing.query, born, after)?),
        })
    }

    /// The newest members of all sets together that follow `after`.
    async fn newest_members(&self, listing: &Listing<'_>, after: Option<(i64, String)>) -> Result<Vec<Scored>, Error> {
        let range = range(listing.window, after);
        let parts = listing.sets.iter().map(|set| self.store.range(set, range.clone()));
        let mut members = try_join_all(parts).await?.concat();
        if listing.sets.len() > 1 {
            members.sort_unstable_by(|one, other| (other.score, &other.member).cmp(&(one.score, &one.member)));
            members.truncate(BATCH);
        }
        Ok(members)
    }

    fn list_cursor(
        &self,
        caller: &Caller,
        query: &str,
        born: i64,
        after: Option<(i64, String)>,
    ) -> Result<String, Error> {
        self.seal_cursor(
            caller,
            query,
            &Sealed {
                born,
                place: after.unwrap_or_default(),
            },
        )
    }
}

fn range(window: Option<Window>, after: Option<(i64, String)>) -> Range {
    let scores = window.map_or(0..=i64::from(u32::MAX) * 1000, |window| {
        window.since.as_millis().max(0)..=window.until.as_millis().saturating_sub(1).max(0)
    });
    Range {
        scores,
        order: Order::Descending,
        after,
        limit: BATCH,
    }
}

fn cursor_context(caller: &Caller, query: &str) -> String {
    plain_name(&[&caller.tenant, query])
}
