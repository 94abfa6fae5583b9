//! The page that tries the API out, in a real browser that has no network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../bed/mod.rs"]
mod bed;
mod chromium;
mod swagger;

use bed::{Home, Providers};
use chromium::picture;
use fantoccini::Client;
use serde_json::Value;
use swagger::Swagger;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_opens_the_page_authorizes_and_tries_the_api_out() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let gateway = home.run().await;
    let base = format!("http://{}", gateway.address);
    let token = home.tokens.of("acme");

    chromium::visit(async |browser| {
        browser.goto(&format!("{base}/swagger-ui/")).await.unwrap();
        let page = Swagger(browser);
        page.authorize(&token).await;

        let calls = page.open("Calls", "placeCall").await;
        calls.choose_example("say").await;
        assert!(calls.body().await.contains("Seu pedido saiu"));
        let (status, body) = calls.execute().await;
        picture(browser, "calls").await;
        assert_eq!(status.trim(), "201", "{body}");
        let call: Value = serde_json::from_str(&body).unwrap();
        assert!(call["id"].as_str().unwrap().starts_with("call_"));

        let history = page.open("History", "listHistory").await;
        let (status, body) = history.execute().await;
        picture(browser, "history").await;
        assert_eq!(status.trim(), "200", "{body}");

        let visited = requests(browser).await;
        assert!(visited.len() > 5, "{visited:?}");
        assert!(visited.iter().all(|url| url.starts_with(&base)), "{visited:?}");
    })
    .await;
    gateway.stop().await;
}

/// The address of every request of the page, the failed ones included.
async fn requests(browser: &Client) -> Vec<String> {
    let script = "return performance.getEntries().filter(entry => entry.initiatorType).map(entry => entry.name)";
    serde_json::from_value(browser.execute(script, Vec::new()).await.unwrap()).unwrap()
}
