//! `/chamada/{id}/gravacao`, and the host that recording links point to.

use bytes::Bytes;

use super::Zenvia;
use super::text::Refusal;
use crate::simulators::http::{Reply, Request};

const AUDIO: &str = "audio/mpeg";
/// One frame of silence: MPEG 1 layer III, 128 kbit/s, 44.1 kHz, is 417 bytes long.
const FRAME_HEAD: [u8; 4] = [0xFF, 0xFB, 0x90, 0x64];
const FRAME_LENGTH: usize = 417;
const FRAMES: usize = 40;

impl Zenvia {
    /// A link in the documented form, to this server.
    pub(super) fn new_recording(&self, id: u64) -> String {
        format!(
            "{}/rec/?id={id}&x={}&cid={}",
            self.base_url,
            self.random.hex(10),
            self.account
        )
    }

    /// `GET /chamada/{id}/gravacao`.
    pub(super) fn recording(&self, id: &str, request: &Request) -> Result<Reply, Refusal> {
        let recorded = self.with_call(id, |call| call.recording.clone())?;
        let link = recorded.ok_or_else(|| Refusal::new(404, 70, "chamada sem gravação solicitada"))?;
        match self.knobs().redirect_recordings {
            false => Ok(audio(request)),
            true => Ok(Reply::new(302, AUDIO, "").with_header("location", link)),
        }
    }

    /// `GET /rec/?id=…`: a host of its own, which must never see the account's token.
    pub(super) fn recording_host(&self, request: &Request) -> Reply {
        if request.header("access-token").is_some() {
            return Reply::new(400, "text/plain", "the token was sent to another host");
        }
        audio(request)
    }
}

fn audio(request: &Request) -> Reply {
    let all = silence();
    let whole = all.len();
    let Some(asked) = request.header("range") else {
        return Reply::new(200, AUDIO, all).with_header("accept-ranges", "bytes");
    };
    match range(asked, whole) {
        Some((first, last)) => Reply::new(206, AUDIO, all.slice(first..=last))
            .with_header("content-range", format!("bytes {first}-{last}/{whole}")),
        None => Reply::new(416, AUDIO, "").with_header("content-range", format!("bytes */{whole}")),
    }
}

/// First and last byte of a single range that can be had.
fn range(asked: &str, whole: usize) -> Option<(usize, usize)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (whole.saturating_sub(suffix.parse().ok()?), whole - 1),
        (first, "") => (first.parse().ok()?, whole - 1),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(whole - 1)),
    };
    (first <= last).then_some((first, last))
}

fn silence() -> Bytes {
    let mut frame = FRAME_HEAD.to_vec();
    frame.resize(FRAME_LENGTH, 0);
    Bytes::from(frame.repeat(FRAMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-9", 100), Some((0, 9)));
        assert_eq!(range("bytes=90-", 100), Some((90, 99)));
        assert_eq!(range("bytes=-10", 100), Some((90, 99)));
        assert_eq!(range("bytes=90-500", 100), Some((90, 99)));
        assert_eq!(range("bytes=100-", 100), None);
        assert_eq!(range("items=1-2", 100), None);
    }
}
