//! Codes are sent and checked.

use switchboard::domain::phone::PhoneNumber;
use switchboard::domain::verification::Channel;
use switchboard::providers::port::{Code, Codes, NewCode};
use switchboard::simulators::zenvia::UnknownCode;

use super::*;

fn number() -> PhoneNumber {
    PhoneNumber::parse(MOBILE, Region::BR).unwrap()
}

async fn send(sim: &Sim, channel: Channel, length: u8) -> ProviderRef {
    sim.zenvia
        .send(NewCode {
            to: &number(),
            channel,
            brand: "Açaí & Cia",
            length,
        })
        .await
        .unwrap()
}

async fn check(sim: &Sim, reference: &ProviderRef, digits: &str) -> bool {
    let code = Code::parse(digits, u8::try_from(digits.len()).unwrap()).unwrap();
    sim.zenvia.check(reference, &code).await.unwrap()
}

/// Other digits of the same length.
fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
}

#[tokio::test]
async fn every_length_by_every_channel_is_right_or_wrong() {
    let sim = Sim::start().await;
    for accented in [false, true] {
        sim.knobs(|knobs| knobs.accented_result = accented);
        for channel in Channel::ALL {
            for length in [4, 6, 10] {
                let reference = send(&sim, *channel, length).await;
                let sent = sim.handle.last_code(MOBILE).unwrap();
                assert_eq!(
                    (sent.code.len(), sent.tts),
                    (usize::from(length), *channel == Channel::Voice)
                );
                assert!(sent.text.contains("Açaí & Cia"));
                assert!(!check(&sim, &reference, &wrong(&sent.code)).await);
                assert!(check(&sim, &reference, &sent.code).await);
            }
        }
    }
}

#[tokio::test]
async fn a_code_of_another_verification_is_wrong() {
    let sim = Sim::start().await;
    let first = send(&sim, Channel::Sms, 10).await;
    let old = sim.handle.last_code(MOBILE).unwrap().code;
    let second = send(&sim, Channel::Sms, 10).await;
    assert!(!check(&sim, &second, &old).await);
    assert!(check(&sim, &first, &old).await, "a late first message still works");
}

#[tokio::test]
async fn a_verification_they_do_not_know_has_no_right_code() {
    let sim = Sim::start().await;
    for unknown_code in [UnknownCode::Invalid, UnknownCode::NotFound] {
        sim.knobs(|knobs| knobs.unknown_code = unknown_code);
        assert!(!check(&sim, &ProviderRef::id("1"), "1234").await);
    }
}
