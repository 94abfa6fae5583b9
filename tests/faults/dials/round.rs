//! A gateway with a wire at every side, its provider behind one, and another gateway where they can share a store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Effect, Rule};
use tokio::task::{block_in_place, spawn_blocking};

use super::cases::{Act, CLOSED, Case, Fault, Kind, Place, Scene};
use super::judge::{Tried, is_going_on};
use crate::bed::redis::{Server, free_port};
use crate::bed::{
    Answer, Blow, Carried, Client, EVOLUX, Home, Process, Providers, WHATSAPP, Way, Wire, ZENVIA, eventually,
};
use crate::site::{Store, dials};

/// How long the account waits for its provider, in milliseconds.
const TIMEOUT: usize = 700;

/// What is asked for, whether on the way back, and the byte.
pub type Cut = (Act, bool, usize);

pub struct Round {
    scene: Scene,
    providers: Providers,
    home: Arc<Home>,
    /// The one that is killed.
    first: Arc<Mutex<Process>>,
    _second: Option<Process>,
    caller: Wire,
    /// Nothing goes over it where the store is embedded.
    store: Wire,
    provider: Wire,
    /// To the gateway that answers repeats: the second if there is one.
    other: Wire,
    /// Through the first, and through the other.
    clients: (Client, Client),
    /// The provider's own controls.
    controls: Client,
    /// What a request of each kind carries when nothing happens: to the caller, to the store, to the provider.
    usual: BTreeMap<Act, [Carried; 3]>,
    _redis: Option<Server>,
}

impl Round {
    pub async fn begin(scene: Scene) -> Self {
        let providers = Providers::start().await;
        let url = url_of(&providers, scene.provider);
        let provider = Wire::before_acts(local(&url)).await;
        let (mut home, redis) = scene.store.home(&providers);
        furnish(&mut home, scene.provider, provider.address);
        let mut second = None;
        let mut store = Wire::before(provider.address).await;
        if let Some(redis) = &redis {
            second = Some(block_in_place(|| Process::start(&home)));
            store = Wire::before(local(&redis.url())).await;
            home.lay_over(&format!("[store]\nurl = \"redis://{}\"\n", store.address));
        }
        let first = block_in_place(|| Process::start(&home));
        let caller = Wire::before(first.address).await;
        let other = Wire::before(second.as_ref().map_or(first.address, |second| second.address)).await;
        providers.tell(&home, other.address).await;
        let clients = (home.client(caller.address, "acme"), home.client(other.address, "acme"));
        let mut round = Self {
            scene,
            providers,
            home: Arc::new(home),
            first: Arc::new(Mutex::new(first)),
            _second: second,
            caller,
            store,
            provider,
            other,
            clients,
            controls: Providers::controls(&url),
            usual: BTreeMap::new(),
            _redis: redis,
        };
        round.measure().await;
        round
    }

    /// How much a request of each kind carries.
    async fn measure(&mut self) {
        for (n, act) in self.scene.provider.acts().iter().enumerate() {
            let mut case = Case::nth(self.scene, n, 9_000 + n);
            (case.act, case.fault) = (*act, Fault::Stale);
            let carried = eventually("nothing happens to it", async || {
                self.wires().into_iter().for_each(Wire::heal);
                let answer = self.clients.0.post(act.path(), case.body()).await;
                (answer.status == 201).then(|| self.wires().map(Wire::carried))
            });
            let carried = carried.await;
            self.usual.insert(*act, carried);
        }
    }

    fn wires(&self) -> [&Wire; 3] {
        [&self.caller, &self.store, &self.provider]
    }

    fn wire(&self, place: Place) -> &Wire {
        self.wires()[place as usize]
    }

    fn usual(&self, act: Act, place: Place, way: Way) -> usize {
        let carried = self.usual[&act][place as usize];
        match way {
            Way::There => carried.there,
            Way::Back => carried.back,
        }
    }

    /// Has a request suffer what it is to suffer; says whether it did.
    pub async fn suffer(&self, case: Case, key: Option<&str>) -> (Tried, bool) {
        self.arm(&case).await;
        let asked = ask(&self.clients.0, &case, key);
        let (told, twin) = if case.twice && key.is_some() {
            tokio::join!(asked, ask(&self.clients.1, &case, key))
        } else {
            (asked.await, None)
        };
        let asked_then = self.provider.carried().acts;
        let suffered = self.disarm(&case).await;
        let tried = Tried {
            told,
            dialled_then: self.dialled(&case).await,
            asked_then,
            twin,
            repeated: None,
            dialled: 0,
            ended: None,
            case,
        };
        (tried, suffered)
    }

    async fn arm(&self, case: &Case) {
        if matches!(case.fault, Fault::Stale) {
            // It leaves a connection open.
            let warm = format!("{}9", &case.number[..case.number.len() - 1]);
            let warm = Case {
                number: warm,
                act: *self.scene.provider.acts().last().unwrap(),
                ..case.clone()
            };
            eventually("a connection is used", async || {
                ask(&self.clients.0, &warm, None)
                    .await
                    .filter(|answer| answer.status != 503)
            })
            .await;
        }
        self.wires().into_iter().for_each(Wire::heal);
        let nothing = || -> Blow { Box::new(|| ()) };
        match &case.fault {
            Fault::Cut(way, part) => {
                let at = part.of(self.usual(case.act, Place::Provider, *way));
                self.provider.break_at((*way, at), nothing());
            }
            Fault::Answer(effect) => self.answer(effect).await,
            Fault::CutAnswer(effect, part) => {
                self.answer(effect).await;
                let at = part.of(self.usual(case.act, Place::Provider, Way::Back));
                self.provider.break_at((Way::Back, at), nothing());
            }
            Fault::Stale => self.provider.go_stale(),
            Fault::Unreachable => {}
            Fault::Kill(place, way, part) => {
                let at = part.of(self.usual(case.act, *place, *way));
                let first = Arc::clone(&self.first);
                let kill = Box::new(move || first.lock().unwrap().kill());
                self.wire(*place).break_at((*way, at), kill);
            }
        }
    }

    async fn answer(&self, effect: &Effect) {
        let rule = Rule {
            method: Some("POST".into()),
            path: String::new(),
            skip: 0,
            times: Some(1),
            effect: effect.clone(),
        };
        self.controls.post("/faults", json!(rule)).await.expect(200);
    }

    /// Ends the fault, and brings back to life who was killed; says whether the fault came about.
    async fn disarm(&self, case: &Case) -> bool {
        self.controls.ask(Method::DELETE, "/faults").answer().await.expect(200);
        let broke = self.wires().iter().any(|wire| wire.carried().broke);
        self.wires().into_iter().for_each(Wire::heal);
        match case.fault {
            Fault::Kill(..) if broke => {
                self.give_birth().await;
                true
            }
            Fault::Answer(_) | Fault::CutAnswer(..) | Fault::Unreachable => true,
            // A call has a connection of its own, which is the point.
            Fault::Stale => true,
            _ => broke,
        }
    }

    /// Starts the gateway again that was killed, while other rounds go on.
    async fn give_birth(&self) {
        let home = Arc::clone(&self.home);
        let born = spawn_blocking(move || Process::start(&home)).await.unwrap();
        self.caller.lead_to(born.address);
        if self.scene.store == Store::Embedded {
            self.other.lead_to(born.address);
        }
        *self.first.lock().unwrap() = born;
    }

    /// The byte at which the connection to the provider is cut, if it is.
    pub fn cut(&self, case: &Case) -> Option<Cut> {
        let Fault::Cut(way, part) = case.fault else { return None };
        let at = part.of(self.usual(case.act, Place::Provider, way));
        Some((case.act, way == Way::Back, at))
    }

    /// How many bytes go over the connection to the provider for one request of each kind.
    pub fn bytes(&self) -> BTreeMap<Act, usize> {
        let of_one = |carried: &[Carried; 3]| {
            let Carried { there, back, .. } = carried[Place::Provider as usize];
            there + back
        };
        self.usual
            .iter()
            .map(|(act, carried)| (*act, of_one(carried)))
            .collect()
    }

    /// Repeats a request at the other gateway until it is answered for good, or it is late.
    pub async fn repeat(&self, tried: &mut Tried, key: Option<&str>, late: Instant) {
        let mut case = tried.case.clone();
        if matches!(case.fault, Fault::Unreachable) {
            // An error has left the key free, and another way may be tried.
            case.fault = Fault::Stale;
        }
        tried.repeated = loop {
            let answer = ask(&self.clients.1, &case, key).await;
            let answer = answer.filter(|answer| ![409, 503].contains(&answer.status));
            if answer.is_some() || Instant::now() > late {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
    }

    /// Waits for the end of a call that was dialled until it is late; returns how long that took.
    pub async fn settle(&self, tried: &mut Tried, late: Instant) -> Option<Duration> {
        tried.dialled = self.dialled(&tried.case).await;
        let known = tried.repeated.as_ref().filter(|_| tried.case.act != Act::Code)?;
        let (path, began) = (format!("/calls/{}", known.id()), Instant::now());
        tried.ended = loop {
            // What was not dialled has no end to wait for.
            let waits = tried.dialled > 0 && Instant::now() < late;
            let wait = if waits { "wait=5" } else { "wait=0" };
            let asked = self.clients.1.ask(Method::GET, &path).header("prefer", wait);
            let status = asked
                .try_answer()
                .await
                .ok()
                .map(|answer| answer.body["status"].clone());
            let status = status.as_ref().and_then(Value::as_str).map(str::to_owned);
            let ended = status.as_deref().is_some_and(|status| !is_going_on(status));
            if ended || status.is_some() && tried.dialled == 0 || Instant::now() > late {
                break status;
            }
        };
        (tried.dialled > 0).then(|| began.elapsed())
    }

    /// Looks again at what a slow provider dialled after it was looked at.
    pub async fn settle_again(&self, tried: &mut Tried, late: Instant) {
        if self.dialled(&tried.case).await != tried.dialled {
            self.settle(tried, late).await;
        }
    }

    /// How often the provider dialled the number of a case.
    async fn dialled(&self, case: &Case) -> usize {
        let digits = &case.number[1..];
        let is_dialled = |call: &&Value| match self.scene.provider {
            Kind::Zenvia => false,
            // Evolux is told numbers without their country.
            Kind::Evolux => call["to"][0] == digits[2..],
            Kind::Positus => call["user"] == *digits,
        };
        if self.scene.provider == Kind::Zenvia {
            let dials = dials(&self.providers.zenvia);
            return dials.get(&case.number).copied().unwrap_or_default();
        }
        let calls = self.controls.get("/calls").await;
        calls
            .expect(200)
            .body
            .as_array()
            .unwrap()
            .iter()
            .filter(is_dialled)
            .count()
    }
}

/// Puts the wire before the account, and beside it an account at which nobody listens.
fn furnish(home: &mut Home, provider: Kind, wire: SocketAddr) {
    let closed = format!("http://127.0.0.1:{}", free_port());
    let (account, path) = match provider {
        Kind::Zenvia => (ZENVIA, ""),
        Kind::Evolux => (EVOLUX, ""),
        Kind::Positus => (WHATSAPP, "/v2"),
    };
    match provider {
        Kind::Zenvia => home.add_zenvia(CLOSED, &closed),
        Kind::Evolux => home.add_account(CLOSED, "evolux", &closed),
        Kind::Positus => {
            home.add_account(CLOSED, "positus", &closed);
            home.lay_over(&format!(
                "[accounts.{CLOSED}]\nnumber_id = \"another\"\nnumber = \"+551130039999\"\n"
            ));
        }
    }
    home.lay_over(&format!(
        "[accounts.{account}]\nbase_url = \"http://{wire}{path}\"\ntimeout_ms = {TIMEOUT}\n"
    ));
}

fn url_of(providers: &Providers, provider: Kind) -> String {
    match provider {
        Kind::Zenvia => providers.zenvia.url(),
        Kind::Evolux => providers.evolux.url(),
        Kind::Positus => providers.positus.url(),
    }
}

async fn ask(client: &Client, case: &Case, key: Option<&str>) -> Option<Answer> {
    let mut asked = client.ask(Method::POST, case.act.path()).json(&case.body());
    if let Some(key) = key {
        asked = asked.key(key);
    }
    asked.try_answer().await.ok()
}

/// The address in the URL of a server of this machine.
fn local(url: &str) -> SocketAddr {
    url.rsplit('/').next().unwrap().parse().unwrap()
}
