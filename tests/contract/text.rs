//! What no file says.

use super::repository::{files, text};

/// Words in two halves, so that this file does not say them, and why nobody may.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("TO", "DO", "what is not done is not there"),
    ("FIX", "ME", "what is broken is mended"),
    ("XX", "X:", "what is doubtful is settled"),
    ("../", "shared", "the repository stands alone"),
    ("shared", "/", "the repository stands alone"),
    ("/wo", "rk/", "names a place on one machine"),
    ("/ro", "ot/", "names a place on one machine"),
    ("/ho", "me/", "names a place on one machine"),
    (
        "registry.npm",
        "js.org",
        "the machine's own settings say where packages come from",
    ),
    (
        "py",
        "pi.org",
        "the machine's own settings say where packages come from",
    ),
    (
        "python",
        "hosted.org",
        "the machine's own settings say where packages come from",
    ),
    (
        "static.",
        "crates.io",
        "the machine's own settings say where packages come from",
    ),
    (
        "index.",
        "crates.io",
        "the machine's own settings say where packages come from",
    ),
    (
        "docker",
        ".io/",
        "the machine's own settings say where images come from",
    ),
];

#[test]
fn no_file_says_what_it_must_not() {
    let mut found = Vec::new();
    for path in files() {
        let Some(text) = text(&path) else { continue };
        for (line, at) in text.lines().zip(1..) {
            let said = FORBIDDEN
                .iter()
                .filter(|(first, second, _)| line.contains(&format!("{first}{second}")));
            found.extend(said.map(|(first, second, why)| format!("{path}:{at}: {first}{second}: {why}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A file of more lines is two things in one; a list of tests may be long.
const MOST_LINES: usize = 450;

#[test]
fn no_source_file_is_long() {
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let is_source = |path: &String| path.starts_with("src/") && path.ends_with(".rs") && !is_test(path);
    let lines = |path: String| (text(&path).unwrap().lines().count(), path);
    let long: Vec<_> = files()
        .into_iter()
        .filter(is_source)
        .map(lines)
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
}
