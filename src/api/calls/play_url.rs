//! Addresses of recordings that a provider fetches.

use url::{Host, Url};

use crate::api::values::{Wrong, line};
use crate::domain::network::is_public;

/// How long an address is at most.
const MAX_URL: usize = 2048;

/// Reads the address of a recording.
///
/// The provider fetches it from where it stands, so a name is its business; a literal private address, however written,
/// would only make it knock on its own doors.
pub fn play_url(text: &str) -> Result<Url, Wrong> {
    let text = line(1..=MAX_URL)(text)?;
    let url = Url::parse(&text).map_err(|_| Wrong::invalid("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Wrong::invalid("must begin with http:// or https://"));
    }
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) | None => true,
    };
    if !public {
        return Err(Wrong::new("not_allowed", "must not be at a private address"));
    }
    Ok(url)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_and_names_are_taken() {
        for url in [
            "https://example.com/a.mp3",
            "http://cdn.example.com:8080/a?b=c",
            "http://8.8.8.8/a.mp3",
            "http://[2606:4700::1111]/a.mp3",
            "http://100.128.0.1/",
            "http://172.32.0.1/",
        ] {
            assert!(play_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn literal_private_addresses_are_refused_however_written() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:a00:1::]",
        ] {
            let wrong = play_url(&format!("http://{host}/a.mp3")).unwrap_err();
            assert_eq!(wrong.code, "not_allowed", "{host}");
        }
    }

    #[test]
    fn only_http_is_taken() {
        for url in [
            "",
            "a.mp3",
            "ftp://example.com/a",
            "file:///etc/passwd",
            "javascript:1",
            "http://",
            "data:audio/mp3;base64,AA==",
        ] {
            assert!(play_url(url).is_err(), "{url}");
        }
        assert!(play_url(&format!("https://example.com/{}", "a".repeat(2048))).is_err());
    }
}
