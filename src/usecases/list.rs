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

/// Where a list goes on, as its cursor carries it.
#[derive(Serialize, Deserialize)]
struct Continued {
    /// When the walk began, in milliseconds.
    born: i64,
    /// The window it began with, in milliseconds: `today` is another day after midnight.
    window: Option<(i64, i64)>,
    /// The last member looked at.
    after: Option<(i64, String)>,
}

/// A list to walk.
pub(super) struct Listing<'a> {
    /// The sets of its members by time.
    pub(super) sets: Vec<Set>,
    /// Names the list and its filters: a cursor of another query does not open.
    pub(super) query: String,
    /// The window of creation, unless the cursor carries one.
    pub(super) window: Option<Window>,
    /// The key of a member's object.
    pub(super) key: &'a (dyn Fn(&str) -> Key + Sync),
}

impl Gateway {
    /// Seals where a walk of `query` continues.
    pub(super) fn seal_cursor(&self, caller: &Caller, query: &str, place: &[u8]) -> Result<String, Error> {
        self.sealer
            .seal(Purpose::Cursor, cursor_context(caller, query).as_bytes(), place)
            .ok_or_else(|| Error::new(Problem::Internal, "No sealing key is valid now."))
    }

    /// Opens a cursor of the same caller's tenant and query; `read` also tells when its walk began.
    ///
    /// # Errors
    /// `invalid-cursor`, or `cursor-expired` after a day.
    pub(super) fn open_cursor<P>(
        &self,
        caller: &Caller,
        (query, text): (&str, &str),
        read: impl FnOnce(&[u8]) -> Option<(Timestamp, P)>,
    ) -> Result<P, Error> {
        let context = cursor_context(caller, query);
        let (born, place) = self
            .sealer
            .open(Purpose::Cursor, context.as_bytes(), text)
            .and_then(|plain| read(&plain))
            .ok_or_else(|| {
                Error::new(
                    Problem::InvalidCursor,
                    "The cursor is altered, or belongs to another query or tenant.",
                )
            })?;
        if self.now() > born.plus_seconds(CURSOR_SECONDS) {
            return Err(Error::new(
                Problem::CursorExpired,
                "The cursor is more than a day old; start again.",
            ));
        }
        Ok(place)
    }

    /// One page of `listing` of the objects that `take` turns into something.
    pub(super) async fn page<T>(
        &self,
        caller: &Caller,
        listing: Listing<'_>,
        paging: &Paging,
        mut take: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Page<T>, Error> {
        let mut walk = self.continued(caller, &listing, paging)?;
        let mut data = Vec::new();
        for _ in 0..MOST_SEEN / BATCH {
            let ranges = listing.sets.iter().map(|set| self.store.range(set, walk.range()));
            let members = newest(try_join_all(ranges).await?.concat());
            let keys: Vec<_> = members.iter().map(|member| (listing.key)(&member.member)).collect();
            let objects = self.store.get_many(&keys).await?;
            let last_batch = members.len() < BATCH;
            let mut members = members.into_iter().zip(objects).peekable();
            while let Some((member, object)) = members.next() {
                walk.after = Some((member.score, member.member));
                data.extend(object.and_then(|object| take(&object.value)));
                if data.len() == paging.limit && (members.peek().is_some() || !last_batch) {
                    return Ok(Page {
                        data,
                        next_cursor: Some(self.list_cursor(caller, &listing.query, &walk)?),
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
            next_cursor: Some(self.list_cursor(caller, &listing.query, &walk)?),
        })
    }

    fn continued(&self, caller: &Caller, listing: &Listing<'_>, paging: &Paging) -> Result<Continued, Error> {
        let Some(cursor) = &paging.cursor else {
            let millis = |window: Window| (window.since.as_millis(), window.until.as_millis());
            return Ok(Continued {
                born: self.now().as_millis(),
                window: listing.window.map(millis),
                after: None,
            });
        };
        self.open_cursor(caller, (&listing.query, cursor), |plain| {
            let continued: Continued = serde_json::from_slice(plain).ok()?;
            Some((Timestamp::from_millis(continued.born), continued))
        })
    }

    fn list_cursor(&self, caller: &Caller, query: &str, walk: &Continued) -> Result<String, Error> {
        let plain = serde_json::to_vec(walk).unwrap_or_default();
        self.seal_cursor(caller, query, &plain)
    }
}

impl Continued {
    fn range(&self) -> Range {
        let scores = self.window.map_or(0..=i64::from(u32::MAX) * 1000, |(since, until)| {
            since.max(0)..=until.saturating_sub(1).max(0)
        });
        Range {
            scores,
            order: Order::Descending,
            after: self.after.clone(),
            limit: BATCH,
        }
    }
}

/// The next members of all the sets.
fn newest(mut members: Vec<Scored>) -> Vec<Scored> {
    members.sort_by(|one, other| (other.score, &other.member).cmp(&(one.score, &one.member)));
    members.truncate(BATCH);
    members
}

fn cursor_context(caller: &Caller, query: &str) -> String {
    plain_name(&[&caller.tenant, query])
}
