//! What the pages say is there.

use std::collections::BTreeSet;
use std::path::Path;

use super::repository::{files, output, root, text};

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let directory = Path::new(&page).parent().unwrap();
        for link in between(&text(&page).unwrap(), "](", ")") {
            let (path, _) = link.split_once('#').unwrap_or((&link, ""));
            if !link.contains("://") && !path.is_empty() && !root().join(directory).join(path).exists() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = text("Makefile").unwrap();
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter_map(|line| line.split_once(": ##"))
        .map(|(name, _)| name)
        .collect();
    for page in pages() {
        for target in commands(&text(&page).unwrap(), "make ") {
            assert!(targets.contains(target.as_str()), "{page}: make {target}");
        }
    }
}

#[test]
fn every_command_of_the_program_that_is_named_exists() {
    let help = output(env!("CARGO_BIN_EXE_switchboard"), &["--help"]);
    let known: BTreeSet<_> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    for page in pages() {
        for command in commands(&text(&page).unwrap(), "switchboard ") {
            assert!(
                command.starts_with('-') || known.contains(command.as_str()),
                "{page}: switchboard {command}"
            );
        }
    }
}

#[test]
fn the_readme_prints_the_sample_configuration() {
    let readme = text("README.md").unwrap();
    assert_eq!(
        between(&readme, "```toml\n", "```"),
        [text("config/example.toml").unwrap()]
    );
}

#[test]
fn the_map_shows_every_folder() {
    let readme = text("README.md").unwrap();
    let map = between(&readme, "## The map\n", "\n## ").concat();
    let shown = between(&map, "`src/", "`");
    let folder = |path: String| Some(path.strip_prefix("src/")?.split_once('/')?.0.to_owned());
    let there: BTreeSet<_> = files().into_iter().filter_map(folder).collect();
    let shown: BTreeSet<_> = shown
        .into_iter()
        .filter(|name| root().join("src").join(name).is_dir())
        .collect();
    assert_eq!(shown, there);
}

#[test]
fn what_ci_types_is_what_the_readme_says() {
    let block = |heading: &str| output("scripts/readme-block", &[heading]);
    assert_eq!(
        (block("Start").as_str(), block("Tests").as_str()),
        ("make run\n", "make test\n")
    );
    let simulator = "http://127.0.0.1:9101";
    assert!(output("scripts/readme-block", &["A first call", "2"]).contains(simulator));
    assert!(
        text("scripts/readme-commands").unwrap().contains(simulator),
        "the address that is replaced"
    );
}

fn pages() -> Vec<String> {
    files().into_iter().filter(|path| path.ends_with(".md")).collect()
}

/// Every text that stands between two others.
fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    text.split(start)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(end)?.0.to_owned()))
        .collect()
}

/// The word after a program's name, in code within a line and at the beginning of lines.
fn commands(page: &str, program: &str) -> Vec<String> {
    let inline = between(page, &format!("`{program}"), "`");
    let lines = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix(program)?.to_owned()));
    let word = |rest: String| rest.split([' ', '`']).next().unwrap().to_owned();
    inline.into_iter().chain(lines).map(word).collect()
}
