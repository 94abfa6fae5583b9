//! Two gateways over one Redis, with a wire at every side of the first, and the provider behind one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use switchboard::simulators::faults::{Effect, Rule};
use tokio::task::block_in_place;

use super::cases::{Act, CLOSED, Case, Fault, Place};
use super::judge::Tried;
use crate::bed::redis::{Server, free_port};
use crate::bed::{Answer, Blow, Carried, Client, Home, Process, Providers, Way, Wire, ZENVIA, eventually};
use crate::site::dials;

/// How long the account waits for its provider, in milliseconds.
const TIMEOUT: usize = 700;

/// How long a repeat may have to wait: a claim whose answer a slow store did not take stands for a minute.
const FORGOTTEN: Duration = Duration::from_secs(90);

/// What is asked for, whether on the way back, and the byte.
pub type Cut = (usize, bool, usize);

pub struct Round {
    providers: Providers,
    home: Home,
    /// The one that is killed.
    first: Arc<Mutex<Process>>,
    _second: Process,
    caller: Wire,
    store: Wire,
    provider: Wire,
    /// Through the first, and through the second.
    clients: (Client, Client),
    /// What a request of each kind carries when nothing happens: to the caller, to the store, to the provider.
    usual: Vec<[Carried; 3]>,
    _redis: Server,
}

impl Round {
    pub async fn begin() -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let provider = Wire::before_acts(local(&providers.zenvia.url())).await;
        let store = Wire::before(local(&redis.url())).await;
        let mut home = Home::on(&redis.url(), &providers);
        home.add_zenvia(CLOSED, &format!("http://127.0.0.1:{}", free_port()));
        home.lay_over(&format!(
            "[accounts.{ZENVIA}]\nbase_url = \"http://{}\"\ntimeout_ms = {TIMEOUT}\n[calls]\nsettle_seconds = 4\n",
            provider.address
        ));
        let second = block_in_place(|| Process::start(&home));
        home.lay_over(&format!("[store]\nurl = \"redis://{}\"\n", store.address));
        let first = block_in_place(|| Process::start(&home));
        providers.tell(&home, second.address).await;
        let caller = Wire::before(first.address).await;
        let clients = (home.client(caller.address, "acme"), home.client(second.address, "acme"));
        let mut round = Self {
            providers,
            home,
            first: Arc::new(Mutex::new(first)),
            _second: second,
            caller,
            store,
            provider,
            clients,
            usual: Vec::new(),
            _redis: redis,
        };
        round.measure().await;
        round
    }

    /// How much a request of each kind carries.
    async fn measure(&mut self) {
        for (n, act) in Act::ALL.into_iter().enumerate() {
            let mut case = Case::nth(n, 9_000 + n);
            (case.act, case.fault) = (act, Fault::Stale);
            let carried = eventually("nothing happens to it", async || {
                self.wires().into_iter().for_each(Wire::heal);
                let answer = self.clients.0.post(act.path(), case.body()).await;
                (answer.status == 201).then(|| self.wires().map(Wire::carried))
            });
            let carried = carried.await;
            self.usual.push(carried);
        }
    }

    fn wires(&self) -> [&Wire; 3] {
        [&self.caller, &self.store, &self.provider]
    }

    fn wire(&self, place: Place) -> &Wire {
        self.wires()[place as usize]
    }

    fn usual(&self, act: Act, place: Place, way: Way) -> usize {
        let carried = self.usual[act as usize][place as usize];
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
        let suffered = self.disarm(&case);
        let tried = Tried {
            told,
            dialled_then: self.dialled(&case),
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
                act: Act::Code,
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
            Fault::Answer(effect) => self.answer(effect),
            Fault::CutAnswer(effect, part) => {
                self.answer(effect);
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

    fn answer(&self, effect: &Effect) {
        self.providers.zenvia.control().faults.add(Rule {
            method: Some("POST".into()),
            path: String::new(),
            skip: 0,
            times: Some(1),
            effect: effect.clone(),
        });
    }

    /// Ends the fault, and brings back to life who was killed; says whether the fault came about.
    fn disarm(&self, case: &Case) -> bool {
        self.providers.zenvia.control().faults.clear();
        let broke = self.wires().iter().any(|wire| wire.carried().broke);
        self.wires().into_iter().for_each(Wire::heal);
        match case.fault {
            Fault::Kill(..) if broke => block_in_place(|| {
                let mut first = self.first.lock().unwrap();
                *first = Process::start(&self.home);
                self.caller.lead_to(first.address);
                true
            }),
            Fault::Answer(_) | Fault::CutAnswer(..) | Fault::Unreachable => true,
            // A call has a connection of its own, which is the point.
            Fault::Stale => true,
            _ => broke,
        }
    }

    /// The byte at which the connection to the provider is cut, if it is.
    pub fn cut(&self, case: &Case) -> Option<Cut> {
        let Fault::Cut(way, part) = case.fault else { return None };
        let at = part.of(self.usual(case.act, Place::Provider, way));
        Some((case.act as usize, way == Way::Back, at))
    }

    /// How many bytes go over the connections to the provider for one request of each kind.
    pub fn bytes(&self) -> usize {
        let provider = self.usual.iter().map(|carried| carried[Place::Provider as usize]);
        provider.map(|carried| carried.there + carried.back).sum()
    }

    /// Repeats a request at the other gateway until it is answered for good.
    pub async fn repeat(&self, tried: &mut Tried, key: Option<&str>) {
        let mut case = tried.case.clone();
        if matches!(case.fault, Fault::Unreachable) {
            // An error has left the key free, and another way may be tried.
            case.fault = Fault::Stale;
        }
        let answer = async {
            loop {
                let answer = ask(&self.clients.1, &case, key).await;
                if let Some(answer) = answer.filter(|answer| ![409, 503].contains(&answer.status)) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let answer = tokio::time::timeout(FORGOTTEN, answer);
        tried.repeated = answer.await.ok();
    }

    /// Waits for the end of a call that was dialled; returns how long that took.
    pub async fn settle(&self, tried: &mut Tried) -> Option<Duration> {
        tried.dialled = self.dialled(&tried.case);
        let known = tried.repeated.as_ref().filter(|_| tried.case.act != Act::Code)?;
        let began = Instant::now();
        let call = if tried.dialled == 0 {
            self.clients.1.get(&format!("/calls/{}", known.id())).await.body
        } else {
            self.clients.1.ended(&known.id()).await
        };
        tried.ended = call["status"].as_str().map(str::to_owned);
        (tried.dialled > 0).then(|| began.elapsed())
    }

    /// Looks again at what a slow provider dialled after it was looked at.
    pub async fn settle_again(&self, tried: &mut Tried) {
        if self.dialled(&tried.case) != tried.dialled {
            self.settle(tried).await;
        }
    }

    fn dialled(&self, case: &Case) -> usize {
        let dials = dials(&self.providers.zenvia);
        dials.get(&case.number).copied().unwrap_or_default()
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
