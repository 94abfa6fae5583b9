//! How a command reaches Redis: over the connection of the calling thread, within one deadline.
//!
//! Taking a connection from a pool costs more than the command. So each thread keeps one and
//! sends through handles on it: what a request sends at once shares one write and one read.
//!
//! A connection is trusted while it is used and no other is lost; else it has to show first that it
//! works, since what is written to one that died cannot be told from what was lost on the way.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value, cmd};
use futures_util::FutureExt as _;
use futures_util::future::{Either, ready};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::super::StoreError;
use super::super::turns::{thread, threads};
use super::pool::{ALIVE, Connection, Held, Pool};
use super::silence::Silence;

/// How long an operation may take, whatever happens: less than a request may by what it does besides.
const DEADLINE: Duration = Duration::from_millis(550);
/// A connection unused for so long may have died unnoticed, and is asked before it is trusted: for less than half of the
/// deadline, so that another can be made in the rest.
const IDLE: Duration = Duration::from_secs(1);
/// A new connection is given so long to mend itself.
const MENDS: Duration = Duration::from_secs(1);
/// How often a command that Redis refused to run is sent in all, and how long apart.
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(40);
/// Connections beyond those of the threads: one for each log that is waited on.
const FOR_WAITING: usize = 16;

/// What a command does if it is sent again after its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing: it reads.
    Harmless,
    /// It might take effect twice, or over somebody else's write.
    Harmful,
}

/// The connections in use.
pub(super) struct Links {
    pool: Pool,
    slots: Box<[Mutex<Option<Link>>]>,
    /// How often links were lost: when one is, the others may have gone with it.
    lost: AtomicUsize,
    silence: Silence,
}

struct Link {
    held: Held,
    id: usize,
    made: Instant,
    used: Instant,
    /// How often links had been lost when it last showed that it works.
    lost: usize,
}

impl Links {
    /// Makes the links to the Redis at `url`, and connects to nothing yet.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            pool: Pool::open(url, threads() + FOR_WAITING)?,
            slots: (0..threads()).map(|_| Mutex::new(None)).collect(),
            lost: AtomicUsize::new(0),
            silence: Silence::new(),
        })
    }

    /// Sends a command and returns its answer.
    ///
    /// No `async fn`, as is what it calls: each would hold the future it is given twice.
    pub(super) fn send(&self, command: &Cmd, again: Again) -> impl Future<Output = Result<Value, Trouble>> {
        if self.silence.refuses() {
            return Either::Left(ready(Err(Trouble::Silent)));
        }
        let asked = within_deadline(self.attempts(command, again));
        Either::Right(asked.inspect(|done| match heard(done) {
            Some(true) => self.silence.answered(),
            // One node of a cluster may be silent while the others answer.
            Some(false) if !matches!(self.pool, Pool::Cluster(_)) => self.silence.unanswered(),
            Some(false) | None => self.silence.failed(),
        }))
    }

    /// Takes a connection for the caller alone.
    pub(super) async fn own(&self) -> Result<Held, Trouble> {
        within_deadline(async { Ok(self.pool.get().await?) }).await
    }

    async fn attempts(&self, command: &Cmd, again: Again) -> Result<Value, Trouble> {
        let mut sent = 0;
        loop {
            let (mut connection, id) = self.connection().await?;
            let error = match connection.send(command).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            sent += 1;
            let verdict = Verdict::of(&error);
            if verdict.replaces() {
                Box::pin(self.replace(id, &verdict)).await;
            }
            // Nobody is known to take over from a Redis that is asked for by its own name.
            let is_left = verdict == Verdict::Unfollowed && matches!(self.pool, Pool::Node(_));
            if sent == ATTEMPTS || is_left || !verdict.resends(again) {
                return Err(Trouble::Redis(error));
            }
            if verdict != Verdict::Lost {
                sleep(PAUSE).await;
            }
        }
    }

    async fn connection(&self) -> Result<(Connection, usize), StoreError> {
        let mut slot = self.slot().lock().await;
        let (now, lost) = (Instant::now(), self.lost.load(Ordering::Relaxed));
        let link = match slot.as_mut() {
            Some(link) if now - link.used <= IDLE && link.lost == lost => link,
            // Boxed, so that what happens rarely does not swell the future of every operation.
            _ => Box::pin(self.renewed(&mut slot)).await?,
        };
        link.used = now;
        Ok((link.held.share(), link.id))
    }

    /// Fills a slot with a link that works: the one in it, or a new one.
    async fn renewed<'a>(&self, slot: &'a mut Option<Link>) -> Result<&'a mut Link, StoreError> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let lost = self.lost.load(Ordering::Relaxed);
        if let Some(mut link) = slot.take() {
            let mut connection = link.held.share();
            if matches!(timeout(ALIVE, connection.send(&cmd("PING"))).await, Ok(Ok(_))) {
                link.lost = lost;
                return Ok(slot.insert(link));
            }
            self.note_lost(&link);
            link.held.discard();
            self.pool.forget_idle();
        }
        let held = self.pool.get().await?;
        let now = Instant::now();
        Ok(slot.insert(Link {
            held,
            id: MADE.fetch_add(1, Ordering::Relaxed),
            made: now,
            used: now,
            lost,
        }))
    }

    /// Drops the link `id`, unless somebody has replaced it meanwhile, or it is new and may mend itself.
    async fn replace(&self, id: usize, verdict: &Verdict) {
        let mut slot = self.slot().lock().await;
        // A cluster mends its own connections, and a primary may find its replicas: a new one is for when that did not help.
        let may_mend = |link: &Link| matches!(link.held, Held::Cluster(_)) || *verdict == Verdict::Unfollowed;
        let is_new = |link: &Link| link.made.elapsed() < MENDS;
        let broken = slot.take_if(|link| link.id == id && !(may_mend(link) && is_new(link)));
        if let Some(link) = broken {
            self.note_lost(&link);
            link.held.discard();
            // Those that nobody uses may lead to the same Redis, which still answers whether it is there.
            self.pool.forget_idle();
        }
    }

    /// Has the other links show that they work, unless they were asked to since this one last did. A cluster's look after
    /// themselves.
    fn note_lost(&self, link: &Link) {
        if !matches!(link.held, Held::Cluster(_)) {
            let _ = self
                .lost
                .compare_exchange(link.lost, link.lost + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn slot(&self) -> &Mutex<Option<Link>> {
        &self.slots[thread() % self.slots.len()]
    }
}

fn within_deadline<T>(work: impl Future<Output = Result<T, Trouble>>) -> impl Future<Output = Result<T, Trouble>> {
    timeout(DEADLINE, work).map(|done| done.unwrap_or_else(|_| Err(Trouble::Late)))
}

/// Whether Redis answered, as far as the end of a command tells: a connection that failed may be another's fault.
fn heard(done: &Result<Value, Trouble>) -> Option<bool> {
    match done {
        Ok(_) => Some(true),
        Err(Trouble::Late) => Some(false),
        Err(Trouble::Redis(error)) if error.is_timeout() => Some(false),
        Err(Trouble::Redis(error)) => (Verdict::of(error) != Verdict::Lost).then_some(true),
        Err(Trouble::Silent | Trouble::Store(_)) => None,
    }
}

/// What an error says about the command and the connection.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Redis understood and said no.
    Refused,
    /// Redis did nothing, and may do it soon.
    NotNow,
    /// This Redis is no longer the one that writes, and did nothing.
    Demoted,
    /// This Redis takes no writes since too few follow it: another one may have taken over, and it did nothing.
    Unfollowed,
    /// Whether it was done nobody knows.
    Lost,
}

impl Verdict {
    fn of(error: &RedisError) -> Self {
        match error.kind() {
            _ if error.code() == Some("NOREPLICAS") => Self::Unfollowed,
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::Demoted,
            ErrorKind::Server(
                ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading,
            )
            | ErrorKind::ClusterConnectionNotFound => Self::NotNow,
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => Self::Refused,
            _ => Self::Lost,
        }
    }

    fn replaces(&self) -> bool {
        matches!(self, Self::Demoted | Self::Unfollowed | Self::Lost)
    }

    fn resends(&self, again: Again) -> bool {
        match self {
            Self::Refused => false,
            Self::NotNow | Self::Demoted | Self::Unfollowed => true,
            Self::Lost => again == Again::Harmless,
        }
    }
}

/// Why a command has no answer, before it is said in the words of the store.
#[derive(Debug)]
pub(super) enum Trouble {
    Redis(RedisError),
    Store(StoreError),
    /// There was no answer in time.
    Late,
    /// Redis was not asked, since it answers nobody.
    Silent,
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Store(error) => error,
            Trouble::Late => Self::Unavailable("Redis did not answer in time".to_owned()),
            Trouble::Silent => Self::Unavailable("Redis was not asked, since it does not answer".to_owned()),
            Trouble::Redis(error) => match (error.code(), error.kind()) {
                // `CORRUPT` is what the scripts of this store answer.
                (Some("WRONGTYPE" | "CORRUPT"), _) | (_, ErrorKind::UnexpectedReturnType) => {
                    Self::Corrupt(error.to_string())
                }
                _ => Self::Unavailable(error.to_string()),
            },
        }
    }
}
