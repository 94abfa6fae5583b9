//! The bed itself.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::bed::{Home, Process, Providers, Tokens};

#[tokio::test]
async fn a_gateway_of_its_own_process_serves_a_call_from_dial_to_end() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let gateway = Process::start(&home);
    providers.tell(&home, gateway.address).await;
    let acme = home.client(gateway.address, "acme");
    let call = acme
        .post(
            "/calls",
            json!({"to": "11988887777", "actions": [{"type": "say", "text": "Oi"}]}),
        )
        .await;
    let ended = acme.ended(&call.expect(201).id()).await;
    assert_eq!(ended["status"], "completed", "{ended}");
}

#[tokio::test]
async fn a_gateway_in_this_process_takes_tokens_of_both_kinds() {
    let home = Home::embedded(&Providers::start().await);
    let gateway = home.run().await;
    let acme = home.client(gateway.address, "acme");
    acme.get("/calls").await.expect(200);
    let ed = home.tokens.sign(Algorithm::EdDSA, &Tokens::claims("acme"));
    acme.with_token(ed).get("/calls").await.expect(200);
}
