//! No body makes anything panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::providers::zenvia::judge;
use crate::providers::zenvia::samples::SAMPLES;
use crate::upstream::Answer;

/// A sample with some of its bytes replaced, removed or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let cuts = proptest::collection::vec((any::<prop::sample::Index>(), any::<Option<u8>>()), 0..8);
    (0..SAMPLES.len(), cuts).prop_map(|(sample, cuts)| {
        let mut body = SAMPLES[sample].1.as_bytes().to_vec();
        for (place, byte) in cuts {
            let place = place.index(body.len());
            match byte {
                Some(byte) if byte % 5 == 0 => body.insert(place, byte),
                Some(byte) => body[place] = byte,
                None => drop(body.drain(place..(place + 9).min(body.len()))),
            }
            if body.is_empty() {
                break;
            }
        }
        body
    })
}

/// A sample whose members have any values.
fn revalued() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9:.TZ+-]{0,30}".prop_map(Value::from),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), value), 1..6);
    (0..SAMPLES.len(), changes).prop_map(|(sample, changes)| {
        let mut body: Value = serde_json::from_str(SAMPLES[sample].1).unwrap();
        let members = body.as_object_mut().unwrap();
        let names: Vec<String> = members.keys().cloned().collect();
        for (name, value) in changes {
            members.insert(name.get(&names).clone(), value);
        }
        body.to_string().into_bytes()
    })
}

proptest! {
    #[test]
    fn nothing_panics(body in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), mutated(), revalued()]) {
        for kind in KINDS {
            let _ = parse(kind, &body);
        }
        let answer = Answer { status: 200, retry_after: None, body: body.into() };
        for kind in CallKind::ALL {
            let _ = judge::object(&answer, |data| normalize::facts(*kind, data));
        }
    }
}
