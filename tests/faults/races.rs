//! Codes that the gateway makes: of any number of checks at once five are compared and one approves.
//!
//! The gateways run in this process, each with connections of its own, so that many races fit into little time; what a
//! check was answered tells whether it was compared. `SWITCHBOARD_RACES=10000` runs that many of each kind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use switchboard::clock::{Clock, SystemClock};
use switchboard::config::Config;
use switchboard::domain::caller::{Caller, Scope};
use switchboard::domain::error::Problem;
use switchboard::domain::ids::VerificationId;
use switchboard::domain::phone::{PhoneNumber, Region};
use switchboard::domain::time::Timestamp;
use switchboard::domain::verification::{Channel, VerificationStatus};
use switchboard::providers::registry::Accounts;
use switchboard::seal::Sealer;
use switchboard::simulators::zenvia;
use switchboard::store::{self, SharedStore};
use switchboard::usecases::requests::NewVerification;
use switchboard::usecases::{Current, Gateway};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bed::redis::Server;
use crate::bed::{Home, Providers, within};
use crate::naive::Naive;
use crate::site::{Store, wrong};

/// How many races of each kind run on each store, unless the environment says so.
const RACES: usize = 60;
/// How many of them are run side by side.
pub const LANES: usize = 8;
const ATTEMPTS: usize = 5;
/// How long a code, or what became of it, is waited for: for as long as anything else makes the store slow, no send is certain.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How many checks come at once, in turn.
const CROWDS: [usize; 4] = [2, 5, 20, 40];

/// A send whose answer a slow store loses is counted, and another has to be made; a code by voice is a call, and of
/// automated calls a number gets few. It follows more of `[verification]`.
pub const UNLIMITED_SENDS: &str = "sends_per_number = false\n[calls]\nautomated_calls_per_number = false";

/// What the checks of one race tell.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// All the right code.
    Right,
    /// All a wrong one.
    Wrong,
    /// Five wrong ones and the right one.
    Mixed,
}

/// What became of one race.
#[derive(Debug)]
struct Race {
    crowd: usize,
    valid: usize,
    invalid: usize,
    closed: usize,
    /// How many met a store that was too slow; each may have been counted and compared all the same.
    refused: usize,
    status: VerificationStatus,
}

impl Race {
    /// Whether all went as promised.
    fn is_fair(&self, kind: Kind) -> bool {
        let approved = self.status == VerificationStatus::Approved;
        if self.refused > 0 {
            let told = self.valid <= usize::from(approved) && self.valid + self.invalid <= ATTEMPTS;
            return told
                && match kind {
                    Kind::Right => self.invalid == 0,
                    Kind::Wrong => !approved,
                    Kind::Mixed => true,
                };
        }
        let counted = self.valid + self.invalid + self.closed == self.crowd;
        counted
            && self.valid == usize::from(approved)
            && match kind {
                Kind::Right => approved && self.invalid == 0,
                Kind::Wrong => !approved && self.invalid == ATTEMPTS.min(self.crowd),
                // Either the right one was among the five, or all five were wrong.
                Kind::Mixed => self.invalid <= ATTEMPTS && (approved || self.invalid == ATTEMPTS),
            }
    }
}

/// Gateways over one store, and the provider that speaks for them.
pub struct Track {
    pub gateways: Vec<Arc<Gateway>>,
    pub zenvia: zenvia::Handle,
    _work: DropGuard,
    _alive: (Home, Option<Server>),
}

impl Track {
    /// Gateways that limit nothing and go by the clock of the machine.
    async fn lay(store: Store, instances: usize, between: impl Fn(SharedStore) -> SharedStore) -> Self {
        let toml = format!("[verification]\nfailures_per_number = false\n{UNLIMITED_SENDS}");
        Self::lay_with(store, instances, (&toml, Arc::new(SystemClock)), between).await
    }

    /// Gateways with this configuration and this clock.
    pub async fn lay_with(
        store: Store,
        instances: usize,
        (toml, clock): (&str, Arc<dyn Clock>),
        between: impl Fn(SharedStore) -> SharedStore,
    ) -> Self {
        let providers = Providers::start().await;
        let (mut home, server) = store.home(&providers);
        home.lay_over("[verification]\ncodes = \"gateway\"");
        home.lay_over(toml);
        let config = Arc::new(home.config());
        let gateways: Vec<_> = (0..instances).map(|_| gateway(&config, &clock, &between)).collect();
        let stop = CancellationToken::new();
        for gateway in &gateways {
            let (current, stop) = (Current::new(Arc::clone(gateway)), stop.clone());
            tokio::spawn(async move { current.work(stop).await });
        }
        Self {
            gateways,
            zenvia: providers.zenvia,
            _work: stop.drop_guard(),
            _alive: (home, server),
        }
    }

    /// Has a code spoken to a number of its own, and checked by a crowd at once.
    async fn race(&self, n: usize, kind: Kind) -> Race {
        let crowd = match kind {
            Kind::Mixed => ATTEMPTS + 1,
            _ => CROWDS[n % CROWDS.len()],
        };
        let (id, right) = self.speak(n).await;
        let checks = (0..crowd).map(|place| {
            let code = match kind {
                Kind::Right => right.clone(),
                Kind::Mixed if place == n % crowd => right.clone(),
                _ => wrong(&right),
            };
            tokio::spawn(check(Arc::clone(&self.gateways[place % self.gateways.len()]), id, code))
        });
        let mut race = Race {
            crowd,
            valid: 0,
            invalid: 0,
            closed: 0,
            refused: 0,
            status: VerificationStatus::Pending,
        };
        for answer in join_all(checks).await {
            match answer.unwrap() {
                Ok(true) => race.valid += 1,
                Ok(false) => race.invalid += 1,
                Err(Problem::VerificationClosed) => race.closed += 1,
                Err(_) => race.refused += 1,
            }
        }
        race.status = self.status(id).await;
        race
    }

    /// Has a code spoken to the nth number; the verification and its code.
    pub async fn speak(&self, n: usize) -> (VerificationId, String) {
        let started = within(PATIENCE, "a code is spoken", async || {
            match self.gateways[0].start_verification(&acme(), new(n)).await {
                Ok(started) => Some(started).filter(|started| started.certain),
                Err(error) => {
                    let slow = [
                        Problem::StoreUnavailable,
                        Problem::Overloaded,
                        Problem::ProviderUnavailable,
                    ];
                    assert!(slow.contains(&error.problem), "{error}");
                    None
                }
            }
        });
        let started = started.await;
        let reference = started.object.sends[0].provider_ref.clone().unwrap();
        let right = spoken(&self.zenvia, reference.id.as_deref().unwrap());
        (started.object.id, right)
    }

    pub async fn status(&self, id: VerificationId) -> VerificationStatus {
        let read = async || match self.gateways[0].verification(&acme(), id).await {
            Ok(verification) => Some(verification.status),
            Err(error) => {
                assert_eq!(error.problem, Problem::StoreUnavailable, "{error}");
                None
            }
        };
        within(PATIENCE, "it is read", read).await
    }

    /// How many of the races were not fair, and how many met a store that was too slow to be judged by every promise.
    async fn unfair(&self, races: usize, kind: Kind) -> (usize, usize) {
        let judged = side_by_side(races, async |n| {
            let race = self.race(n, kind).await;
            (usize::from(!race.is_fair(kind)), usize::from(race.refused > 0))
        });
        let (unfair, slow): (Vec<usize>, Vec<usize>) = judged.await.into_iter().unzip();
        (unfair.iter().sum(), slow.iter().sum())
    }
}

/// Runs so many races, a few at a time, so that one waits for its store and its provider while another computes.
pub async fn side_by_side<T>(races: usize, race: impl AsyncFn(usize) -> T) -> Vec<T> {
    let lanes = (0..LANES).map(|first| {
        let race = &race;
        async move {
            let mut ended = Vec::new();
            for n in (first..races).step_by(LANES) {
                ended.push(race(n).await);
            }
            ended
        }
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

fn gateway(
    config: &Arc<Config>,
    clock: &Arc<dyn Clock>,
    between: &impl Fn(SharedStore) -> SharedStore,
) -> Arc<Gateway> {
    let store = between(store::open(config.store.url(), Arc::clone(clock)).unwrap());
    let accounts = Accounts::build(config, clock).unwrap();
    let sealer = Sealer::new(&config.secrets, Arc::clone(clock));
    Arc::new(Gateway::new(
        Arc::clone(config),
        store,
        accounts,
        sealer,
        Arc::clone(clock),
    ))
}

pub fn acme() -> Caller {
    Caller {
        tenant: "acme".to_owned(),
        subject: "race".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires_at: Timestamp::from_millis(i64::MAX),
    }
}

/// A code for the nth number, by voice.
pub fn new(n: usize) -> NewVerification {
    NewVerification {
        id: VerificationId::generate(),
        to: PhoneNumber::parse(&format!("+55119{:04}{:04}", n / 1000, 1000 + n % 1000), Region::BR).unwrap(),
        channel: Channel::Voice,
        brand: None,
        code_length: 6,
        ttl_seconds: None,
        client_ip: None,
        tag: None,
        account: None,
        request_id: "race".to_owned(),
    }
}

/// Whether the code was right, or why nobody says.
pub async fn check(gateway: Arc<Gateway>, id: VerificationId, code: String) -> Result<bool, Problem> {
    loop {
        match gateway.check_verification(&acme(), id, &code).await {
            Ok(checked) => return Ok(checked.valid),
            Err(error) if error.problem == Problem::Overloaded => {}
            Err(error) => {
                let known = [
                    Problem::VerificationClosed,
                    Problem::RateLimited,
                    Problem::StoreUnavailable,
                ];
                assert!(known.contains(&error.problem), "{error}");
                return Err(error.problem);
            }
        }
    }
}

/// The code that an order has spoken, from the provider's own books.
pub fn spoken(zenvia: &zenvia::Handle, order: &str) -> String {
    let text = zenvia.text(order.parse().unwrap()).unwrap();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits[..digits.len() / 2].to_owned()
}

/// How many races are to be run: as many as the environment says, or else so many.
pub fn races_or(usual: usize) -> usize {
    let asked = std::env::var("SWITCHBOARD_RACES").ok();
    asked.map_or(usual, |races| races.parse().unwrap())
}

/// What so many races without a fault prove.
pub fn bound(races: usize) -> String {
    format!("0 faults (95 %: below {:.3} % of races)", 300.0 / races as f64)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_race_approves_twice_or_compares_a_sixth(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
    #[values(Kind::Right, Kind::Wrong, Kind::Mixed)] kind: Kind,
) {
    let track = Track::lay(store, instances, |store| store).await;
    let races = races_or(RACES);
    let (unfair, slow) = track.unfair(races, kind).await;
    assert_eq!(unfair, 0);
    assert!(
        slow * 2 < races,
        "the store was too slow in {slow} of {races} races to judge them"
    );
    println!(
        "{store:?}, {instances} gateway(s), {kind:?}: {races} races, {slow} with a slow store, {}",
        bound(races)
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_compares_before_it_writes_would_be_found_out(
    #[values(Store::Embedded, Store::Redis)] store: Store,
) {
    let naive = |store| Arc::new(Naive(store)) as SharedStore;
    let track = Track::lay(store, 1, naive).await;
    const CONTROLS: usize = 20;
    let unfair = track.unfair(CONTROLS, Kind::Wrong).await.0 + track.unfair(CONTROLS, Kind::Right).await.0;
    println!("{store:?}, the control: {unfair} of {} races are unfair", 2 * CONTROLS);
    assert!(unfair > 0);
}
