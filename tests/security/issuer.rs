//! A gateway whose issuer publishes its keys at a URL.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use switchboard::app::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::bed::{Client, Home, Providers, Tokens, eventually};

/// An issuer with a key for each name, which publishes those it is told to.
struct Issuer {
    keys: Vec<(String, EncodingKey)>,
    published: Arc<Mutex<Vec<Value>>>,
}

impl Issuer {
    fn new(names: &[&str]) -> Self {
        let key = |name: &&str| {
            let pair = Ed25519KeyPair::generate().unwrap();
            let private: Pkcs8V1Der = pair.as_der().unwrap();
            ((*name).to_owned(), EncodingKey::from_ed_der(private.as_ref()))
        };
        Self {
            keys: names.iter().map(key).collect(),
            published: Arc::default(),
        }
    }

    fn key(&self, name: &str) -> &EncodingKey {
        &self.keys.iter().find(|(own, _)| own == name).unwrap().1
    }

    fn publish(&self, names: &[&str]) {
        let jwk = |name: &&str| {
            let mut jwk =
                serde_json::to_value(Jwk::from_encoding_key(self.key(name), Algorithm::EdDSA).unwrap()).unwrap();
            jwk["kid"] = json!(name);
            jwk
        };
        *self.published.lock().unwrap() = names.iter().map(jwk).collect();
    }

    /// A token of acme with every scope.
    fn token(&self, name: &str) -> String {
        let header = Header {
            kid: Some(name.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &Tokens::claims("acme"), self.key(name)).unwrap()
    }

    /// Answers whoever connects with what is published then.
    fn serve(&self, listener: TcpListener) {
        let published = Arc::clone(&self.published);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // Whatever is asked for, it is this.
                let _ = stream.read(&mut [0; 4096]).await;
                let body = json!({ "keys": *published.lock().unwrap() }).to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes()).await;
            }
        });
    }
}

/// A gateway whose issuer is to publish its keys at this port.
async fn gateway(port: u16, more: &str) -> (Home, App) {
    let mut home = Home::on("memory:", &Providers::start().await);
    home.lay_over(&format!(
        "[auth]\njwks_url = \"http://127.0.0.1:{port}/jwks.json\"\n{more}"
    ));
    let app = home.run().await;
    (home, app)
}

async fn management(app: &App, path: &str) -> Value {
    let management = Client::to(&format!("http://{}", app.management_address), String::new());
    management.get(path).await.expect(200).body.clone()
}

async fn health(app: &App) -> Value {
    management(app, "/health").await
}

/// Whether `status` says that a person is needed, since every token is refused.
async fn needs_keys(app: &App) -> bool {
    let status = management(app, "/status").await;
    let mut needs = status["needs"].as_array().unwrap().iter();
    needs.any(|need| need["kind"] == "tokens_refused")
}

fn client(app: &App, token: String) -> Client {
    Client::to(&format!("http://{}", app.address), token)
}

#[tokio::test]
async fn a_rotation_fails_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = Issuer::new(&["1", "2", "unpublished"]);
    issuer.publish(&["1"]);
    let port = listener.local_addr().unwrap().port();
    issuer.serve(listener);
    let (home, app) = gateway(port, "").await;
    let (old, new) = (client(&app, issuer.token("1")), client(&app, issuer.token("2")));
    old.get("/calls").await.expect(200);
    home.client(app.address, "acme").get("/calls").await.expect(200);
    assert_eq!(health(&app).await["issuer"]["keys"], json!(["1"]));
    issuer.publish(&["2", "1"]);
    // The next fetch begins ten seconds after the first at the earliest.
    eventually("the new key counts", async || {
        old.get("/calls").await.expect(200);
        let answer = new.get("/calls").await;
        if answer.status != 200 {
            answer.expect_problem(401, "unauthenticated");
            return None;
        }
        Some(())
    })
    .await;
    let health = health(&app).await;
    assert_eq!(
        (&health["issuer"]["status"], &health["issuer"]["keys"]),
        (&json!("current"), &json!(["2", "1"]))
    );
    let of_token_keys = |key: &Value| {
        let told = |name| key[name].as_str().unwrap().to_owned();
        (
            told("ring"),
            told("id"),
            key["last_accepted"].is_string(),
            key["safe_to_revoke"] == true,
        )
    };
    let keys: Vec<_> = health["token_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(of_token_keys)
        .collect();
    let published = |id: &str| ("auth.jwks_url".to_owned(), id.to_owned(), true, false);
    assert_eq!(keys[keys.len() - 2..], [published("2"), published("1")], "{health}");
    let metrics = Client::to(&format!("http://{}", app.management_address), String::new());
    eventually("each shows in the metrics", async || {
        let page = metrics.get("/metrics").await.body.to_string();
        page.contains(r#"accepted_timestamp_seconds{ring=\"auth.jwks_url\",key=\"2\"}"#)
            .then_some(())
    })
    .await;
    client(&app, issuer.token("unpublished"))
        .get("/calls")
        .await
        .expect_problem(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test]
async fn a_gateway_without_a_key_says_so_and_recovers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (_home, app) = gateway(port, "keys = []\n").await;
    let issuer = Issuer::new(&["1"]);
    issuer.publish(&["1"]);
    let acme = client(&app, issuer.token("1"));
    let answer = acme.get("/calls").await;
    answer.expect_problem(503, "provider-unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(needs_keys(&app).await);
    let told = health(&app).await;
    assert_eq!(
        (&told["status"], &told["issuer"]["status"]),
        (&json!("ready"), &json!("away")),
        "{told}"
    );
    assert!(
        told["issuer"]["failure"].as_str().unwrap().starts_with("no connection"),
        "{told}"
    );
    assert!(
        told["warnings"].to_string().contains("every token is refused"),
        "{told}"
    );
    issuer.serve(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
    eventually("the keys are fetched", async || {
        (acme.get("/calls").await.status == 200).then_some(())
    })
    .await;
    let told = health(&app).await;
    assert_eq!(told["issuer"]["status"], "current", "{told}");
    assert!(
        !told["warnings"].to_string().contains("every token is refused"),
        "{told}"
    );
    app.stop().await;
}
