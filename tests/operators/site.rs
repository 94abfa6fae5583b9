//! A gateway in a process of its own, and the commands that are run beside it.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::bed::redis::Server;
use crate::bed::{Client, Home, Process, Providers, Receiver, eventually};

/// The number whose traces are looked for; it is answered.
pub const NUMBER: &str = "+5511988887777";
/// What signs deliveries.
pub const SECRET: &str = "a secret of twenty-four bytes or more";

pub struct Site {
    pub gateway: Process,
    pub home: Home,
    pub providers: Providers,
    pub redis: Option<Server>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Site {
    /// Starts everything over files, with more configuration; webhooks arrive.
    pub async fn start(furnish: impl FnOnce(&mut Home)) -> Self {
        let providers = Providers::start().await;
        let home = Home::embedded(&providers);
        Self::within(home, providers, None, furnish).await
    }

    /// The same over a real Redis.
    pub async fn on_redis(furnish: impl FnOnce(&mut Home)) -> Self {
        let (providers, redis) = (Providers::start().await, Server::start());
        let home = Home::on(&redis.url(), &providers);
        Self::within(home, providers, Some(redis), furnish).await
    }

    async fn within(
        mut home: Home,
        providers: Providers,
        redis: Option<Server>,
        furnish: impl FnOnce(&mut Home),
    ) -> Self {
        furnish(&mut home);
        let gateway = Process::start(&home);
        providers.tell(&home, gateway.address).await;
        Self {
            gateway,
            home,
            providers,
            redis,
        }
    }

    pub fn acme(&self) -> Client {
        self.home.client(self.gateway.address, "acme")
    }

    /// A command with the management listener of the gateway.
    pub async fn run(&self, command: &[&str]) -> Done {
        let management = format!("http://{}", self.gateway.management);
        run(&[command, &["--management", &management]].concat()).await
    }

    /// What the management listener says.
    pub async fn ask(&self, path: &str) -> Value {
        let operator = Client::to(&format!("http://{}", self.gateway.management), String::new());
        operator.get(path).await.expect(200).body.clone()
    }

    /// A call to the number that has ended and of which everything was told.
    pub async fn ended_call(&self, request_id: &str) -> String {
        let acme = self.acme();
        let body = json!({ "to": NUMBER, "tag": "pedido", "actions": [{ "type": "connect", "to": "+551130031000" }] });
        let placed = acme
            .ask(reqwest::Method::POST, "/calls")
            .header("x-request-id", request_id)
            .key(request_id)
            .json(&body);
        let id = placed.answer().await.expect(201).id();
        acme.ended(&id).await;
        self.told(&id, "call.ended").await;
        id
    }

    /// A verification of the number that was approved, after a wrong code; and the right one.
    pub async fn approved(&self) -> (String, String) {
        let acme = self.acme();
        let body = json!({ "to": NUMBER, "channel": "sms" });
        let id = acme.post("/verifications", body).await.expect(201).id();
        let code = self.providers.zenvia.last_code(NUMBER).expect("a code was sent").code;
        let wrong = if code.starts_with('1') { '2' } else { '1' };
        let path = format!("/verifications/{id}/check");
        let wrong = json!({ "code": format!("{wrong}{}", &code[1..]) });
        acme.post(&path, wrong).await.expect(200);
        let checked = acme.post(&path, json!({ "code": code })).await;
        assert_eq!(checked.expect(200).body["status"], "approved");
        self.told(&id, "verification.approved").await;
        (id, code)
    }

    /// The event of a type about a subject, once it is in the log.
    pub async fn told(&self, subject: &str, kind: &str) -> Value {
        let (acme, path) = (self.acme(), format!("/events?subject={subject}&types={kind}"));
        eventually("it is told", async || {
            let events = acme.get(&path).await.expect(200).body["data"].clone();
            events.get(0).cloned()
        })
        .await
    }
}

/// Runs `switchboard` to its end.
pub async fn run(command: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(command)
        .output()
        .await
        .unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A home of which every event goes to a receiver.
pub fn subscribed(home: &mut Home, receiver: &Receiver) {
    home.subscribe("billing", "acme", (&receiver.url, &[SECRET]));
}
