//! Traces over OTLP, from a gateway in a process of its own.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::bed::{Client, Home, PROVIDER_TOKEN, Process, Providers, eventually};
use crate::collector::{Collector, attribute};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLERS_SPAN: &str = "00f067aa0ba902b7";

/// A gateway that sends its spans to a collector soon.
async fn gateway(home: &mut Home, providers: &Providers, collector: &str) -> Process {
    home.lay_over(&format!("[telemetry]\notlp_endpoint = \"{collector}\"\n"));
    let soon = ("OTEL_BSP_SCHEDULE_DELAY", "20");
    let gateway = Process::start_with(home, |command| {
        command.envs([soon, ("NO_PROXY", "127.0.0.1")]);
    });
    providers.tell(home, gateway.address).await;
    gateway
}

async fn call(acme: &Client, flags: &str) -> Value {
    let placed = acme
        .ask(Method::POST, "/calls")
        .header("traceparent", &format!("00-{TRACE}-{CALLERS_SPAN}-{flags}"))
        .header("x-request-id", "the-callers-request")
        .json(&json!({"to": "11988887777", "actions": [{"type": "say", "text": "Segredo do pedido"}]}))
        .answer()
        .await;
    let id = placed.expect(201).id();
    let ended = acme.ended(&id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    ended
}

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<&Span> {
    spans.iter().filter(|span| span.kind == kind as i32).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_holds_the_request_the_provider_the_webhooks_and_the_events_of_a_call() {
    let (collector, providers) = (Collector::start().await, Providers::start().await);
    let mut home = Home::embedded(&providers);
    let gateway = gateway(&mut home, &providers, &collector.url).await;
    let acme = home.client(gateway.address, "acme");
    let call = call(&acme, "01").await;
    let ours = eventually("the end of the call is traced", async || {
        let spans = collector.spans();
        let ours: Vec<_> = spans.into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
        let all =
            ours.iter().any(|span| span.name == "call.ended") && ours.iter().any(|span| span.name == "POST /calls");
        all.then_some(ours)
    })
    .await;

    let request = ours.iter().find(|span| span.name == "POST /calls").unwrap();
    assert_eq!(request.kind, SpanKind::Server as i32);
    assert_eq!(hex(&request.parent_span_id), CALLERS_SPAN);
    let told = |key| attribute(&request.attributes, key);
    assert_eq!(told("switchboard.request_id"), Some("the-callers-request"));

    let exchanges = of_kind(&ours, SpanKind::Client);
    let [exchange] = exchanges.as_slice() else {
        panic!("{exchanges:?}")
    };
    assert_eq!(exchange.parent_span_id, request.span_id);
    assert_eq!(
        attribute(&exchange.attributes, "switchboard.account"),
        Some("zenvia-br")
    );
    assert_eq!(attribute(&exchange.attributes, "switchboard.outcome"), Some("success"));

    let webhooks = of_kind(&ours, SpanKind::Consumer);
    let id = call["id"].as_str();
    for webhook in &webhooks {
        assert_eq!(
            (webhook.name.as_str(), &webhook.parent_span_id),
            ("webhook", &request.span_id)
        );
        assert_eq!(attribute(&webhook.attributes, "switchboard.call"), id);
    }
    let ended = ours.iter().find(|span| span.name == "call.ended").unwrap();
    assert_eq!(ended.kind, SpanKind::Producer as i32);
    assert_eq!(attribute(&ended.attributes, "switchboard.subject"), id);
    let cause = webhooks
        .iter()
        .find(|webhook| webhook.span_id == ended.parent_span_id)
        .unwrap();

    // The webhook's own request is another trace, and the call's is linked to it.
    let brought = cause.links.first().unwrap();
    let bringer = eventually("the webhook's request is traced", async || {
        collector
            .spans()
            .into_iter()
            .find(|span| span.span_id == brought.span_id)
    })
    .await;
    assert_eq!(bringer.trace_id, brought.trace_id);
    assert_eq!(bringer.name, "POST /webhooks/{account}/{kind}/{secret}");

    assert_eq!(attribute(&collector.resource(), "service.name"), Some("switchboard"));
    let text = collector.text();
    for secret in ["988887777", "the-secret-part", "Segredo do pedido", PROVIDER_TOKEN] {
        assert!(!text.contains(secret), "{secret} is in a span: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_does_not_record_its_trace_is_not_recorded() {
    let (collector, providers) = (Collector::start().await, Providers::start().await);
    let mut home = Home::embedded(&providers);
    let gateway = gateway(&mut home, &providers, &collector.url).await;
    let acme = home.client(gateway.address, "acme");
    call(&acme, "00").await;
    acme.get("/calls").await.expect(200);
    let spans = eventually("a later request is traced", async || {
        let spans = collector.spans();
        spans.iter().any(|span| span.name == "GET /calls").then_some(spans)
    })
    .await;
    assert!(spans.iter().all(|span| hex(&span.trace_id) != TRACE), "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_or_never_answers_costs_no_request_and_is_told_of_once() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for collector in [silent.local_addr().unwrap(), gone] {
        let providers = Providers::start().await;
        let mut home = Home::embedded(&providers);
        let gateway = gateway(&mut home, &providers, &format!("http://{collector}")).await;
        let acme = home.client(gateway.address, "acme");
        call(&acme, "01").await;
        // More spans than the queue holds.
        for _ in 0..3_000 {
            acme.get("/calls/call_0").await.expect(404);
        }
        if collector == gone {
            eventually("the log says so", async || {
                gateway.log().contains("spans cannot be sent").then_some(())
            })
            .await;
        }
        assert!(
            gateway.log().matches("spans cannot be sent").count() <= 1,
            "{}",
            gateway.log()
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
