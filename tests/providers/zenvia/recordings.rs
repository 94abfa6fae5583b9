//! Recordings are fetched where they are, the token only from the API.

use futures_util::StreamExt;
use switchboard::domain::call::RecordingState;
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::providers::port::{Recording, Recordings};

use super::*;

async fn audio(recording: Recording) -> Vec<u8> {
    let chunks: Vec<_> = recording.body.collect().await;
    chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect()
}

async fn recorded(sim: &Sim, action: ActionKind) -> (CallKind, ProviderRef) {
    let placed = NewCall {
        record: true,
        ..call(OFFICE, [action])
    };
    let reference = sim.place(&placed).await;
    let facts = sim.fetch_ended(placed.kind(), &reference).await;
    assert_eq!(facts.recording, Some(RecordingState::Available));
    (placed.kind(), reference)
}

#[tokio::test]
async fn every_kind_gives_its_recording_whole_and_in_part() {
    let sim = Sim::start().await;
    for redirected in [false, true] {
        sim.knobs(|knobs| knobs.redirect_recordings = redirected);
        for action in [join(MOBILE), say(), play()] {
            let (kind, reference) = recorded(&sim, action).await;
            let target = Target {
                kind,
                reference: &reference,
            };
            let whole = sim.zenvia.open(target, None).await.unwrap();
            assert_eq!((whole.status, &*whole.content_type), (200, "audio/mpeg"));
            let length = whole.content_length.unwrap();
            let whole = audio(whole).await;
            assert_eq!(whole.len() as u64, length);
            let part = sim.zenvia.open(target, Some("bytes=0-99")).await.unwrap();
            assert_eq!(part.status, 206);
            assert_eq!(part.content_range, Some(format!("bytes 0-99/{length}")));
            assert_eq!(audio(part).await, whole[..100]);
        }
    }
}

#[tokio::test]
async fn a_call_that_was_not_recorded_has_none() {
    let sim = Sim::start().await;
    for action in [join(MOBILE), say()] {
        let placed = call(OFFICE, [action]);
        let reference = sim.place(&placed).await;
        sim.fetch_ended(placed.kind(), &reference).await;
        let failure = sim
            .zenvia
            .open(
                Target {
                    kind: placed.kind(),
                    reference: &reference,
                },
                None,
            )
            .await
            .err()
            .unwrap();
        assert_eq!(failure.kind, FailureKind::Refused(Refusal::NoRecording));
    }
}

#[tokio::test]
async fn a_link_is_followed_only_to_hosts_that_may_be_asked() {
    let elsewhere = Sim::start().await;
    let link = format!("{}/rec/?id=1&x=0123456789&cid=2150", elsewhere.handle.url());
    let sim = Sim::start().await;
    for forbidden in [
        &*link,
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "not a link",
    ] {
        let failure = sim.zenvia.open_link(forbidden, None).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Refused(Refusal::NoRecording), "{forbidden}");
    }
    assert!(elsewhere.handle.control().requests().is_empty());
    let trusting = adapter(&sim.handle.url(), r#"recording_hosts = ["127.0.0.1"]"#).unwrap();
    assert_eq!(
        trusting.open_link(&link, None).await.unwrap().status,
        200,
        "without the token, or it would refuse"
    );
}
