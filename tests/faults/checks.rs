//! A code is compared five times at most and approves once, however many check it at once.
//!
//! The provider counts the comparisons. Every lane has an account at a provider of its own, so that what it counts is of
//! one burst.

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use switchboard::simulators::zenvia;

use crate::bed::redis::Server;
use crate::bed::{Answer, Client, Home, PROVIDER_TOKEN, Providers, eventually, http};
use crate::site::{Store, code, comparisons, number, wrong};

/// How many bursts of each kind run on each store.
const ROUNDS: usize = 500;
/// How many checks come at once.
const CROWD: usize = 40;
const ATTEMPTS: usize = 5;
/// How many bursts run side by side.
const LANES: usize = 4;

struct Lane {
    name: String,
    zenvia: zenvia::Handle,
    acme: Client,
}

/// What became of one burst.
struct Burst {
    valid: usize,
    invalid: usize,
    closed: usize,
    /// How many met a store that was too slow; each may have been counted and compared all the same.
    refused: usize,
    /// How many the provider compared.
    compared: usize,
    status: String,
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_right_codes_at_once_approve_once(#[values(Store::Embedded, Store::Redis)] store: Store) {
    rounds(
        store,
        "right",
        |_, right| vec![right.to_owned(); CROWD],
        |burst| {
            assert_eq!((burst.valid, burst.invalid, burst.closed), (1, 0, CROWD - 1));
            assert!((1..=ATTEMPTS).contains(&burst.compared), "{} compared", burst.compared);
            assert_eq!(burst.status, "approved");
        },
    )
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_forty_wrong_codes_at_once_five_are_compared(#[values(Store::Embedded, Store::Redis)] store: Store) {
    rounds(
        store,
        "wrong",
        |_, right| vec![wrong(right); CROWD],
        |burst| {
            assert_eq!(
                (burst.valid, burst.invalid, burst.closed),
                (0, ATTEMPTS, CROWD - ATTEMPTS)
            );
            assert_eq!(burst.compared, ATTEMPTS);
            assert_eq!(burst.status, "exhausted");
        },
    )
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_approves_if_and_only_if_it_was_compared(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let codes = |round: usize, right: &str| {
        let rights = 1 + round % 8;
        let pick = |place| {
            if place % (CROWD / rights) == 0 {
                right.to_owned()
            } else {
                wrong(right)
            }
        };
        (0..CROWD).map(pick).collect()
    };
    rounds(store, "mixed", codes, |burst| {
        // A wrong code that was compared is always told so; the rest of what was compared was right.
        let right_compared = burst.compared - burst.invalid > 0;
        assert_eq!(burst.status, if right_compared { "approved" } else { "exhausted" });
        assert_eq!(burst.valid, usize::from(right_compared));
        assert!(burst.compared <= ATTEMPTS, "{} compared", burst.compared);
        assert_eq!(burst.valid + burst.invalid + burst.closed, CROWD);
    })
    .await;
}

/// The red control: a gateway that asks the provider without counting first is found out.
#[tokio::test]
async fn a_gateway_that_does_not_count_would_be_found_out() {
    let zenvia = Providers::another_zenvia().await;
    let http = http();
    let ask = |request: reqwest::RequestBuilder| request.header("access-token", PROVIDER_TOKEN).send();
    let url = format!("{}/verificacao", zenvia.url());
    let send = json!({ "numero_destino": "11988887777", "nome_produto": "Acme", "tamanho": 6 });
    assert!(ask(http.post(&url).json(&send)).await.unwrap().status().is_success());
    let sent = zenvia.last_code("11988887777").unwrap();
    let query = [("id", sent.id.to_string()), ("pin", sent.code)];
    let answers = join_all((0..CROWD).map(|_| ask(http.get(&url).query(&query)))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status().is_success()));
    assert_eq!(comparisons(&zenvia) as usize, CROWD);
}

/// Runs every round on the lanes and judges each burst; of one in which the store was away, only what holds even then.
async fn rounds(store: Store, kind: &str, codes: impl Fn(usize, &str) -> Vec<String>, judge: impl Fn(Burst)) {
    let (_alive, lanes) = lanes(store).await;
    let run = lanes.iter().enumerate().map(|(first, lane)| {
        let (codes, judge) = (&codes, &judge);
        async move {
            let (mut compared, mut disturbed) = (0, 0);
            for round in (first..ROUNDS).step_by(LANES) {
                let burst = lane.burst(round, |right| codes(round, right)).await;
                assert!(burst.compared <= ATTEMPTS && burst.valid <= 1, "in round {round}");
                compared += burst.compared;
                match burst.refused {
                    0 => judge(burst),
                    _ => disturbed += 1,
                }
            }
            (compared, disturbed)
        }
    });
    let (compared, disturbed): (Vec<usize>, Vec<usize>) = join_all(run).await.into_iter().unzip();
    let (compared, disturbed) = (compared.iter().sum::<usize>(), disturbed.iter().sum::<usize>());
    assert!(disturbed * 10 < ROUNDS, "the store was away in {disturbed} rounds");
    println!(
        "{store:?}, {kind}: {ROUNDS} rounds of {CROWD} checks, {compared} compared, {disturbed} with a slow store, \
         0 faults (95 %: below {:.2} % of rounds)",
        300.0 / ROUNDS as f64
    );
}

async fn lanes(store: Store) -> ((Home, Option<Server>, switchboard::app::App), Vec<Lane>) {
    let (mut home, server) = store.home(&Providers::start().await);
    let mut accounts = Vec::new();
    for n in 0..LANES {
        let (name, zenvia) = (format!("lane-{n}"), Providers::another_zenvia().await);
        home.add_zenvia(&name, &zenvia.url());
        accounts.push((name, zenvia));
    }
    let app = home.run().await;
    let acme = home.client(app.address, "acme");
    let lanes = accounts.into_iter().map(|(name, zenvia)| Lane {
        name,
        zenvia,
        acme: acme.clone(),
    });
    let lanes = lanes.collect();
    ((home, server, app), lanes)
}

impl Lane {
    /// Sends a code to a number of its own and checks `codes` at once.
    async fn burst(&self, round: usize, codes: impl FnOnce(&str) -> Vec<String>) -> Burst {
        let to = number(round);
        let new = json!({ "to": to, "channel": "sms", "account": self.name });
        let started = answered(async || self.acme.post("/verifications", new.clone()).await).await;
        let path = format!("/verifications/{}", started.expect(201).id());
        let check = format!("{path}/check");
        let before = comparisons(&self.zenvia);
        let checks = codes(&code(&self.zenvia, &to))
            .into_iter()
            .map(|code| self.acme.post(&check, json!({ "code": code })));
        let mut burst = Burst {
            valid: 0,
            invalid: 0,
            closed: 0,
            refused: 0,
            compared: 0,
            status: String::new(),
        };
        for answer in join_all(checks).await {
            match answer.status {
                409 => {
                    answer.expect_problem(409, "verification-closed");
                    burst.closed += 1;
                }
                503 => {
                    answer.expect_problem(503, "store-unavailable");
                    burst.refused += 1;
                }
                _ if answer.expect(200).body["valid"] == true => burst.valid += 1,
                _ => burst.invalid += 1,
            }
        }
        burst.compared = usize::try_from(comparisons(&self.zenvia) - before).unwrap();
        let after = answered(async || self.acme.get(&path).await).await;
        after.expect(200).body["status"]
            .as_str()
            .unwrap()
            .clone_into(&mut burst.status);
        burst
    }
}

/// The answer once the store is there to give one, and to keep what it tells.
async fn answered(ask: impl AsyncFn() -> Answer) -> Answer {
    eventually("the store is there", async || {
        Some(ask().await).filter(|answer| !matches!(answer.status, 202 | 503))
    })
    .await
}
