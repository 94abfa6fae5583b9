//! Forty secrets of every kind go through a gateway that logs all it can, in good requests and bad ones; none comes out.

pub mod search;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::webhooks::Settings;
use switchboard::simulators::{evolux, positus, zenvia};

use crate::bed::redis::Server;
use crate::bed::{
    Client, EVOLUX, Home, Process, Providers, Reaction, Receiver, Tokens, WHATSAPP, ZENVIA, eventually, http,
};
use search::{Canary, found, writings};

const CALLED: &str = "5511961230001";
const VERIFIED: &str = "5511961230002";
const SPOKEN_TO: &str = "5511961230003";
const JOINED: &str = "551133120004";
const REVIEWED: &str = "5511961230005";
const MISTYPED: &str = "55119612300067";
const REPORTED: &str = "5511961230007";

/// What is made before the gateway starts: a name, and 40 characters that appear nowhere else.
const SECRETS: [&str; 34] = [
    "seal-new",
    "seal-old",
    "zenvia-refused",
    "evolux-key",
    "positus-key",
    "zenvia-key",
    "hook-zenvia",
    "hook-zenvia-old",
    "hook-positus",
    "jwt-hs",
    "jwt-hs-old",
    "billing-new",
    "billing-old",
    "audit-key",
    "redis-password",
    "query-token",
    "basic-password",
    "cookie",
    "api-key-header",
    "proxy-authorization",
    "wrong-hook",
    "broken-body",
    "unknown-field",
    "wrong-type",
    "play-password",
    "play-query",
    "webhook-field",
    "hook-query",
    "short-config",
    "url-password",
    "jwks-password",
    "not-a-pem",
    "env-secret",
    "idempotency-body",
];

fn secret(name: &str) -> String {
    format!("canary-{name}-{}", "Zq7xKw9vTy3mRb5nPd2sHf8c")
}

fn file(directory: &Path, name: &str, value: &str) -> String {
    fs::write(directory.join(name), value).unwrap();
    format!("file::{}", directory.join(name).display())
}

async fn providers() -> Providers {
    let zenvia = zenvia::Options {
        tokens: vec![secret("zenvia-key")],
        pace: zenvia::Pace::quick(),
        ..Default::default()
    };
    let evolux = evolux::Options {
        tokens: vec![secret("evolux-key")],
        pace: evolux::Pace::quick(),
        ..Default::default()
    };
    let positus = positus::Options {
        tokens: vec![secret("positus-key")],
        pace: positus::Pace::quick(),
        ..Default::default()
    };
    Providers {
        zenvia: zenvia::start(zenvia).await.unwrap(),
        evolux: evolux::start(evolux).await.unwrap(),
        positus: positus::start(positus).await.unwrap(),
    }
}

/// Lays every secret of the configuration over the usual one.
fn furnish(home: &mut Home, redis: &Server, receiver: &Receiver) {
    let directory = home.path().to_owned();
    let place = |name: &str| file(&directory, name, &secret(name));
    let key = |id: &str, place: String| format!("{{ id = \"{id}\", secret = \"{place}\" }}");
    let store = format!("redis://:{}@127.0.0.1:{}", secret("redis-password"), redis.port());
    let toml = format!(
        r#"
[telemetry]
log_level = "trace"
[store]
url = "{store}"
[secrets]
keys = [ {seal_new}, {seal_old} ]
[auth]
keys = [ {{ id = "hs", alg = "HS256", secret = "{hs}" }}, {{ id = "old", alg = "HS256", secret = "{hs_old}" }} ]
[verification.test_numbers]
"+{REVIEWED}" = "{review}"
[accounts.{ZENVIA}]
keys = [ {zenvia_refused}, {zenvia} ]
webhook_keys = [ {hook}, {hook_old} ]
[accounts.{EVOLUX}]
keys = [ {evolux} ]
[accounts.{WHATSAPP}]
keys = [ {positus} ]
webhook_keys = [ {hook_positus} ]
"#,
        store = file(&directory, "store-url", &store),
        seal_new = key("2", place("seal-new")),
        seal_old = key("1", place("seal-old")),
        hs = place("jwt-hs"),
        hs_old = place("jwt-hs-old"),
        review = file(&directory, "review-code", "8360175294"),
        zenvia_refused = key("0", place("zenvia-refused")),
        zenvia = key("1", place("zenvia-key")),
        hook = key("2", place("hook-zenvia")),
        hook_old = key("1", place("hook-zenvia-old")),
        evolux = key("1", place("evolux-key")),
        positus = key("1", place("positus-key")),
        hook_positus = key("1", place("hook-positus")),
    );
    home.lay_over(&toml);
    let url = format!("{}?key={}", receiver.url, secret("hook-query"));
    home.subscribe(
        "billing",
        "acme",
        (&url, &[&secret("billing-new"), &secret("billing-old")]),
    );
    home.subscribe("audit", "acme", (&receiver.url, &[&secret("audit-key")]));
}

fn token(key: &str, id: &str, lives: i64) -> String {
    let mut claims = Tokens::claims("acme");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    claims["exp"] = json!(i64::try_from(now).unwrap() + lives);
    let header = Header {
        kid: Some(id.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

/// What makes a token one: its signature.
fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap().to_owned()
}

/// What came out of a gateway.
#[derive(Default)]
struct Output {
    /// What operators see, and refusals, which hold nothing of anybody.
    shown: Vec<u8>,
    /// What the tenant gets of its own.
    told: Vec<u8>,
}

impl Output {
    fn show(&mut self, text: impl ToString) {
        self.shown.extend(text.to_string().into_bytes());
        self.shown.push(b'\n');
    }

    fn tell(&mut self, text: impl ToString) {
        self.told.extend(text.to_string().into_bytes());
        self.told.push(b'\n');
    }
}

struct Run {
    gateway: Process,
    acme: Client,
    providers: Providers,
    canaries: Vec<Canary>,
    output: Output,
}

impl Run {
    fn canary(&mut self, name: &'static str, value: impl Into<String>, told_to_its_owner: bool) {
        self.canaries.push(Canary {
            name,
            value: value.into(),
            told_to_its_owner,
        });
    }

    /// What went well is the tenant's.
    async fn asked(&mut self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.acme.ask(method, path).json(&body).answer().await;
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.body);
        self.output.tell(&answer.body);
        answer.body
    }

    /// What is refused shows nothing.
    async fn refused(&mut self, status: u16, request: reqwest::RequestBuilder) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{}", response.url().path());
        self.output.show(format!("{:?}", response.headers()));
        let text = response.text().await.unwrap();
        self.output.show(text);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }

    /// Has the provider tell of calls, under the secret in the URL.
    fn hear(&self) {
        let webhooks = &self.providers.zenvia.control().webhooks;
        let url = |kind: &str| {
            let path = format!("/webhooks/{ZENVIA}/{kind}/{}", secret("hook-zenvia"));
            (kind.to_owned(), self.url(&path))
        };
        webhooks.configure(Settings {
            urls: ["tts-end", "call-end", "call-event", "sms-status"].map(url).into(),
            ..webhooks.settings()
        });
    }

    /// Calls and codes, each in its good course.
    async fn good_course(&mut self) {
        let post = Method::POST;
        let say = json!({ "to": CALLED, "actions": [{ "type": "say", "text": "Seu pedido saiu" }] });
        let call = self.asked(post.clone(), "/calls", say).await;
        let joined = json!({ "to": SPOKEN_TO, "actions": [{ "type": "connect", "to": format!("+{JOINED}") }] });
        self.asked(post.clone(), "/calls", joined).await;
        let url = format!("https://me:{}@media.example.com/a.mp3", secret("play-password"));
        let play = json!({ "to": CALLED, "actions": [{ "type": "play", "url": url }] });
        self.asked(post.clone(), "/calls", play).await;
        let start = json!({ "to": VERIFIED, "channel": "sms", "code_length": 10 });
        let started = self.asked(post.clone(), "/verifications", start).await;
        let code = self
            .providers
            .zenvia
            .last_code(&format!("+{VERIFIED}"))
            .expect("a code was sent")
            .code;
        self.canary("a code of the provider", &code, false);
        let check = format!("/verifications/{}/check", started["id"].as_str().unwrap());
        let wrong = "9081726354";
        self.canary("a wrong guess", wrong, false);
        self.asked(post.clone(), &check, json!({ "code": wrong })).await;
        let right = self.asked(post.clone(), &check, json!({ "code": code })).await;
        assert_eq!(right["valid"], true);
        let reviewed = self
            .asked(
                post.clone(),
                "/verifications",
                json!({ "to": REVIEWED, "channel": "sms" }),
            )
            .await;
        let check = format!("/verifications/{}/check", reviewed["id"].as_str().unwrap());
        let right = self.asked(post, &check, json!({ "code": "8360175294" })).await;
        assert_eq!(right["valid"], true);
        self.acme.ended(call["id"].as_str().unwrap()).await;
        for path in [
            "/calls",
            "/verifications",
            "/history",
            "/deliveries",
            "/accounts",
            "/events",
        ] {
            let answer = self.acme.get(path).await;
            self.output.tell(&answer.body);
        }
    }

    /// Requests that must not succeed, with something in them that must not be repeated.
    async fn bad_course(&mut self) {
        let good = token(&secret("jwt-hs"), "hs", 3600);
        let (calls, http) = (self.url("/calls"), http());
        for (name, header) in [
            ("basic-password", "authorization"),
            ("cookie", "cookie"),
            ("api-key-header", "x-api-key"),
            ("proxy-authorization", "proxy-authorization"),
        ] {
            let value = format!("Basic {}", secret(name));
            self.refused(401, http.get(&calls).header(header, value)).await;
        }
        self.refused(401, http.get(format!("{calls}?access_token={}", secret("query-token"))))
            .await;
        for (name, token) in [
            ("an expired token", token(&secret("jwt-hs"), "hs", -3600)),
            (
                "a token of another key",
                token("another key of thirty-two bytes and more", "hs", 3600),
            ),
            ("a token of an unknown key", token(&secret("jwt-hs"), "unknown", 3600)),
        ] {
            self.canary(name, signature(&token), false);
            self.refused(401, http.get(&calls).bearer_auth(token)).await;
        }
        let posted = |body: String| {
            http.post(&calls)
                .bearer_auth(&good)
                .header("content-type", "application/json")
                .body(body)
        };
        let to = json!(format!("+{CALLED}"));
        let broken = format!("{{\"to\":\"{}\",", secret("broken-body"));
        self.refused(400, posted(broken)).await;
        for (status, body) in [
            (
                422,
                json!({ "to": to, "actions": [], "password": secret("unknown-field") }),
            ),
            (422, json!({ "to": { "number": secret("wrong-type") }, "actions": [] })),
            (
                422,
                json!({ "to": format!("+{MISTYPED}"), "actions": [{ "type": "say", "text": "x" }] }),
            ),
            (
                422,
                json!({ "to": to, "actions": [{ "type": "play", "url": format!("http://10.0.0.1/a.mp3?key={}", secret("play-query")) }] }),
            ),
        ] {
            self.refused(status, posted(body.to_string())).await;
        }
        let once = |body: Value| posted(body.to_string()).header("idempotency-key", "one");
        let first = json!({ "to": to, "actions": [{ "type": "say", "text": "Um" }] });
        let answer = once(first).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let second = json!({ "to": to, "actions": [{ "type": "say", "text": secret("idempotency-body") }] });
        self.refused(422, once(second)).await;
    }

    /// Webhooks: wrong secrets, bodies of any bytes, and one of a stranger.
    async fn webhooks(&mut self) {
        let http = http();
        for (account, kind) in [(ZENVIA, "/call-end"), (WHATSAPP, "")] {
            let url = self.url(&format!("/webhooks/{account}{kind}/{}", secret("wrong-hook")));
            self.refused(404, http.post(url).body("{}")).await;
        }
        let body = json!({ "status": "x", "token": secret("webhook-field"), "origem": REPORTED, "destino": REPORTED });
        let bodies = [
            body.to_string(),
            "{".to_owned() + &secret("webhook-field"),
            "\u{0}\u{1b}[31m".to_owned(),
            "[".repeat(500),
        ];
        for hook in ["hook-zenvia", "hook-zenvia-old"] {
            for kind in ["call-end", "tts-end", "sms-reply", "balance"] {
                let url = self.url(&format!("/webhooks/{ZENVIA}/{kind}/{}", secret(hook)));
                for body in &bodies {
                    let taken = http.post(&url).body(body.clone()).send().await.unwrap();
                    self.output.show(taken.text().await.unwrap());
                }
            }
        }
        let url = self.url(&format!("/webhooks/{WHATSAPP}/{}", secret("hook-positus")));
        for body in &bodies {
            let taken = http.post(&url).body(body.clone()).send().await.unwrap();
            self.output.show(taken.text().await.unwrap());
        }
    }

    async fn operators(&mut self) {
        for path in ["/metrics", "/health", "/accounts", "/health/ready"] {
            let url = format!("http://{}{path}", self.gateway.management);
            let text = http().get(url).send().await.unwrap().text().await.unwrap();
            self.output.show(text);
        }
    }
}

/// What the commands say about faulty configurations.
fn faulty(directory: &Path) -> String {
    let short = &secret("short-config")[..20];
    fs::write(directory.join("short"), short).unwrap();
    fs::write(directory.join("pem"), secret("not-a-pem")).unwrap();
    let dir = directory.display();
    let toml = format!(
        r#"
[auth]
issuer = "x"
jwks_url = "https://me:{jwks}@keys.example.com/"
keys = [ {{ id = "1", alg = "HS256", secret = "file::{dir}/short" }},
         {{ id = "2", alg = "EdDSA", public_key = "file::{dir}/pem" }},
         {{ id = "3", alg = "HS256", secret = "{inline}" }} ]
[accounts.z]
provider = "zenvia"
owner = "x"
base_url = "https://me:{url}@api.example.com/"
keys = [ {{ id = "1", secret = "env::CANARY" }} ]
webhook_keys = [ {{ id = "1", secret = "env::CANARY" }} ]
"#,
        jwks = secret("jwks-password"),
        url = secret("url-password"),
        inline = secret("env-secret"),
    );
    let path = directory.join("faulty.toml");
    fs::write(&path, toml).unwrap();
    let mut told = String::new();
    for command in ["check-config", "serve"] {
        let run = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args([command, "--config"])
            .arg(&path)
            .env("CANARY", secret("env-secret"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!run.status.success());
        told += &String::from_utf8_lossy(&run.stdout);
        told += &String::from_utf8_lossy(&run.stderr);
    }
    assert!(
        told.contains("jwks_url") && told.contains("base_url") && told.contains("public_key"),
        "{told}"
    );
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_anything_that_comes_out() {
    let redis = Server::start();
    let password = secret("redis-password");
    redis.ask(&["CONFIG", "SET", "requirepass", &password]);
    let receiver = Receiver::start(|nth| Reaction::Status(if nth == 0 { 500 } else { 200 })).await;
    let providers = providers().await;
    let mut home = Home::on("memory:", &providers);
    furnish(&mut home, &redis, &receiver);
    let stderr = home.path().join("stderr");
    let gateway = Process::start_with(&home, |command| {
        command.stderr(File::create(&stderr).unwrap());
    });
    let good = token(&secret("jwt-hs"), "hs", 3600);
    let acme = Client::to(&format!("http://{}", gateway.address), good.clone());
    let mut run = Run {
        gateway,
        acme,
        providers,
        canaries: Vec::new(),
        output: Output::default(),
    };
    for name in SECRETS {
        run.canary(name, secret(name), false);
    }
    run.canary("a good token", signature(&good), false);
    run.canary("the code of a test number", "8360175294", false);
    for number in [CALLED, VERIFIED, SPOKEN_TO, JOINED, REVIEWED, MISTYPED, REPORTED] {
        run.canary("a full number", number, true);
    }
    run.hear();
    run.good_course().await;
    run.bad_course().await;
    run.webhooks().await;
    eventually("both subscriptions got something", async || {
        (receiver.got().len() >= 4).then_some(())
    })
    .await;
    run.operators().await;

    let Run {
        mut gateway,
        canaries,
        mut output,
        ..
    } = run;
    let command_line = fs::read(format!("/proc/{}/cmdline", gateway.pid())).unwrap();
    output.shown.extend(command_line);
    gateway.kill();
    let log = gateway.log();
    assert!(log.lines().count() > 40, "it logs: {log}");
    output.show(log);
    output.show(fs::read_to_string(stderr).unwrap());
    output.show(faulty(home.path()));
    let keys = redis.ask(&["-a", &password, "--no-auth-warning", "--scan"]);
    assert!(keys.lines().count() > 10, "{keys}");
    output.show(keys);
    for letter in receiver.got() {
        output.tell(format!("{:?} {}", letter.headers, letter.body));
    }

    let rejected = Canary {
        name: "a refused key",
        value: "\"last_rejected\":\"2".to_owned(),
        told_to_its_owner: true,
    };
    let different: std::collections::BTreeSet<_> = canaries.iter().map(|canary| &canary.value).collect();
    assert!(different.len() >= 40, "{}", different.len());
    let secrets: Vec<_> = canaries
        .iter()
        .filter(|canary| !canary.told_to_its_owner)
        .cloned()
        .collect();
    assert_eq!(found(&canaries, &output.shown), Vec::<String>::new());
    assert_eq!(found(&secrets, &output.told), Vec::<String>::new());
    // The search sees what is there, and the refused key was sent.
    assert!(
        !found(&canaries, &output.told).is_empty(),
        "a number is in its own call"
    );
    assert!(!found(&[rejected], &output.shown).is_empty());
    let searched = output.shown.len() + output.told.len();
    println!(
        "{} canaries, each in {} writings, searched in {searched} bytes: 0 found",
        different.len(),
        writings("x").len()
    );
}

#[test]
fn a_planted_secret_is_found_in_every_writing() {
    for name in SECRETS {
        let canary = [Canary {
            name,
            value: secret(name),
            told_to_its_owner: false,
        }];
        for (writing, text) in writings(&canary[0].value) {
            let planted = [b"{\"level\":\"INFO\",\"message\":\"".as_slice(), &text, b"\"}\n"].concat();
            assert!(!found(&canary, &planted).is_empty(), "{name} in {writing}");
        }
        let inside = format!("{}{}", "x".repeat(name.len() % 3), secret(name));
        for encoded in [base64(&inside), base64(&format!("{inside}."))] {
            assert!(
                !found(&canary, encoded.as_bytes()).is_empty(),
                "{name} within a longer text"
            );
        }
        assert!(found(&canary, b"nothing of the kind").is_empty());
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
