//! Session descriptions: checks what a client sends, and writes what WhatsApp would send back.

use crate::simulators::random::Random;

/// Where the other side of every call pretends to be.
const MEDIA_HOST: &str = "127.0.0.1";
const OPUS: &str = "111";
const TELEPHONE_EVENT: &str = "126";

/// Tells why a session description would be refused; `None` for one that would not.
pub(super) fn fault(sdp: &str) -> Option<&'static str> {
    if !sdp.starts_with("v=0\r\n") {
        Some("the session description does not begin with v=0 and CRLF")
    } else if !sdp.ends_with("\r\n") || sdp.replace("\r\n", "").contains(['\r', '\n']) {
        Some("every line of the session description must end in CRLF")
    } else if attribute(sdp, "m=audio ").is_none() {
        Some("the session description has no audio")
    } else {
        None
    }
}

/// Writes the answer to an offer: its media id, its payload types, and the DTLS role it left over.
pub(super) fn answer(offer: &str, random: &Random) -> String {
    let payload = |codec| payload_type(offer, codec);
    Description {
        mid: attribute(offer, "a=mid:").unwrap_or("0"),
        setup: if attribute(offer, "a=setup:") == Some("active") {
            "passive"
        } else {
            "active"
        },
        opus: payload("opus/").unwrap_or(OPUS),
        telephone_event: payload("telephone-event/"),
    }
    .write(random)
}

/// Writes the offer of a user who calls.
pub(super) fn offer(random: &Random) -> String {
    Description {
        mid: "audio",
        setup: "actpass",
        opus: OPUS,
        telephone_event: Some(TELEPHONE_EVENT),
    }
    .write(random)
}

struct Description<'a> {
    mid: &'a str,
    setup: &'a str,
    opus: &'a str,
    telephone_event: Option<&'a str>,
}

impl Description<'_> {
    fn write(&self, random: &Random) -> String {
        let Self { mid, setup, opus, .. } = self;
        let port = 3_480 + random.below(1_000);
        let fingerprint: Vec<_> = (0..32).map(|_| random.hex(2).to_uppercase()).collect();
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=- {} 2 IN IP4 {MEDIA_HOST}", random.next() >> 1),
            "s=-".to_owned(),
            "t=0 0".to_owned(),
            format!("a=group:BUNDLE {mid}"),
            // Media servers of WhatsApp never start connectivity checks.
            "a=ice-lite".to_owned(),
            format!("m=audio {port} UDP/TLS/RTP/SAVPF {}", self.payload_types()),
            format!("c=IN IP4 {MEDIA_HOST}"),
            format!("a=rtcp:9 IN IP4 {MEDIA_HOST}"),
            format!("a=candidate:1 1 udp 2113937151 {MEDIA_HOST} {port} typ host generation 0"),
            format!("a=ice-ufrag:{}", random.hex(8)),
            format!("a=ice-pwd:{}", random.hex(24)),
            format!("a=fingerprint:sha-256 {}", fingerprint.join(":")),
            format!("a=setup:{setup}"),
            format!("a=mid:{mid}"),
            "a=sendrecv".to_owned(),
            "a=rtcp-mux".to_owned(),
            format!("a=rtpmap:{opus} opus/48000/2"),
            format!("a=fmtp:{opus} minptime=10;useinbandfec=1"),
        ];
        lines.extend(
            self.telephone_event
                .map(|payload| format!("a=rtpmap:{payload} telephone-event/8000")),
        );
        lines.push("a=maxptime:20".to_owned());
        lines.into_iter().map(|line| line + "\r\n").collect()
    }

    fn payload_types(&self) -> String {
        self.telephone_event
            .map_or_else(|| self.opus.to_owned(), |event| format!("{} {event}", self.opus))
    }
}

/// What follows `prefix` on the first line that begins with it.
fn attribute<'a>(sdp: &'a str, prefix: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.strip_prefix(prefix))
}

fn payload_type<'a>(sdp: &'a str, codec: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        let (payload, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        name.starts_with(codec).then_some(payload)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 101\r\n\
        a=mid:voice\r\na=setup:actpass\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";

    #[test]
    fn an_answer_takes_up_what_was_offered() {
        let answer = answer(OFFER, &Random::new(1));
        assert_eq!(fault(&answer), None);
        for line in [
            "a=mid:voice",
            "a=group:BUNDLE voice",
            "a=setup:active",
            "a=ice-lite",
            "a=rtpmap:96 opus/48000/2",
        ] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}");
        }
        assert_eq!(
            attribute(&answer, "m=audio ").unwrap().rsplit_once("SAVPF ").unwrap().1,
            "96 101"
        );
    }

    #[test]
    fn the_dtls_role_is_never_the_one_the_offer_took() {
        let active = OFFER.replace("actpass", "active");
        assert_eq!(
            attribute(&answer(&active, &Random::new(1)), "a=setup:"),
            Some("passive")
        );
    }

    #[test]
    fn line_ends_other_than_crlf_are_a_fault() {
        assert_eq!(fault(&offer(&Random::new(1))), None);
        assert!(fault(&OFFER.replace("\r\n", "\n")).is_some());
        assert!(fault(OFFER.trim_end()).is_some());
        assert!(fault("v=0\r\ns=-\r\n").is_some());
        assert!(fault("").is_some());
    }
}
