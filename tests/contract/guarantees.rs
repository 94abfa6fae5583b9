//! What `docs/guarantees.md` and `docs/security.md` name exists: tests, scripts, variables.

use std::collections::BTreeSet;

use super::repository::{files, root, text};

const PAGES: [&str; 2] = ["docs/guarantees.md", "docs/security.md"];

/// What stands in backquotes in the rows of a page's tables, row by row.
fn rows(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.map(|row| row.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        .collect()
}

fn is_test(word: &str) -> bool {
    word.matches('_').count() >= 2
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What a row names and is not there; a test belongs to the file named before it.
fn missing(row: &[String]) -> Vec<String> {
    let (mut source, mut missing) = (String::new(), Vec::new());
    for word in row {
        if word.ends_with(".rs") {
            match root().join(word).is_file() {
                true => source = text(word).unwrap(),
                false => missing.push(word.clone()),
            }
        } else if is_test(word) && !source.contains(&format!("fn {word}(")) {
            missing.push(word.clone());
        } else if is_command(word) {
            missing.extend(wrong_with(word));
        }
    }
    missing
}

fn is_command(word: &str) -> bool {
    word.split(' ').any(|part| part == "cargo") || word.starts_with("scripts/")
}

/// What a command needs and is not there: its script, the suite it runs, a variable that some test reads.
fn wrong_with(command: &str) -> Vec<String> {
    let mut words = command.split(' ').peekable();
    let mut wrong = Vec::new();
    while let Some(word) = words.next() {
        let exists = match word.split_once('=') {
            Some((variable, _)) => sources().any(|source| source.contains(&format!("\"{variable}\""))),
            None if word == "--test" => {
                let suite = words.peek().unwrap_or(&"");
                root().join(format!("tests/{suite}/main.rs")).is_file()
            }
            None => !word.starts_with("scripts/") || root().join(word).is_file(),
        };
        if !exists {
            wrong.push(format!("{command}: {word}"));
        }
    }
    wrong
}

fn sources() -> impl Iterator<Item = String> {
    files()
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .filter_map(|path| text(&path))
}

#[test]
fn every_test_and_command_that_a_promise_names_exists() {
    for page in PAGES {
        let rows = rows(&text(page).unwrap());
        let tests = rows.iter().flatten().filter(|word| is_test(word)).count();
        assert!(tests >= 10, "{page} names tests");
        let missing: Vec<_> = rows.iter().flat_map(|row| missing(row)).collect();
        assert!(missing.is_empty(), "{page}: {missing:#?}");
        assert!(
            rows.iter().all(|row| row.iter().any(|word| is_test(word))),
            "{page}: a promise without a test"
        );
    }
}

#[test]
fn every_risk_has_its_row() {
    let page = text("docs/security.md").unwrap();
    let risks = page
        .lines()
        .filter_map(|line| line.strip_prefix("| API")?.split(' ').next());
    let risks: BTreeSet<u8> = risks.map(|risk| risk.parse().unwrap()).collect();
    assert_eq!(risks, (1..=10).collect());
}

#[test]
fn what_does_not_exist_is_found() {
    for (words, found) in [
        (
            &["tests/contract/guarantees.rs", "what_does_not_exist_is_found"] as &[_],
            0,
        ),
        (&["tests/contract/guarantees.rs", "what_nobody_ever_wrote"], 1),
        (&["what_does_not_exist_is_found"], 1),
        (&["tests/contract/nowhere.rs"], 1),
        (&["scripts/fuzz 10"], 0),
        (&["scripts/nothing"], 1),
        (&["SWITCHBOARD_RACES=1 cargo nextest run --test faults races"], 0),
        (&["SWITCHBOARD_NOTHING=1 cargo nextest run --test nowhere races"], 2),
    ] {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(missing(&words).len(), found, "{words:?}: {:?}", missing(&words));
    }
}
