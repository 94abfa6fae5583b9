//! What operators read: the alerts and their runbook, and the README in two languages.

use std::collections::BTreeSet;

use serde_json::Value;

use super::repository::text;

/// More than this many wake nobody any more.
const MOST_ALERTS: usize = 12;

#[test]
fn every_alert_has_its_section_of_the_runbook_and_every_section_its_alert() {
    let alerts = alerts();
    let named: BTreeSet<_> = alerts.iter().map(|alert| string(&alert["alert"])).collect();
    assert_eq!(named.len(), alerts.len(), "names differ");
    assert!(alerts.len() <= MOST_ALERTS);
    for alert in &alerts {
        let section = format!("docs/runbook.md#{}", string(&alert["alert"]).to_lowercase());
        assert_eq!(string(&alert["annotations"]["runbook_url"]), section);
    }
    let runbook = text("docs/runbook.md").unwrap();
    let sections = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    let sections: BTreeSet<_> = sections.map(str::to_owned).collect();
    assert_eq!(named, sections);
}

#[test]
fn every_section_of_the_runbook_says_what_to_look_at_and_what_to_do() {
    let runbook = text("docs/runbook.md").unwrap();
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**Means.**", "**Look.**", "**Do.**", "**Wake.**"] {
            assert!(section.contains(part), "{part}: {section}");
        }
    }
}

#[test]
fn every_alert_is_seen_firing() {
    let tests = text("tests/operated/alerts.test.yml").unwrap();
    for alert in alerts() {
        let name = string(&alert["alert"]);
        let fires = tests
            .split("eval_time:")
            .any(|case| case.contains(&format!("alertname: {name}\n")) && case.contains("exp_alerts"));
        let quiet = tests.contains(&format!("alertname: {name}}}"));
        assert!(fires && quiet, "{name}");
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let source = text("src/telemetry.rs").unwrap();
    let known: BTreeSet<_> = names(&source).collect();
    for page in ["config/alerts.yml", "config/dashboard.json"] {
        for name in names(&text(page).unwrap()) {
            let base = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            assert!(
                known.contains(&name) || base.is_some_and(|base| known.contains(base)),
                "{page}: {name}"
            );
        }
    }
}

#[test]
fn both_readmes_tell_the_same_things_to_type() {
    let [english, portuguese] = ["README.md", "README.pt-BR.md"].map(|page| text(page).unwrap());
    assert_eq!(blocks(&english), blocks(&portuguese));
    let headings = |page: &str| page.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&portuguese));
    assert!(english.contains("(README.pt-BR.md)") && portuguese.contains("(README.md)"));
}

fn alerts() -> Vec<Value> {
    let rules: Value = serde_saphyr::from_str(&text("config/alerts.yml").unwrap()).unwrap();
    rules["groups"][0]["rules"].as_array().unwrap().clone()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The names of our metrics in a text.
fn names(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("switchboard_")).map(str::to_owned)
}

/// The blocks of code, without their comments, which are in the page's language.
fn blocks(page: &str) -> Vec<Vec<&str>> {
    let code = page.split("```").skip(1).step_by(2);
    code.map(|block| {
        let lines = block.lines().map(|line| line.split(" # ").next().unwrap().trim_end());
        lines.filter(|line| !line.trim_start().starts_with('#')).collect()
    })
    .collect()
}
