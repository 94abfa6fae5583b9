//! Recordings over real sockets: whole, in part, and only ever audio.

use std::collections::BTreeMap;

use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use switchboard::simulators::faults::{Answer as Reply, Effect};

use crate::bed::{Answer, Client, Providers};
use crate::site::{NUMBER, Site, say};

/// A part of a recording.
async fn part(client: &Client, path: &str, range: &str) -> Answer {
    client.ask(Method::GET, path).header("range", range).answer().await
}

/// Fails unless a recording of this type can be had there, whole and in part.
async fn expect_audio(client: &Client, path: &str, media_type: &str) {
    let answer = client.ask(Method::GET, path).stream().await;
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], media_type);
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    let whole = answer.bytes().await.unwrap();
    let length = whole.len();
    for (range, first, last) in [
        ("bytes=0-9".to_owned(), 0, 9),
        ("bytes=-5".to_owned(), length - 5, length - 1),
        (format!("bytes={}-", length - 3), length - 3, length - 1),
    ] {
        let answer = client.ask(Method::GET, path).header("range", &range).stream().await;
        assert_eq!(answer.status(), 206, "{range}");
        let told = format!("bytes {first}-{last}/{length}");
        assert_eq!(answer.headers()["content-range"], told.as_str());
        assert_eq!(answer.bytes().await.unwrap(), whole[first..=last], "{range}");
    }
    let beyond = part(client, path, &format!("bytes={length}-")).await;
    assert_eq!(
        beyond.expect(416).header("content-range"),
        Some(format!("bytes */{length}").as_str())
    );
    assert_eq!(beyond.body, "");
    let several = client.ask(Method::GET, path).header("range", "bytes=0-1,5-6");
    assert_eq!(
        several.stream().await.bytes().await.unwrap(),
        whole,
        "several ranges are none"
    );
}

impl Site {
    /// A recorded call of two phones, and its record.
    async fn recorded(&self) -> [String; 2] {
        let connect = json!({ "type": "connect", "to": "+551130031000" });
        let call = json!({ "to": "+5511970003456", "actions": [connect], "record": true, "tag": "recorded" });
        let call = self.acme.post("/calls", call).await.expect(201).id();
        self.acme.ended(&call).await;
        let history = self.acme.get("/history?tag=recorded").await;
        let record = history.expect(200).body["data"][0].clone();
        let path = record["recording_url"].as_str().unwrap().to_owned();
        assert_eq!(path, format!("/history/{}/recording", record["id"].as_str().unwrap()));
        [format!("/calls/{call}/recording"), path]
    }

    /// Has the API redirect to the host of recordings, or give them itself.
    async fn redirect_recordings(&self, redirect: bool) {
        let controls = Providers::controls(&self.providers.zenvia.url());
        let knobs = json!({ "redirect_recordings": redirect });
        let told = controls.ask(Method::PUT, "/knobs").json(&knobs);
        told.answer().await.expect(200);
    }
}

#[tokio::test]
async fn a_recording_comes_whole_or_in_part_by_its_call_and_by_its_record() {
    let site = Site::start().await;
    let paths = site.recorded().await;
    for path in &paths {
        expect_audio(&site.acme, path, "audio/mpeg").await;
    }
    // The host that the simulator redirects to refuses whoever brings the account's token.
    site.redirect_recordings(true).await;
    for path in &paths {
        expect_audio(&site.acme, path, "audio/mpeg").await;
    }
    let other = site.acme.with_token(site.home.tokens.of("other"));
    for path in &paths {
        other.get(path).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_record_of_a_campaign_has_its_recording() {
    let site = Site::start().await;
    let rows = json!({ "dialer": [
        { "id": 1, "start_time": "2020-05-01T12:00:00Z" },
        { "id": 2, "start_time": "2020-05-01T13:00:00Z", "talk_seconds": null },
    ] });
    let controls = Providers::controls(&site.providers.evolux.url());
    controls.post("/rows", rows).await.expect(200);
    let history = site.acme.get("/history?since=2020-05-01&until=2020-05-01").await;
    let id = |index: usize| {
        history.expect(200).body["data"][index]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    expect_audio(&site.acme, &format!("/history/{}/recording", id(1)), "audio/wav").await;
    let silent = site.acme.get(&format!("/history/{}/recording", id(0))).await;
    silent.expect_problem(404, "recording-not-available");
}

#[tokio::test]
async fn a_call_that_was_not_recorded_has_no_recording() {
    let site = Site::start().await;
    let call = site.acme.post("/calls", say(NUMBER)).await.expect(201).id();
    site.acme.ended(&call).await;
    let answer = site.acme.get(&format!("/calls/{call}/recording")).await;
    answer.expect_problem(404, "recording-not-available");
}

#[rstest]
#[case::a_page("text/html")]
#[case::an_error("application/json")]
#[case::a_picture("image/png")]
#[tokio::test]
async fn what_is_no_audio_is_not_given(#[case] media_type: &str) {
    let site = Site::start().await;
    let paths = site.recorded().await;
    let disguised = Effect::Status(Reply {
        code: 200,
        body: Some("<script>alert(1)</script>".to_owned()),
        headers: BTreeMap::from([("content-type".to_owned(), media_type.to_owned())]),
        acts: false,
    });
    site.hurt("GET", "/rec/", disguised.clone());
    site.redirect_recordings(true).await;
    for path in &paths {
        site.acme.get(path).await.expect_problem(404, "recording-not-available");
    }
    site.redirect_recordings(false).await;
    let call = paths[0].clone();
    site.hurt("GET", "/chamada/", disguised);
    site.acme.get(&call).await.expect_problem(503, "provider-unavailable");
}

#[tokio::test]
async fn a_redirect_is_followed_only_to_hosts_that_are_named_and_without_the_token() {
    let elsewhere = Providers::another_zenvia().await;
    let link = format!("{}/rec/?id=1&x=0123456789&cid=2150", elsewhere.url());
    let redirect = |site: &Site| {
        let redirect = Effect::Status(Reply {
            code: 302,
            body: Some(String::new()),
            headers: BTreeMap::from([("location".to_owned(), link.clone())]),
            acts: false,
        });
        site.hurt("GET", "/chamada/", redirect);
    };
    let site = Site::start().await;
    let [call, _] = site.recorded().await;
    redirect(&site);
    site.acme
        .get(&call)
        .await
        .expect_problem(404, "recording-not-available");
    assert!(
        elsewhere.control().requests().is_empty(),
        "a host of a payload was asked"
    );

    let site = Site::configured("[accounts.zenvia-br]\nrecording_hosts = [\"127.0.0.1\"]\n").await;
    let [call, _] = site.recorded().await;
    redirect(&site);
    // The simulated host refuses whoever brings the token.
    let answer = site.acme.ask(Method::GET, &call).stream().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(elsewhere.control().requests().len(), 1);
}

#[tokio::test]
async fn a_recording_that_breaks_off_does_not_end_well() {
    let site = Site::start().await;
    let [call, _] = site.recorded().await;
    site.hurt("GET", "/chamada/", Effect::TruncateAfter(1_000));
    let answer = site.acme.ask(Method::GET, &call).stream().await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
}
