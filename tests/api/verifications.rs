//! Verifications that cannot be sent or checked: the problem, the field, and that nothing was sent or spent.

use serde_json::json;

use crate::site::{NUMBER, Site, expect_wrong, with};

#[tokio::test]
async fn a_verification_that_cannot_be_sent_names_why_and_sends_nothing() {
    let site = Site::start().await;
    let send = json!({ "to": NUMBER, "channel": "sms" });
    for party in ["abc", "190", "ext:4000", "whatsapp:+5511988887777", "+55119888877"] {
        expect_wrong(
            &site
                .acme
                .post("/verifications", with(&send, json!({ "to": party })))
                .await,
            "/to",
            "invalid",
        );
    }
    for address in ["x", "10.0.0", "::g"] {
        let answer = site
            .acme
            .post("/verifications", with(&send, json!({ "client_ip": address })))
            .await;
        expect_wrong(&answer, "/client_ip", "invalid");
    }
    let unknown = site
        .acme
        .post("/verifications", with(&send, json!({ "account": "nobody" })))
        .await;
    expect_wrong(&unknown, "/account", "unknown");
    let unable = site
        .acme
        .post("/verifications", with(&send, json!({ "account": "whatsapp" })))
        .await;
    unable.expect_problem(422, "not-supported");
    let abroad = site
        .acme
        .post("/verifications", with(&send, json!({ "to": "+14155552671" })))
        .await;
    abroad.expect_problem(422, "destination-not-allowed");
    assert_eq!(site.asked("POST", "/verificacao"), 0);
}

#[tokio::test]
async fn a_code_that_is_none_costs_no_attempt() {
    let site = Site::start().await;
    let verification = site
        .acme
        .post("/verifications", json!({ "to": NUMBER, "channel": "sms" }))
        .await
        .expect(201)
        .id();
    let path = format!("/verifications/{verification}");
    for code in ["12345", "1234567", "abcdef", "１２３４５６", "-", "12.456"] {
        let answer = site.acme.post(&format!("{path}/check"), json!({ "code": code })).await;
        expect_wrong(&answer, "/code", "invalid");
    }
    assert_eq!(site.acme.get(&path).await.expect(200).body["attempts_left"], 5);
    assert_eq!(site.asked("GET", "/verificacao"), 0);
}

#[tokio::test]
async fn a_test_number_takes_its_own_code_whatever_its_length() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "4242").unwrap();
    let numbers = format!(
        "[verification.test_numbers]\n\"{NUMBER}\" = \"file::{}\"\n",
        file.path().display()
    );
    let site = Site::configured(&numbers).await;
    let verification = site.verification(NUMBER).await;
    let path = format!("/verifications/{verification}");
    assert_eq!(site.acme.get(&path).await.expect(200).body["code_length"], 4);
    let checked = site
        .acme
        .post(&format!("{path}/check"), json!({ "code": "4242" }))
        .await;
    assert_eq!(checked.expect(200).body["valid"], true);
    assert_eq!(site.asked("POST", "/verificacao"), 0);
}
