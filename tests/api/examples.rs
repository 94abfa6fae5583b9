//! The document's own examples, sent as they are.

use serde_json::json;

use crate::document::{Operation, operations};
use crate::site::Site;

#[tokio::test]
async fn every_example_is_taken() {
    let site = Site::start().await;
    let mut sent = 0;
    for operation in operations() {
        for (name, example) in &operation.examples {
            let mut answer = site.acme.post(&target(&site, &operation).await, example.clone()).await;
            // Simulated calls are over in moments, on a slow machine before anybody acts on them: then on another one.
            for _ in 0..20 {
                if answer.body["type"] != "/problems/call-not-active" {
                    break;
                }
                answer = site.acme.post(&target(&site, &operation).await, example.clone()).await;
            }
            operation.documents(answer.status);
            assert!(answer.status < 300, "{} {name}: {}", operation.id, answer.body);
            sent += 1;
        }
    }
    assert!(sent >= 12, "only {sent} were sent");
}

/// The path of an operation on an object that it can be done to.
async fn target(site: &Site, operation: &Operation) -> String {
    let id = match operation.id.as_str() {
        "placeCall" | "startVerification" | "redeliver" => return operation.path.clone(),
        "acceptCall" => site.incoming_call().await,
        "transferCall" | "monitorCall" => site.talking_call().await,
        "checkVerification" | "resendVerification" => site.verification("+5511970005678").await,
        other => panic!("{other} has examples and no object to send them to"),
    };
    operation.path.replace("{id}", &id)
}

impl Site {
    async fn talking_call(&self) -> String {
        let call = self.live_call().await;
        crate::bed::eventually("it is answered", async || {
            let call = self.acme.get(&format!("/calls/{call}")).await;
            (call.expect(200).body["status"] == "in_progress").then_some(())
        })
        .await;
        call
    }

    pub async fn verification(&self, to: &str) -> String {
        let body = json!({ "to": to, "channel": "sms" });
        self.acme.post("/verifications", body).await.expect(201).id()
    }
}
