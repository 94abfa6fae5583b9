//! Calls are placed, asked for and acted on.

use serde_json::json;
use switchboard::domain::call::{AnsweredBy, CallStatus, Direction, LegSide};
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{Control, MonitorMode, Provider};

use super::*;

#[tokio::test]
async fn each_kind_is_placed_and_told_to_its_end() {
    let sim = Sim::start().await;
    for (actions, kind) in [
        (vec![say()], CallKind::Say),
        (vec![play()], CallKind::Play),
        (vec![say(), play()], CallKind::Flow),
        (vec![join(OFFICE)], CallKind::Connect),
    ] {
        let script = Script::Actions(
            actions
                .into_iter()
                .map(|what| Action { what, on_digit: None })
                .collect(),
        );
        let placed = NewCall {
            script,
            from: Some(party(OFFICE)),
            ..call(MOBILE, [])
        };
        assert_eq!(placed.kind(), kind);
        let reference = sim.place(&placed).await;
        let facts = sim.fetch_ended(kind, &reference).await;
        assert_eq!(facts.status, Some(CallStatus::Completed), "{kind}");
        assert_eq!((facts.kind, facts.direction), (Some(kind), Some(Direction::Outbound)));
        assert_eq!(facts.reference, Some(reference));
        assert_eq!(
            (facts.to, facts.from),
            (Some(party(MOBILE)), Some(party(OFFICE))),
            "{kind}"
        );
        assert!(
            facts.price.is_some() && facts.billed_seconds.is_some() && facts.answered_at.is_some(),
            "{kind}"
        );
        assert!(
            facts.ended_at >= facts.answered_at && facts.answered_at >= facts.ringing_at,
            "{kind}"
        );
        let tagged = matches!(kind, CallKind::Connect | CallKind::Flow);
        assert_eq!(facts.echoed, tagged.then_some(placed.id), "{kind}");
    }
    assert_eq!(sim.handle.dials().len(), 4, "each was placed once");
}

#[tokio::test]
async fn the_party_chooses_how_a_call_ends() {
    let sim = Sim::start().await;
    for (digits, status, q850) in [
        ("0001", CallStatus::Busy, 17),
        ("0002", CallStatus::NoAnswer, 19),
        ("0003", CallStatus::Rejected, 21),
    ] {
        let placed = call(&format!("+551198888{digits}"), [say()]);
        let reference = sim.place(&placed).await;
        let facts = sim.fetch_ended(CallKind::Say, &reference).await;
        assert_eq!(facts.status, Some(status));
        assert_eq!(facts.hangup.unwrap().q850, Some(q850));
        assert_eq!(facts.answered_at, None);
    }
}

#[tokio::test]
async fn a_call_of_two_legs_tells_both() {
    let sim = Sim::start().await;
    let placed = NewCall {
        tag: Some("order-7".into()),
        record: true,
        ..call("ext:4000", [join(MOBILE)])
    };
    let reference = sim.place(&placed).await;
    let facts = sim.fetch_ended(CallKind::Connect, &reference).await;
    assert_eq!((facts.tag.as_deref(), facts.echoed), (Some("order-7"), Some(placed.id)));
    let legs: Vec<_> = facts
        .legs
        .iter()
        .map(|leg| (leg.side, leg.address.clone().unwrap()))
        .collect();
    assert_eq!(
        legs,
        [(LegSide::Caller, party("ext:4000")), (LegSide::Callee, party(MOBILE))]
    );
    assert_eq!(facts.status, Some(CallStatus::Completed));
    assert_eq!(
        sim.handle.dials()[0].origin.as_deref(),
        Some("4000"),
        "an extension is dialled by its digits"
    );
}

#[tokio::test]
async fn digits_are_collected() {
    let sim = Sim::start().await;
    sim.knobs(|knobs| knobs.dtmf = "42".into());
    let reference = sim
        .place(&NewCall {
            collect_digits: true,
            ..call(MOBILE, [say()])
        })
        .await;
    let facts = sim.fetch_ended(CallKind::Say, &reference).await;
    assert_eq!(facts.digits.as_deref(), Some("42"));
    assert_eq!(facts.answered_by, None::<AnsweredBy>);
}

#[tokio::test]
async fn a_call_can_be_planned() {
    let sim = Sim::start().await;
    let later = Timestamp::from_millis(4_102_444_800_000);
    let reference = sim
        .place(&NewCall {
            schedule_at: Some(later),
            ..call(OFFICE, [join(MOBILE)])
        })
        .await;
    let facts = sim.fetch(CallKind::Connect, &reference).await;
    assert_eq!(
        (facts.created_at, facts.status),
        (Some(later), Some(CallStatus::Queued))
    );
}

#[tokio::test]
async fn a_live_call_is_transferred_heard_and_hung_up() {
    let sim = Sim::talkative().await;
    let reference = sim.place(&call(OFFICE, [join(MOBILE)])).await;
    let target = Target {
        kind: CallKind::Connect,
        reference: &reference,
    };
    let answered = |facts: &CallFacts| facts.status == Some(CallStatus::InProgress);
    let live = sim.fetch_when(CallKind::Connect, &reference, answered).await;
    assert_eq!(
        (live.price, live.ended_at, live.hangup),
        (None, None, None),
        "what still grows is not told"
    );
    for mode in MonitorMode::ALL {
        sim.zenvia.monitor(target, &party("ext:4001"), *mode).await.unwrap();
    }
    for leg in LegSide::ALL {
        sim.zenvia
            .transfer(target, &party("+5511977776666"), *leg)
            .await
            .unwrap();
    }
    sim.zenvia.hang_up(target).await.unwrap();
    let ended = sim.fetch_ended(CallKind::Connect, &reference).await;
    assert_eq!(ended.status, Some(CallStatus::Completed));
    let over = sim.zenvia.hang_up(target).await.unwrap_err();
    assert_eq!(
        (over.kind, over.code.as_deref()),
        (FailureKind::Refused(Refusal::NotActive), Some("80"))
    );
}

#[tokio::test]
async fn only_calls_of_two_legs_can_be_acted_on() {
    let sim = Sim::start().await;
    let control = sim.zenvia.control().unwrap();
    for kind in CallKind::ALL {
        assert_eq!(
            !control.controls(*kind).is_empty(),
            *kind == CallKind::Connect,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_call_nobody_knows_is_not_found() {
    let sim = Sim::start().await;
    for kind in [
        CallKind::Connect,
        CallKind::Say,
        CallKind::Play,
        CallKind::Flow,
        CallKind::Did,
    ] {
        for id in ["1", "../saldo", "", "1?x=2"] {
            let reference = ProviderRef::id(id);
            let failure = sim
                .zenvia
                .fetch(Target {
                    kind,
                    reference: &reference,
                })
                .await
                .unwrap_err();
            assert_eq!(failure.kind, FailureKind::Refused(Refusal::NotFound), "{kind} {id}");
        }
    }
    assert!(
        sim.zenvia
            .fetch(Target {
                kind: CallKind::Queue,
                reference: &ProviderRef::id("1")
            })
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_received_call_is_told() {
    let sim = Sim::start().await;
    let parties = json!({ "from": "+5511977776666", "to": OFFICE });
    let answer = sim.controls().post("incoming", parties).await;
    let reference = ProviderRef::id(answer["id"].to_string());
    let facts = sim.fetch_ended(CallKind::Did, &reference).await;
    assert_eq!(
        (facts.kind, facts.direction),
        (Some(CallKind::Did), Some(Direction::Inbound))
    );
    assert_eq!(
        (facts.from, facts.to),
        (Some(party("+5511977776666")), Some(party(OFFICE)))
    );
    assert_eq!(facts.status, Some(CallStatus::Completed));
}
