//! One program for every target; `SWITCHBOARD_FUZZ` names the one to feed.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use switchboard::fuzzing::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("SWITCHBOARD_FUZZ").expect("SWITCHBOARD_FUZZ names a target");
    let named = TARGETS.iter().find(|(target, _)| *target == name);
    named.unwrap_or_else(|| panic!("no target {name}")).1
});

fuzz_target!(|data: &[u8]| TARGET(data));
