//! Two gateways that take the same news in any order, any number of times, make of it what one makes of it in order.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::bed::{Client, Home, Process, Providers, WHATSAPP, eventually, http};
use crate::site::Pair;

/// How many calls there are, of three fates in turn.
const CALLS: usize = 60;
/// How many calls' messages come in any order together: news of one call is never seconds apart.
const TOGETHER: usize = 10;
/// How often the calls are looked at, a tenth of a second after each other.
const MOST_LOOKS: usize = 200;
/// When the first call began (Unix seconds): all are over when their messages come.
static BEGAN: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() - 2 * 3600
});

/// What the provider tells of the nth call, in order.
fn story(n: usize) -> Vec<Value> {
    let id = format!("wacid.story-{n}");
    let began = *BEGAN + n as i64 * 60;
    let call = |event: &str, at: i64| {
        json!({ "id": id, "from": format!("5511970{n:06}"), "to": "551122361741", "event": event,
                "timestamp": at.to_string(), "direction": "USER_INITIATED" })
    };
    let with = |mut call: Value, more: Value| {
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "calls": [call] })
    };
    let status = |word: &str, at: i64| json!({ "statuses": [{ "id": id, "type": "call", "status": word, "timestamp": at.to_string() }] });
    let connect = with(
        call("connect", began),
        json!({ "session": { "sdp_type": "offer", "sdp": format!("v=0\r\ns={n}\r\n") } }),
    );
    let end = call("terminate", began + 40);
    match n % 3 {
        0 => vec![
            connect,
            status("ACCEPTED", began + 5),
            with(
                end,
                json!({ "status": "COMPLETED", "start_time": (began + 6).to_string(), "end_time": (began + 40).to_string(), "duration": 34 }),
            ),
        ],
        1 => vec![
            connect,
            status("REJECTED", began + 9),
            with(end, json!({ "status": "FAILED" })),
        ],
        _ => vec![
            connect,
            status("RINGING", began + 1),
            with(end, json!({ "status": "FAILED" })),
        ],
    }
}

async fn tell(home: &Home, gateway: &Process, message: &Value) {
    let hook = home.hook(gateway.address, WHATSAPP, None);
    let body = message.to_string();
    let taken = async || Some(http().post(&hook).body(body.clone()).send().await.ok()?.status() == 200);
    eventually("it is taken", async || taken().await.filter(|taken| *taken)).await;
}

/// What callers see of every call, by the provider's identifier, once all are over.
async fn ended(client: &Client) -> BTreeMap<String, Value> {
    eventually("every call is over", async || {
        let list = client.get("/calls?limit=500").await;
        let calls = list.expect(200).body["data"].as_array().unwrap().clone();
        let over = calls.len() == CALLS && calls.iter().all(|call| !call["ended_at"].is_null());
        over.then_some(calls)
    })
    .await
    .into_iter()
    .map(|call| {
        let seen = [
            "status",
            "direction",
            "from",
            "to",
            "answered_at",
            "ended_at",
            "talk_seconds",
            "session",
            "hangup",
        ];
        let seen: Vec<&Value> = seen.iter().map(|name| &call[*name]).collect();
        (call["provider_ref"]["id"].to_string(), json!(seen))
    })
    .collect()
}

/// An order of its own for every seed (xorshift), so that a run can be repeated.
fn shuffled<T>(mut items: Vec<T>, mut seed: u64) -> Vec<T> {
    for last in (1..items.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        items.swap(last, (seed % (last as u64 + 1)) as usize);
    }
    items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_in_any_order_make_what_one_makes_in_order() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let one = Process::start(&home);
    for message in (0..CALLS).flat_map(story) {
        tell(&home, &one, &message).await;
    }
    let expected = ended(&home.client(one.address, "acme")).await;

    let mut pair = Pair::start().await;
    let messages: Vec<Value> = (0..CALLS / TOGETHER)
        .flat_map(|group| {
            let once: Vec<Value> = (group * TOGETHER..(group + 1) * TOGETHER).flat_map(story).collect();
            shuffled([once.clone(), once].concat(), 0x5eed + group as u64)
        })
        .collect();
    for (index, message) in messages.iter().enumerate() {
        let gateway = if index % 2 == 0 { &pair.a } else { &pair.b };
        tell(&pair.home, gateway, message).await;
        if index == messages.len() / 2 {
            pair.a.kill();
            pair.a = Process::start(&pair.home);
        }
    }
    let acme = pair.home.client(pair.b.address, "acme");
    let mut made = ended(&acme).await;
    // The last messages may not be applied yet; what they change is what is waited for.
    for _ in 0..MOST_LOOKS {
        if made == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        made = ended(&acme).await;
    }
    for (id, call) in &expected {
        assert_eq!(made.get(id), Some(call), "{id}");
    }
    println!(
        "{CALLS} calls, {} messages in any order at two gateways, 1 kill: as one in order",
        messages.len()
    );
}
