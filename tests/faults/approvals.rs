//! A gateway that dies between "the store says approved" and "the caller is told" loses no approval and makes none up.
//!
//! It is killed at a byte of the check's way: to its caller, or to its store. `SWITCHBOARD_RACES=10000` kills a tenth as
//! often.

use std::sync::{Arc, Mutex};

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::bed::redis::Server;
use crate::bed::{Answer, Blow, Carried, Client, Home, Process, Providers, Way, Wire, eventually, within};
use crate::codes::{GATEWAY_CODES, by_voice};
use crate::races::{PATIENCE, UNLIMITED_SENDS, bound, races_or, spoken};
use crate::site::{Store, answered, number};

/// How often a gateway is killed on each store, unless the environment says so.
const KILLS: usize = 12;

/// A gateway behind wires, and the way to whoever answers after its death.
struct Stage {
    store: Store,
    providers: Providers,
    home: Home,
    gateway: Arc<Mutex<Process>>,
    to_caller: Wire,
    to_store: Wire,
    /// To the other gateway, or to the same one born again.
    after: Wire,
    clients: (Client, Client),
    _second: Option<Process>,
    _redis: Option<Server>,
}

/// A check that nobody may have been told of.
struct Check {
    path: String,
    key: String,
    code: Value,
    told: Option<Answer>,
}

impl Stage {
    async fn set(store: Store) -> Self {
        let providers = Providers::start().await;
        let (mut home, redis) = store.home(&providers);
        home.lay_over(GATEWAY_CODES);
        home.lay_over(&format!("[verification]\n{UNLIMITED_SENDS}"));
        let mut second = None;
        let mut to_store = Wire::before(([127, 0, 0, 1], 9).into()).await;
        if let Some(redis) = &redis {
            second = Some(block_in_place(|| Process::start(&home)));
            to_store = Wire::before(([127, 0, 0, 1], redis.port()).into()).await;
            home.lay_over(&format!("[store]\nurl = \"redis://{}\"\n", to_store.address));
        }
        let gateway = block_in_place(|| Process::start(&home));
        let to_caller = Wire::before(gateway.address).await;
        let after = Wire::before(second.as_ref().map_or(gateway.address, |second| second.address)).await;
        Self {
            store,
            clients: (
                home.client(to_caller.address, "acme"),
                home.client(after.address, "acme"),
            ),
            providers,
            home,
            gateway: Arc::new(Mutex::new(gateway)),
            to_caller,
            to_store,
            after,
            _second: second,
            _redis: redis,
        }
    }

    /// A code that was spoken, about to be checked.
    async fn prepare(&self, n: usize) -> Check {
        let started = within(PATIENCE, "a code is spoken", async || {
            let started = self.clients.1.post("/verifications", by_voice(&number(n))).await;
            (started.status == 201).then_some(started)
        });
        let started = started.await;
        let order = started.body["sends"][0]["provider_ref"]["id"].as_str().unwrap();
        Check {
            path: format!("/verifications/{}", started.id()),
            key: format!("check-{n}"),
            code: json!({ "code": spoken(&self.providers.zenvia, order) }),
            told: None,
        }
    }

    /// What a check carries when nothing happens: to the caller, and to the store.
    async fn measure(&self) -> [Carried; 2] {
        let check = self.prepare(9_999).await;
        let wires = [&self.to_caller, &self.to_store];
        wires.into_iter().for_each(Wire::heal);
        check.ask(&self.clients.0, &check.key).await.unwrap().expect(200);
        wires.map(Wire::carried)
    }

    /// Checks the right code, has the gateway die on the way, and brings it back to life; says whether it died.
    async fn check_and_die(&self, check: &mut Check, (wire, way, at): (&Wire, Way, usize)) -> bool {
        let gateway = Arc::clone(&self.gateway);
        let kill: Blow = Box::new(move || gateway.lock().unwrap().kill());
        wire.break_at((way, at), kill);
        check.told = check.ask(&self.clients.0, &check.key).await;
        let died = wire.carried().broke;
        [&self.to_caller, &self.to_store].into_iter().for_each(Wire::heal);
        if died {
            block_in_place(|| {
                let mut gateway = self.gateway.lock().unwrap();
                *gateway = Process::start(&self.home);
                self.to_caller.lead_to(gateway.address);
                if self.store == Store::Embedded {
                    self.after.lead_to(gateway.address);
                }
            });
        }
        died
    }
}

impl Check {
    async fn ask(&self, client: &Client, key: &str) -> Option<Answer> {
        let path = format!("{}/check", self.path);
        let asked = client.ask(Method::POST, &path).key(key).json(&self.code);
        asked.try_answer().await.ok()
    }

    /// What must hold once the gateway is back: an approval that was told is stored, a repeat tells of it, and of all
    /// answers one at most says for the first time that the code is right.
    async fn judge(&self, client: &Client) {
        let read = async || answered(async || client.get(&self.path).await).await;
        let approved = |answer: &Answer| answer.body["status"] == "approved";
        let told = self.told.iter().filter(|told| told.body["valid"] == true).count();
        let stored = approved(read().await.expect(200));
        assert!(told == 0 || stored, "told, but not stored: {}", self.path);
        let again = eventually("a repeat is answered", async || {
            let again = self.ask(client, &self.key).await?;
            let is_final = !(again.status == 503 || again.body["type"] == "/problems/request-in-progress");
            is_final.then_some(again)
        });
        let again = again.await;
        assert!([200, 202].contains(&again.status), "{}", again.body);
        assert!(
            !stored || approved(&again),
            "approved, but a repeat tells otherwise: {}",
            again.body
        );
        let anew = again.status == 200 && again.header("idempotent-replayed").is_none();
        assert!(!(anew && stored), "approved twice: {}", self.path);
        // Who comes with a new key is refused once it was approved, and else approved now.
        let approved_by_now = approved(read().await.expect(200));
        let other = answered(async || self.ask(client, &format!("{}-new", self.key)).await.unwrap()).await;
        if approved_by_now {
            other.expect_problem(409, "verification-closed");
        } else {
            assert_eq!(other.expect(200).body["valid"], true);
        }
        assert!(approved(read().await.expect(200)));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_approval_is_lost_or_made_up_by_a_death(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let stage = Stage::set(store).await;
    let [caller, redis] = stage.measure().await;
    let mut places = vec![
        (&stage.to_caller, Way::There, caller.there),
        (&stage.to_caller, Way::Back, caller.back),
    ];
    if store == Store::Redis {
        places.push((&stage.to_store, Way::There, redis.there));
        places.push((&stage.to_store, Way::Back, redis.back));
    }
    let kills = races_or(KILLS * 10) / 10;
    let (mut died, mut stored, mut checks) = (0, 0, Vec::new());
    for n in 0..kills {
        let (wire, way, bytes) = places[n % places.len()];
        let mut check = stage.prepare(n).await;
        // Parts that soon lie close together everywhere.
        let at = n / places.len() * 618 % 1000 * bytes / 1000;
        died += usize::from(stage.check_and_die(&mut check, (wire, way, at)).await);
        let read = answered(async || stage.clients.1.get(&check.path).await).await;
        stored += usize::from(read.body["status"] == "approved");
        checks.push(check);
    }
    // The dead are mourned for seconds, so all of them together.
    for check in &checks {
        check.judge(&stage.clients.1).await;
    }
    println!(
        "{store:?}: {died} deaths in {kills} checks, {stored} after the approval was stored: {}",
        bound(died.max(1))
    );
    let both = stored > 0 && stored < kills;
    assert!(died * 2 > kills && both, "{died} died, {stored} were stored");
}
