//! How values are written as text, and how to say so when they are not.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use rust_decimal::Decimal;
use url::Url;

/// A way of writing a value as text.
pub struct Format<T> {
    /// What the text must be, with its article: "an IP address and port".
    pub what: &'static str,
    /// A text that is in this format.
    pub example: &'static str,
    /// Reads the text; `None` if it is not in this format.
    pub parse: fn(&str) -> Option<T>,
}

/// Any text that is not empty.
pub const TEXT: Format<String> = Format {
    what: "a text with something in it",
    example: "some text",
    parse: |text| (!text.trim().is_empty()).then(|| text.to_owned()),
};

/// An absolute `http` or `https` URL without credentials.
pub const HTTP_URL: Format<Url> = Format {
    what: "an http or https URL without credentials",
    example: "https://example.com",
    parse: http_url,
};

/// A host name or address without scheme, port or path.
pub const HOST: Format<String> = Format {
    what: "a host name",
    example: "media.example.com",
    parse: host,
};

/// An amount of money, zero or more.
pub const AMOUNT: Format<Decimal> = Format {
    what: "an amount of money",
    example: "50.00",
    parse: |text| text.parse().ok().filter(|amount: &Decimal| !amount.is_sign_negative()),
};

/// A phone number in E.164.
pub const E164: Format<String> = Format {
    what: "a phone number in E.164",
    example: "+5511900000001",
    parse: |text| is_e164(text).then(|| text.to_owned()),
};

pub(super) const SOCKET: Format<SocketAddr> = Format {
    what: "an IP address and port",
    example: "127.0.0.1:8080",
    parse: |text| text.parse().ok(),
};

pub(super) const NETWORK: Format<IpNet> = Format {
    what: "an IP address or network",
    example: "10.0.0.0/8",
    parse: network,
};

/// Reads a network, or a single address as the network that holds only it.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(single)
}

/// Reads a host name, in lower case.
pub(super) fn host(text: &str) -> Option<String> {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.chars().all(inner)
    };
    text.split('.').all(label).then(|| text.to_ascii_lowercase())
}

fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let scheme = matches!(url.scheme(), "http" | "https");
    let credentials = !url.username().is_empty() || url.password().is_some();
    (scheme && url.has_host() && !credentials).then_some(url)
}

/// Tells whether a text is a phone number in E.164.
pub(super) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}
