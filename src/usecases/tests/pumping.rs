//! A robot has codes sent to numbers whose calls it is paid for, while people verify theirs.
//!
//! A tenth of the attack runs by default; `SWITCHBOARD_LONG=1` runs all 100,000 starts, which takes minutes.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::bed::{SAY, Scripted, bed, caller};
use super::guarding::{number, start, to};
use crate::domain::error::{Error, Problem};
use crate::domain::ids::VerificationId;
use crate::usecases::requests::NewVerification;

/// The robot's prefixes, its addresses, and how often it asks in a second.
const ATTACKED: usize = 3;
const ROBOTS: usize = 500;
const A_SECOND: usize = 80;
/// The people's prefixes; how often one of them asks, in a thousandth of a second's time; who comes back, of 100.
const PREFIXES: usize = 200;
const PEOPLE_PER_MILLE: usize = 1_500;
const COME_BACK: usize = 65;
/// How long a person takes to type a code, in seconds.
const TYPING: usize = 20;
/// 3,000 sends are paid for.
const GUARD: &str = "[verification.guard]\n\
                     sends_per_client_address = { max = 20, per_seconds = 3600 }\n\
                     spending_per_tenant_per_day = { max = \"1050.00\", price_per_send = \"0.35\" }";

struct Robot {
    sent: [usize; ATTACKED],
    first_send: [Option<usize>; ATTACKED],
    first_stop: [Option<usize>; ATTACKED],
    refused: usize,
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::print_stdout,
    reason = "the figures are for whoever runs it with `--no-capture`"
)]
async fn a_flood_is_stopped_after_thirty_sends_a_prefix_and_nobody_else_is_refused() {
    let starts = if std::env::var_os("SWITCHBOARD_LONG").is_some() {
        100_000
    } else {
        10_000
    };
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], GUARD);
    let (gateway, stop) = (Arc::clone(&bed.gateway), CancellationToken::new());
    let _stops = stop.clone().drop_guard();
    tokio::spawn(async move { gateway.publish(stop).await });
    let mut robot = Robot {
        sent: [0; ATTACKED],
        first_send: [None; ATTACKED],
        first_stop: [None; ATTACKED],
        refused: 0,
    };
    let mut people: BTreeMap<usize, usize> = BTreeMap::new();
    let mut typing: VecDeque<(usize, VerificationId)> = VecDeque::new();
    let (mut asked, mut person) = (0, 0);
    for second in 0..starts / A_SECOND {
        let attack = (asked..asked + A_SECOND).map(|n| async move { (n % ATTACKED, n) });
        let attack = join_all(attack).await.into_iter().map(|(prefix, n)| {
            let new = from(n % ROBOTS, to(&number(prefix, n % 10_000)));
            let bed = &bed;
            async move { (prefix, start(bed, "acme", new).await.map(|_| ())) }
        });
        asked += A_SECOND;
        for (prefix, answer) in join_all(attack).await {
            robot.note(second, prefix, answer);
        }
        while person * 1000 < second * PEOPLE_PER_MILLE {
            let prefix = ATTACKED + person % PREFIXES;
            let new = from(ROBOTS + person, to(&number(prefix, person / PREFIXES)));
            let started = start(&bed, "acme", new).await;
            let started = started.unwrap_or_else(|error| panic!("a person was refused: {error}"));
            *people.entry(prefix).or_default() += 1;
            if person * 37 % 100 < COME_BACK {
                typing.push_back((second + TYPING, started.id));
            }
            person += 1;
        }
        while let Some((_, id)) = typing.pop_front_if(|(at, _)| *at <= second) {
            let checked = bed.gateway.check_verification(&caller("acme"), id, "123456").await;
            assert!(checked.unwrap().valid);
        }
        bed.clock.advance(Duration::from_secs(1));
    }
    let stopped_after: Vec<_> = (0..ATTACKED)
        .map(|prefix| robot.first_stop[prefix].unwrap() - robot.first_send[prefix].unwrap())
        .collect();
    println!(
        "{asked} starts of a robot: {:?} sends, stopped after {stopped_after:?} s; {person} of people, 0 refused; {} sent",
        robot.sent,
        one.sent()
    );
    assert!(robot.sent.iter().all(|sent| *sent <= 30), "{:?}", robot.sent);
    assert!(stopped_after.iter().all(|seconds| *seconds <= 60), "{stopped_after:?}");
    assert_eq!(robot.sent.iter().sum::<usize>() + person, one.sent());
    assert_eq!(robot.refused + robot.sent.iter().sum::<usize>(), asked);
    assert!(one.sent() * 35 <= 105_000, "the spending is within its cap");
}

impl Robot {
    fn note(&mut self, second: usize, prefix: usize, answer: Result<(), Error>) {
        match answer {
            Ok(()) => {
                self.sent[prefix] += 1;
                self.first_send[prefix].get_or_insert(second);
            }
            Err(error) => {
                self.refused += 1;
                let limit = error.context.limit.map(|limit| limit.name);
                if error.problem == Problem::DestinationNotAllowed
                    || limit.as_deref() == Some("verification.guard.sends_per_prefix")
                {
                    self.first_stop[prefix].get_or_insert(second);
                }
            }
        }
    }
}

fn from(client: usize, new: NewVerification) -> NewVerification {
    let client = u32::try_from(client).unwrap();
    NewVerification {
        client_ip: Some(IpAddr::V4(Ipv4Addr::from_bits(0xc633_0000 + client))),
        ..new
    }
}

#[tokio::test]
async fn spending_ends_at_its_cap_to_the_cent() {
    let one = Scripted::new("one", SAY);
    let guard = "[verification.guard]\nsends_per_prefix = false\nprefix_block = false\n\
                 spending_per_tenant_per_day = { max = \"10.00\", price_per_send = \"0.35\" }";
    let bed = bed(&[&one], guard);
    for n in 0..100 {
        let _ = start(&bed, "acme", to(&number(n, 0))).await;
    }
    assert_eq!(one.sent(), 28, "28 × 0.35 = 9.80; one more would be 10.15");
}
