//! Recordings: a tone whose pitch follows from the call's number.

use std::f64::consts::TAU;

use bytes::Bytes;

use super::page;
use crate::simulators::http::{Reply, Request};

const SAMPLE_RATE: u32 = 8_000;
const LONGEST_SECONDS: u32 = 5;

/// Answers with the audio of a call that was talked, whole or the range asked for.
pub(super) fn reply(request: &Request, id: u64, talk_seconds: Option<i64>) -> Reply {
    let Some(seconds) = talk_seconds.and_then(|seconds| u32::try_from(seconds).ok()) else {
        return page::refused(404, "Recording not found");
    };
    let audio = Bytes::from(wav(id, seconds.clamp(1, LONGEST_SECONDS)));
    let length = audio.len();
    let sent = |status, audio| Reply::new(status, "audio/wav", audio).with_header("accept-ranges", "bytes");
    match request.header("range").map(|header| range(header, length)) {
        // A range in a unit or form nobody knows is as good as none.
        None | Some(Range::Unread) => sent(200, audio),
        Some(Range::Outside) => sent(416, Bytes::new()).with_header("content-range", format!("bytes */{length}")),
        Some(Range::Within(first, last)) => {
            sent(206, audio.slice(first..=last)).with_header("content-range", format!("bytes {first}-{last}/{length}"))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// The first and the last byte.
    Within(usize, usize),
    Outside,
    Unread,
}

fn range(header: &str, length: usize) -> Range {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Unread;
    };
    let end = length - 1;
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last && first < length => Range::Within(first, last.min(end)),
        (Ok(first), Err(_)) if last.is_empty() && first < length => Range::Within(first, end),
        (Err(_), Ok(last)) if first.is_empty() && last > 0 => Range::Within(length.saturating_sub(last), end),
        (Ok(_), _) | (_, Ok(_)) => Range::Outside,
        _ => Range::Unread,
    }
}

/// Mono, 16 bits a sample.
fn wav(id: u64, seconds: u32) -> Vec<u8> {
    let samples = SAMPLE_RATE * seconds;
    let (data_bytes, pitch) = (samples * 2, 300.0 + (id % 400) as f64);
    let mut wav = Vec::with_capacity(44 + data_bytes as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + data_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([SAMPLE_RATE, SAMPLE_RATE * 2].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(data_bytes.to_le_bytes());
    let tone = |sample| f64::sin(TAU * pitch * f64::from(sample) / f64::from(SAMPLE_RATE));
    wav.extend((0..samples).flat_map(|sample| ((tone(sample) * 8_000.0) as i16).to_le_bytes()));
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_clipped_to_the_audio() {
        assert_eq!(range("bytes=0-3", 10), Range::Within(0, 3));
        assert_eq!(range("bytes=4-", 10), Range::Within(4, 9));
        assert_eq!(range("bytes=-3", 10), Range::Within(7, 9));
        assert_eq!(range("bytes=8-99", 10), Range::Within(8, 9));
        assert_eq!(range("bytes=10-", 10), Range::Outside);
        assert_eq!(range("items=1-2", 10), Range::Unread);
    }

    #[test]
    fn the_audio_is_as_long_as_its_header_says() {
        assert_eq!(wav(7, 2).len(), 44 + 2 * 2 * 8_000);
        assert_ne!(wav(7, 1), wav(8, 1));
    }
}
