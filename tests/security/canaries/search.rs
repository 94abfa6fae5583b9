//! Looking for secrets in whatever they may have been written in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Something that must not be found, and where not.
#[derive(Debug, Clone)]
pub struct Canary {
    /// What it is.
    pub name: &'static str,
    pub value: String,
    /// Whether those who may see it find it in events and in what the API gives them: a number that was called is in its
    /// call. It is in no log all the same.
    pub told_to_its_owner: bool,
}

/// Every writing of a secret that is looked for, each with its name.
pub fn writings(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = value.as_bytes();
    let hex = |upper: bool| {
        let digits = bytes.iter().map(|byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        });
        digits.collect::<String>().into_bytes()
    };
    let percent = bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let form = url::form_urlencoded::byte_serialize(bytes).collect::<String>();
    let json = serde_json::to_string(value).unwrap();
    let mut writings = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex(false)),
        ("HEX", hex(true)),
        ("percent", percent.clone().into_bytes()),
        ("percent, lower case", percent.to_lowercase().into_bytes()),
        ("form", form.into_bytes()),
        ("JSON", json.trim_matches('"').as_bytes().to_vec()),
        ("backwards", value.chars().rev().collect::<String>().into_bytes()),
    ];
    for offset in 0..3 {
        writings.push((
            "base64",
            inner(&STANDARD_NO_PAD.encode(shifted(bytes, offset)), bytes, offset),
        ));
        writings.push((
            "base64url",
            inner(&URL_SAFE_NO_PAD.encode(shifted(bytes, offset)), bytes, offset),
        ));
    }
    writings
}

fn shifted(bytes: &[u8], offset: usize) -> Vec<u8> {
    [&vec![0; offset], bytes].concat()
}

/// The characters that depend on the secret alone, whatever stands before and after it.
fn inner(encoded: &str, bytes: &[u8], offset: usize) -> Vec<u8> {
    let first = (offset * 8).div_ceil(6);
    let last = (offset + bytes.len()) * 8 / 6;
    encoded.as_bytes()[first..last].to_vec()
}

/// Where canaries are found in a text, by name and writing.
pub fn found(canaries: &[Canary], text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for canary in canaries {
        for (writing, needle) in writings(&canary.value) {
            if contains(text, &needle) {
                found.push(format!("{} ({writing})", canary.name));
            }
        }
    }
    found
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return false;
    };
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| byte == first) {
        if text[from + at + 1..].starts_with(rest) {
            return true;
        }
        from += at + 1;
    }
    false
}
