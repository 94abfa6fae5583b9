//! Who sees what: every operation that reads, for owners, users, strangers and those who read everything.

use std::collections::BTreeSet;

use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use crate::bed::{Client, EVOLUX, Providers, Tokens, WHATSAPP, ZENVIA, eventually};
use crate::document::operations;
use crate::site::{Site, expect_wrong, say, with};

/// Who asks: `acme` owns the account at Zenvia and the WhatsApp number, `beta` uses the first and owns the one at Evolux,
/// `gamma` has none, `*` reads everything.
const CALLERS: [&str; 4] = ["acme", "beta", "gamma", "*"];

const OWNERS: &str = r#"
[accounts.zenvia-br]
owner = "acme"
users = ["beta"]
[accounts.evolux-natal]
owner = "beta"
users = []
[accounts.whatsapp]
owner = "acme"
users = []
"#;

/// Text that is in no answer: what is spoken is redacted.
const SPOKEN: &str = "Seu pedido saiu";

/// A gateway with something of everyone's.
struct World {
    site: Site,
    /// What there is, each with the callers who see it.
    things: Vec<Thing>,
}

/// One object, and who sees it.
struct Thing {
    /// The list it is in.
    list: &'static str,
    id: String,
    seen_by: &'static [&'static str],
}

impl World {
    async fn start() -> Self {
        let site = Site::configured(OWNERS).await;
        let mut world = Self {
            site,
            things: Vec::new(),
        };
        world.place("acme", &["acme", "*"], &["acme", "*"]).await;
        world.place("beta", &["beta", "*"], &["acme", "beta", "*"]).await;
        world.remember().await;
        world
    }

    fn client(&self, tenant: &str) -> Client {
        self.site.home.client(self.site.address(), tenant)
    }

    /// Places a call and starts a verification for a tenant; its row is seen by the account's owner as well.
    async fn place(&mut self, tenant: &'static str, own: &'static [&str], row: &'static [&str]) {
        let client = self.client(tenant);
        let body = with(
            &say("+5511970001234"),
            json!({ "tag": tenant, "record": true, "account": ZENVIA }),
        );
        let call = client.post("/calls", body).await.expect(201).id();
        client.ended(&call).await;
        let body = json!({ "to": "+5511970002345", "channel": "sms", "account": ZENVIA });
        let verification = client.post("/verifications", body).await.expect(201).id();
        let record = eventually("the row is listed", async || {
            let list = client.get(&format!("/history?since=yesterday&tag={tenant}")).await;
            Some(list.expect(200).body["data"][0]["id"].as_str()?.to_owned())
        });
        let record = record.await;
        self.things.extend([
            Thing {
                list: "/calls",
                id: call,
                seen_by: own,
            },
            Thing {
                list: "/verifications",
                id: verification,
                seen_by: own,
            },
            Thing {
                list: "/history",
                id: record,
                seen_by: row,
            },
        ]);
    }

    /// Adds rows that were not placed here: the accounts' owners see them.
    async fn remember(&mut self) {
        let made = "2025-11-20T12:00:00Z";
        let controls = |url: String| Providers::controls(&url);
        let zenvia = json!({ "rows": [{ "resource": "did", "created": made, "to": "1130031000", "recorded": true }] });
        controls(self.site.providers.zenvia.url())
            .post("/rows", zenvia)
            .await
            .expect(200);
        let evolux = json!({ "dialer": [{ "start_time": made }] });
        controls(self.site.providers.evolux.url())
            .post("/rows", evolux)
            .await
            .expect(200);
        let everyone = self.client("*");
        for (account, seen_by) in [(ZENVIA, &["acme", "*"][..]), (EVOLUX, &["beta", "*"])] {
            let list = everyone.get(&format!("/history?{DAY}&account={account}")).await;
            let id = list.expect(200).body["data"][0]["id"].as_str().unwrap().to_owned();
            self.things.push(Thing {
                list: "/history",
                id,
                seen_by,
            });
        }
    }

    /// What of a list a caller should see.
    fn expected(&self, list: &str, caller: &str) -> BTreeSet<String> {
        let seen = self
            .things
            .iter()
            .filter(|thing| thing.list == list && thing.seen_by.contains(&caller));
        seen.map(|thing| thing.id.clone()).collect()
    }
}

/// The day of the rows that were not placed here.
const DAY: &str = "since=2025-11-20&until=2025-11-20";

/// The accounts a caller may use.
fn accounts(caller: &str) -> BTreeSet<String> {
    let names: &[&str] = match caller {
        "acme" => &[ZENVIA, WHATSAPP],
        "beta" => &[ZENVIA, EVOLUX],
        "gamma" => &[],
        _ => &[ZENVIA, EVOLUX, WHATSAPP],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What stands under `key` in each of the items.
fn each(items: &Value, key: &str) -> BTreeSet<String> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_list_shows_what_its_reader_may_see_and_nothing_else() {
    let world = World::start().await;
    for caller in CALLERS {
        let client = world.client(caller);
        let get = async |path: &str| client.get(path).await.expect(200).body.clone();

        for list in ["/calls", "/verifications"] {
            assert_eq!(
                each(&get(list).await["data"], "id"),
                world.expected(list, caller),
                "{caller} {list}"
            );
        }

        let (today, past) = (
            get("/history?since=yesterday&limit=500&provider=zenvia").await,
            get(&format!("/history?{DAY}")).await,
        );
        let mut records = each(&today["data"], "id");
        records.extend(each(&past["data"], "id"));
        assert_eq!(records, world.expected("/history", caller), "{caller}");
        assert_eq!(each(&past["sources"], "account"), accounts(caller), "{caller}");

        for (window, list) in [("since=yesterday&provider=zenvia", &today), (DAY, &past)] {
            // Asked again, the day that is over is one that is kept.
            for _ in 0..2 {
                let summary = get(&format!("/history/summary?{window}")).await;
                let rows = list["data"].as_array().unwrap();
                assert_eq!(summary["data"][0]["calls"], rows.len(), "{caller} {window}");
                assert_eq!(
                    each(&summary["sources"], "account"),
                    each(&list["sources"], "account"),
                    "{caller}"
                );
            }
        }
        let summary = get("/verifications/summary").await;
        let verifications = world.expected("/verifications", caller).len();
        assert_eq!(summary["data"][0]["verifications"], verifications, "{caller}");

        assert_eq!(
            each(&get("/accounts").await["data"], "account"),
            accounts(caller),
            "{caller}"
        );
        events_and_deliveries(&world, caller, &client).await;
    }
}

/// Events are of the tenant's own objects; deliveries of its own subscriptions.
async fn events_and_deliveries(world: &World, caller: &str, client: &Client) {
    let mut subjects = BTreeSet::new();
    let mut path = "/events?limit=500".to_owned();
    loop {
        let page = client.get(&path).await.expect(200).body.clone();
        if page["data"].as_array().unwrap().is_empty() {
            break;
        }
        subjects.extend(each(&page["data"], "subject"));
        path = format!("/events?limit=500&after={}", page["next_cursor"].as_str().unwrap());
    }
    let objects = || world.things.iter().filter(|thing| thing.list != "/history");
    let told: BTreeSet<_> = objects()
        .filter(|thing| subjects.contains(&thing.id))
        .map(|thing| thing.id.clone())
        .collect();
    let own = objects()
        .filter(|thing| thing.seen_by.contains(&caller))
        .map(|thing| thing.id.clone());
    assert_eq!(told, own.collect(), "{caller}");

    let deliveries = client.get("/deliveries?subscription=billing").await;
    match caller {
        "acme" | "*" => {
            deliveries.expect(200);
        }
        _ => expect_wrong(&deliveries, "subscription", "unknown"),
    }
    let all = client.get("/deliveries").await.expect(200).body.clone();
    let subscriptions = each(&all["data"], "subscription");
    assert!(subscriptions.is_empty() || ["acme", "*"].contains(&caller), "{caller}");
}

#[tokio::test]
async fn an_object_is_found_by_those_who_see_it_in_its_list() {
    let world = World::start().await;
    for thing in &world.things {
        for caller in CALLERS {
            let client = world.client(caller);
            let recording = (thing.list != "/verifications").then(|| format!("{}/{}/recording", thing.list, thing.id));
            for path in [format!("{}/{}", thing.list, thing.id)].into_iter().chain(recording) {
                let answer = client.get(&path).await;
                if thing.seen_by.contains(&caller) {
                    assert_ne!(answer.body["type"], "/problems/not-found", "{caller} {path}");
                } else {
                    answer.expect_problem(404, "not-found");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_account_one_may_not_see_is_like_one_that_does_not_exist() {
    let world = World::start().await;
    for caller in CALLERS {
        let client = world.client(caller);
        for account in [ZENVIA, EVOLUX, WHATSAPP, "nobody"] {
            for list in ["/calls", "/history", "/history/summary"] {
                let answer = client.get(&format!("{list}?account={account}")).await;
                match accounts(caller).contains(account) {
                    true => {
                        answer.expect(200);
                    }
                    false => {
                        expect_wrong(&answer, "account", "unknown");
                        let detail = &answer.body["errors"][0]["detail"];
                        assert_eq!(detail, "names no account you may see", "{caller} {list} {account}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn raw_rows_need_their_scope_and_tell_no_spoken_word_and_no_link() {
    let world = World::start().await;
    let mut claims = Tokens::claims("acme");
    claims["scope"] = json!("history:read");
    let without = world
        .site
        .acme
        .with_token(world.site.home.tokens.sign(Algorithm::HS256, &claims));
    for caller in ["acme", "beta", "*"] {
        let list = world
            .client(caller)
            .get("/history?since=yesterday&provider=zenvia&include=raw")
            .await;
        for record in list.expect(200).body["data"].as_array().unwrap() {
            let raw = record["raw"].as_str().unwrap();
            assert!(raw.contains("[redacted]") && !raw.contains(SPOKEN), "{raw}");
            assert!(!raw.contains("http"), "{raw}");
        }
    }
    let record = world.expected("/history", "beta").into_iter().next().unwrap();
    for path in ["/history?since=yesterday", &format!("/history/{record}?")] {
        let refused = without.get(&format!("{path}&include=raw")).await;
        refused.expect_problem(403, "forbidden");
    }
    without.get("/history").await.expect(200);
}

#[test]
fn nothing_can_be_read_that_these_tests_do_not_read() {
    let reading = operations()
        .into_iter()
        .filter(|operation| operation.guarded && operation.method == Method::GET);
    let paths: BTreeSet<_> = reading.map(|operation| operation.path).collect();
    let read = [
        "/accounts",
        "/calls",
        "/calls/{id}",
        "/calls/{id}/recording",
        "/deliveries",
        "/events",
        // A voicemail's: told only to the owner of its account, and tested with voicemail.
        "/events/{id}/recording",
        "/history",
        "/history/summary",
        "/history/{id}",
        "/history/{id}/recording",
        "/verifications",
        "/verifications/summary",
        "/verifications/{id}",
    ];
    assert_eq!(paths, read.map(str::to_owned).into());
}
