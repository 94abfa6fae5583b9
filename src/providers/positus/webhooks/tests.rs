#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::time::Timestamp;

const CONNECT: &str = include_str!("../../../../tests/fixtures/positus/connect_documented.json");
const TERMINATE: &str = include_str!("../../../../tests/fixtures/positus/terminate_documented.json");
const META_CONNECT: &str = include_str!("../../../../tests/fixtures/positus/meta_connect.json");
const META_FAILED: &str = include_str!("../../../../tests/fixtures/positus/meta_terminate_failed.json");
const STATUSES: &str = include_str!("../../../../tests/fixtures/positus/statuses.json");
const CHAT: &str = include_str!("../../../../tests/fixtures/positus/chat_message.json");
const COEX: &str = include_str!("../../../../tests/fixtures/positus/coex_history.json");
const OUR_ID: &str = "wacid.ABGG-_==";

fn own() -> PhoneNumber {
    PhoneNumber::lenient("+551122361741").unwrap()
}

fn parse(body: &[u8], own: &PhoneNumber) -> Result<Vec<News>, Unreadable> {
    let notices = super::parse(body, own)?;
    Ok(notices.into_iter().map(|notice| notice.news).collect())
}

fn news(body: &str) -> Vec<CallFacts> {
    let told = parse(body.as_bytes(), &own()).unwrap().into_iter();
    told.map(|news| match news {
        News::Call(facts) => *facts,
        News::Signal(signal) => panic!("{signal:?}"),
    })
    .collect()
}

fn only(body: &str) -> CallFacts {
    let mut told = news(body);
    assert_eq!(told.len(), 1);
    told.remove(0)
}

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp::from_seconds(seconds))
}

fn user(digits: &str) -> Option<Address> {
    Some(Address::Whatsapp(PhoneNumber::lenient(digits).unwrap()))
}

fn facts(id: &str, direction: Direction) -> CallFacts {
    CallFacts {
        reference: Some(ProviderRef::id(id)),
        direction: Some(direction),
        kind: Some(CallKind::Whatsapp),
        ..CallFacts::default()
    }
}

#[test]
fn the_documented_connect_is_an_offer_of_a_user_whatever_its_label() {
    let expected = CallFacts {
        status: Some(CallStatus::Ringing),
        from: user("554399951234"),
        to: user("551122361741"),
        session: Some(Session {
            kind: SessionType::Offer,
            sdp: "<<RFC 4566 SDP>>".into(),
        }),
        ..facts("wacid.HBgMNTU0Mzk5OTUxMjM0", Direction::Inbound)
    };
    assert_eq!(only(CONNECT), expected);
}

#[test]
fn the_documented_terminate_completes_the_call() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        from: user("554399951234"),
        to: user("551122361741"),
        answered_at: at(1_747_411_036),
        ended_at: at(1_747_411_095),
        talk_seconds: Some(59),
        hangup: Some(Hangup::from_q850(Some(16), vec!["COMPLETED".into()])),
        ..facts("wacid.HBgMNTU0Mzk5OTUxMjM0", Direction::Inbound)
    };
    assert_eq!(only(TERMINATE), expected);
}

#[test]
fn a_connect_of_ours_in_meta_s_envelope_brings_the_answer() {
    let expected = CallFacts {
        status: Some(CallStatus::Ringing),
        from: user("551122361741"),
        to: user("554399011234"),
        tag: Some("order-7".into()),
        created_at: at(1_747_411_000),
        ringing_at: at(1_747_411_000),
        session: Some(Session {
            kind: SessionType::Answer,
            sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n".into(),
        }),
        ..facts(OUR_ID, Direction::Outbound)
    };
    assert_eq!(only(META_CONNECT), expected);
}

#[test]
fn a_failure_with_errors_keeps_their_words() {
    let texts = vec![
        "FAILED".to_owned(),
        "138004 Connection Error: Could not connect".to_owned(),
    ];
    let expected = CallFacts {
        status: Some(CallStatus::Failed),
        tentative: true,
        from: user("551122361741"),
        to: user("554399011234"),
        ended_at: at(1_747_411_030),
        hangup: Some(Hangup::from_q850(None, texts)),
        ..facts(OUR_ID, Direction::Outbound)
    };
    assert_eq!(only(META_FAILED), expected);
}

#[test]
fn statuses_of_calls_are_told_from_those_of_chat() {
    let to = user("554399011234");
    let ringing = CallFacts {
        status: Some(CallStatus::Ringing),
        to: to.clone(),
        ringing_at: at(1_747_411_002),
        ..facts(OUR_ID, Direction::Outbound)
    };
    let accepted = CallFacts {
        status: Some(CallStatus::InProgress),
        to: to.clone(),
        answered_at: at(1_747_411_009),
        ..facts(OUR_ID, Direction::Outbound)
    };
    let rejected = CallFacts {
        status: Some(CallStatus::Rejected),
        to,
        ended_at: at(1_747_411_012),
        hangup: Some(Hangup {
            by: Some(HangupBy::Callee),
            ..Hangup::from_q850(Some(21), vec!["REJECTED".into()])
        }),
        ..facts("wacid.REJ", Direction::Outbound)
    };
    assert_eq!(news(STATUSES), [ringing, accepted, rejected]);
}

#[rstest]
#[case(r#""status":"COMPLETED","duration":7"#, CallStatus::Completed)]
#[case(r#""status":"COMPLETED","duration":"7""#, CallStatus::Completed)]
#[case(r#""status":"COMPLETED","start_time":"10","end_time":"17""#, CallStatus::Completed)]
#[case(r#""status":"COMPLETED","duration":0"#, CallStatus::NoAnswer)]
#[case(r#""status":"COMPLETED""#, CallStatus::NoAnswer)]
#[case(r#""status":"REJECTED""#, CallStatus::Rejected)]
#[case(r#""status":"FAILED""#, CallStatus::NoAnswer)]
#[case(r#""status":"FAILED","duration":0"#, CallStatus::NoAnswer)]
#[case(r#""status":"FAILED","errors":[{"code":138007}]"#, CallStatus::Failed)]
#[case(r#""status":"SOMETHING NEW""#, CallStatus::NoAnswer)]
#[case(r#""reason":"none""#, CallStatus::NoAnswer)]
fn a_terminate_ends_the_call_by_its_status_and_duration(#[case] fields: &str, #[case] status: CallStatus) {
    let body = format!(r#"{{"calls":[{{"id":"wacid.1","event":"terminate",{fields}}}]}}"#);
    let facts = only(&body);
    assert_eq!(facts.status, Some(status));
    let talked = (status == CallStatus::Completed).then_some(7);
    assert_eq!(facts.talk_seconds, talked);
    let is_certain = matches!(status, CallStatus::Completed | CallStatus::Rejected);
    assert_eq!(facts.tentative, !is_certain, "a status may know better");
}

#[rstest]
#[case("551122361741", "5543999011234", Some(Direction::Outbound))]
#[case("5543999011234", "551122361741", Some(Direction::Inbound))]
#[case("554399951234", "1122361741", Some(Direction::Inbound))]
#[case("554399951234", "5511999998888", None)]
fn without_a_direction_our_number_tells(#[case] from: &str, #[case] to: &str, #[case] direction: Option<Direction>) {
    let body = format!(r#"{{"calls":[{{"id":"wacid.1","event":"connect","from":"{from}","to":"{to}"}}]}}"#);
    assert_eq!(only(&body).direction, direction);
}

#[test]
fn our_number_is_ours_with_and_without_the_ninth_digit() {
    let own = PhoneNumber::lenient("+5511988887777").unwrap();
    let body = br#"{"calls":[{"id":"wacid.1","event":"connect","from":"551188887777","to":"554399951234"}]}"#;
    let news = parse(body, &own).unwrap();
    assert!(matches!(&news[..], [News::Call(facts)] if facts.direction == Some(Direction::Outbound)));
}

#[test]
fn several_calls_come_in_one_body_and_one_unreadable_takes_none_with_it() {
    let body = r#"{"calls":[{"event":"connect"},7,{"id":"wacid.1","event":"pre_accept"},{"id":"wacid.2","event":"terminate"}]}"#;
    let told = news(body);
    assert_eq!(
        told.iter().map(|facts| facts.status).collect::<Vec<_>>(),
        [None, Some(CallStatus::NoAnswer)]
    );
}

#[test]
fn each_call_keeps_its_own_part_of_the_body_byte_for_byte() {
    let body = br#"{"calls":[{"id":"wacid.1", "event":"connect","x":1.50,"x":2},{"event":"terminate","id":"wacid.2"}],
        "statuses":[{"id":"wamid.1","status":"read"},{"id":"wacid.1","status":"RINGING"}]}"#;
    let raw: Vec<_> = super::parse(body, &own())
        .unwrap()
        .into_iter()
        .map(|notice| notice.raw)
        .collect();
    assert_eq!(
        raw,
        [
            r#"{"id":"wacid.1", "event":"connect","x":1.50,"x":2}"#,
            r#"{"event":"terminate","id":"wacid.2"}"#,
            r#"{"id":"wacid.1","status":"RINGING"}"#,
        ]
    );
}

#[test]
fn a_user_without_a_number_is_kept_by_what_they_are_known_as() {
    let body = r#"{"calls":[{"id":"wacid.1","event":"connect","from_user_id":"BR.ab12","to":"551122361741"}]}"#;
    assert_eq!(only(body).from, Some(Address::Other("BR.ab12".into())));
}

#[test]
fn bodies_without_calls_are_another_s() {
    let workspace = r#"{"event":"template.approved","workspace":{"id":"1"}}"#;
    let delivered = r#"{"statuses":[{"id":"wamid.1","status":"delivered"}]}"#;
    for body in [CHAT, COEX, workspace, delivered, r#"{"calls":[]}"#, "{}"] {
        assert_eq!(parse(body.as_bytes(), &own()), Err(Unreadable::NotOurs), "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_malformed() {
    for body in [
        "",
        "not json",
        "[]",
        "7",
        r#"{"calls":[{"event":"connect"}]}"#,
        r#"{"calls":[null]}"#,
        "{\"calls\":",
    ] {
        assert_eq!(parse(body.as_bytes(), &own()), Err(Unreadable::Malformed), "{body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&body, &own());
    }

    #[test]
    fn no_altered_body_makes_it_panic(
        which in 0_usize..7, place in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..12), cut in 0_usize..40,
    ) {
        let mut body = [CONNECT, TERMINATE, META_CONNECT, META_FAILED, STATUSES, CHAT, COEX][which].as_bytes().to_vec();
        let start = place.index(body.len());
        let end = body.len().min(start + cut);
        body.splice(start..end, with);
        let _ = parse(&body, &own());
    }
}
