//! The parsers that read what strangers send, each behind one function of bytes: what a fuzzer needs and nothing else.
//!
//! A target panics where a promise is broken. It has no other result.

use std::net::{IpAddr, Ipv6Addr};
use std::str::from_utf8;
use std::sync::{Arc, LazyLock};

use url::{Host, Url};

use crate::api;
use crate::clock::ManualClock;
use crate::config::{Config, KeyRing, Secret};
use crate::domain::address::Address;
use crate::domain::network::is_public;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::time::Timestamp;
use crate::providers::port::{Authentic, Proof, Provider, Webhooks};
use crate::providers::{evolux, positus, registry, zenvia};
use crate::seal::{Purpose, Sealer};
use crate::usecases;

/// A parser under test.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("webhook-zenvia", webhook_zenvia),
    ("webhook-positus", webhook_positus),
    ("answer-zenvia", zenvia::fuzz_answer),
    ("answer-evolux", evolux::fuzz_answer),
    ("answer-positus", positus::fuzz_answer),
    ("jwt", api::fuzz_token),
    ("jwks", api::fuzz_key_set),
    ("json", api::fuzz_json),
    ("cursor", cursor),
    ("phone", phone),
    ("address", address),
    ("config", config),
    ("ssrf", ssrf),
];

const NOW: Timestamp = Timestamp::from_seconds(1_795_370_400);

static PROVIDERS: LazyLock<Vec<Arc<dyn Provider>>> = LazyLock::new(|| registry::samples().unwrap_or_default());

/// Zenvia has a URL for each kind.
fn webhook_zenvia(data: &[u8]) {
    let zenvia = webhooks(|kinds| !kinds.is_empty());
    zenvia.kinds().iter().for_each(|kind| webhook(zenvia, Some(kind), data));
}

/// Positus has one for all.
fn webhook_positus(data: &[u8]) {
    webhook(webhooks(|kinds| kinds.is_empty()), None, data);
}

#[expect(clippy::expect_used, reason = "a target that tests nothing must not pass")]
fn webhooks(which: impl Fn(&[&str]) -> bool) -> &'static dyn Webhooks {
    let mut all = PROVIDERS.iter().filter_map(|provider| provider.webhooks());
    all.find(|webhooks| which(webhooks.kinds()))
        .expect("a sample sends webhooks")
}

fn webhook(webhooks: &dyn Webhooks, kind: Option<&str>, body: &[u8]) {
    let ring = KeyRing::single("1", Secret::new("sample"));
    let Some(proof) = Proof::check(&ring, "sample", NOW) else {
        return;
    };
    if let Ok(notices) = webhooks.parse(&Authentic::new(proof, kind, body)) {
        assert!(notices.iter().all(|notice| serde_json::to_string(&notice.news).is_ok()));
    }
}

/// A cursor that was not sealed here opens nothing, and what is in one may be anything.
fn cursor(data: &[u8]) {
    static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
        let ring = KeyRing::single("1", Secret::new("0123456789abcdef0123456789abcdef"));
        Sealer::new(&ring, Arc::new(ManualClock::at(NOW.as_millis())))
    });
    if let Ok(text) = from_utf8(data) {
        assert!(SEALER.open(Purpose::Cursor, b"fuzz", text).is_none());
    }
    usecases::fuzz_cursor(data);
}

fn phone(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let parsed = PhoneNumber::parse(text, Region::BR).ok();
    for number in [parsed, PhoneNumber::lenient(text)].into_iter().flatten() {
        let digits = number.digits();
        assert!(
            digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()),
            "{digits}"
        );
        assert!(!number.masked().contains(digits));
        let _ = (
            number.prefix(),
            number.masked_prefix(),
            number.person(),
            number.country(),
        );
        let _ = (number.brazilian(), number.area_code(), number.is_brazilian_fixed_line());
    }
}

fn address(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let parsed = Address::parse(text, Region::BR).ok();
    for address in [parsed, Address::from_provider(text)].into_iter().flatten() {
        assert!(address.same_party(&address));
        let _ = (address.to_string(), serde_json::to_string(&address).is_ok());
    }
}

/// Any text is a configuration or a list of faults. No file is read: places of secrets are made to name none.
fn config(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let text = text.replace("file::", "fuzz::");
    let env = [("SAMPLE", "a sample secret of thirty-two bytes or more")];
    match Config::from_toml_with(&text, &env) {
        Ok(config) => config
            .accounts
            .values()
            .for_each(|account| drop(registry::check(account))),
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
}

/// What the standard library knows not to be public is not; nor is what hides such an address.
fn ssrf(data: &[u8]) {
    if let Some(bits) = data.first_chunk::<16>() {
        judge(Ipv6Addr::from(*bits).into());
        judge(
            Ipv6Addr::from(*bits)
                .to_ipv4()
                .unwrap_or([bits[0], bits[1], bits[2], bits[3]].into())
                .into(),
        );
    }
    let Some(url) = from_utf8(data).ok().and_then(|text| Url::parse(text).ok()) else {
        return;
    };
    match url.host() {
        Some(Host::Ipv4(address)) => judge(address.into()),
        Some(Host::Ipv6(address)) => judge(address.into()),
        // A name that is an address in some spelling would be looked up, and the guard not asked.
        Some(Host::Domain(name)) => {
            assert!(!matches!(url.scheme(), "http" | "https") || name.parse::<IpAddr>().is_err())
        }
        None => {}
    }
}

fn judge(address: IpAddr) {
    let own = match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_unspecified()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some()
        }
    };
    assert!(!(own && is_public(address)), "{address}");
    if let IpAddr::V4(v4) = address {
        assert_eq!(is_public(address), is_public(v4.to_ipv6_mapped().into()), "{address}");
    }
}
