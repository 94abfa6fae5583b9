//! `switchboard status`: how a running gateway and everything it serves fare.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::management::{Management, table};
use super::{block_on, print};
use crate::domain::time::Timestamp;

/// The exit code where something needs a person.
const NEEDS_A_PERSON: u8 = 1;
/// The exit code where nobody answers.
const NOT_ASKED: u8 = 2;

/// Which gateway, and how it is shown.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    management: Management,
    /// Prints what the gateway says, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let status = match block_on(1, options.management.get(&["status"])) {
        Ok(status) => status,
        Err(error) => {
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "{error:#}");
            return Ok(ExitCode::from(NOT_ASKED));
        }
    };
    print(&if options.json {
        format!("{status:#}\n")
    } else {
        shown(&status, now())
    })?;
    let needs = list(&status["needs"]).len();
    Ok(if needs > 0 {
        ExitCode::from(NEEDS_A_PERSON)
    } else {
        ExitCode::SUCCESS
    })
}

#[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value as a cell of a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// How long ago an instant was.
fn ago(value: &Value, now: Timestamp) -> String {
    let Some(at) = value.as_str().and_then(Timestamp::parse) else {
        return "-".to_owned();
    };
    match now.seconds_since(at) {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

fn shown(status: &Value, now: Timestamp) -> String {
    let ready = if status["ready"] == true { "ready" } else { "NOT READY" };
    let hash = status["config_sha256"]
        .as_str()
        .and_then(|hash| hash.get(..12))
        .unwrap_or("-");
    let mut out = format!(
        "switchboard {}, {ready}, configuration {hash}\n",
        cell(&status["version"])
    );
    for warning in list(&status["warnings"]) {
        out += &format!("warning: {}\n", cell(warning));
    }
    let reload = &status["last_reload"];
    if !reload.is_null() {
        let ended = if reload["successful"] == true {
            "taken over"
        } else {
            "REFUSED"
        };
        out += &format!("last reload: {ended} {}\n", ago(&reload["at"], now));
    }
    out += &needs(list(&status["needs"]));
    let accounts = list(&status["accounts"]);
    out += &format!("\n{}", table(&account_rows(accounts, now)));
    out += &format!("\n{}", table(&key_rows(accounts, now)));
    out += &format!("\n{}", table(&token_key_rows(list(&status["token_keys"]), now)));
    out += &work(&status["work"], now);
    out
}

fn needs(needs: &[Value]) -> String {
    if needs.is_empty() {
        return "Nothing needs a person.\n".to_owned();
    }
    let row = |need: &Value| {
        vec![
            "  !".to_owned(),
            cell(&need["kind"]),
            cell(&need["subject"]),
            cell(&need["detail"]),
        ]
    };
    format!("Needs a person:\n{}", table(&needs.iter().map(row).collect::<Vec<_>>()))
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn account_rows(accounts: &[Value], now: Timestamp) -> Vec<Vec<String>> {
    let head = heads(&[
        "ACCOUNT",
        "PROVIDER",
        "MODE",
        "HEALTH",
        "ERRORS",
        "LAST SUCCESS",
        "BALANCE",
        "LAST WEBHOOK",
    ]);
    let row = |account: &Value| {
        let health = &account["health"];
        let errors = health["error_ratio"].as_f64();
        let balance = &account["balance"];
        let last = list(&account["last_webhooks"])
            .iter()
            .max_by_key(|last| cell(&last["at"]));
        vec![
            cell(&account["account"]),
            cell(&account["provider"]),
            cell(&account["mode"]),
            cell(&health["status"]),
            errors.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0)),
            ago(&health["last_success"], now),
            match balance {
                Value::Null => "-".to_owned(),
                balance => format!("{} {}", cell(&balance["amount"]), cell(&balance["currency"])),
            },
            last.map_or_else(
                || "-".to_owned(),
                |last| format!("{} {}", cell(&last["kind"]), ago(&last["at"], now)),
            ),
        ]
    };
    std::iter::once(head).chain(accounts.iter().map(row)).collect()
}

fn key_rows(accounts: &[Value], now: Timestamp) -> Vec<Vec<String>> {
    let head = heads(&[
        "ACCOUNT",
        "KEY",
        "VALID",
        "USED",
        "ACCEPTED",
        "REJECTED",
        "SAFE TO REVOKE",
    ]);
    let row = |account: &Value, key: &Value| {
        vec![
            cell(&account["account"]),
            cell(&key["id"]),
            cell(&key["valid"]),
            ago(&key["last_used"], now),
            ago(&key["last_accepted"], now),
            ago(&key["last_rejected"], now),
            cell(&key["safe_to_revoke"]),
        ]
    };
    let rows = accounts
        .iter()
        .flat_map(|account| list(&account["keys"]).iter().map(move |key| row(account, key)));
    std::iter::once(head).chain(rows).collect()
}

fn token_key_rows(keys: &[Value], now: Timestamp) -> Vec<Vec<String>> {
    let head = heads(&["TOKENS", "KEY", "VALID", "ACCEPTED", "REJECTED", "SAFE TO REVOKE"]);
    let row = |key: &Value| {
        vec![
            cell(&key["ring"]),
            cell(&key["id"]),
            cell(&key["valid"]),
            ago(&key["last_accepted"], now),
            ago(&key["last_rejected"], now),
            cell(&key["safe_to_revoke"]),
        ]
    };
    std::iter::once(head).chain(keys.iter().map(row)).collect()
}

fn work(work: &Value, now: Timestamp) -> String {
    if work.is_null() {
        return "\nWhat is on its way cannot be told while the store is away.\n".to_owned();
    }
    let calls = &work["unsettled"];
    let mut out = format!(
        "\nUnsettled calls: {}, {} of them overdue; the oldest began {}\nWebhooks are applied until {}\n",
        cell(&calls["count"]),
        cell(&calls["overdue"]),
        ago(&calls["oldest"], now),
        ago(&work["webhooks_applied_until"], now),
    );
    let subscriptions = list(&work["subscriptions"]);
    if !subscriptions.is_empty() {
        let row = |one: &Value| vec![cell(&one["subscription"]), cell(&one["dead"]), cell(&one["ended"])];
        let head = heads(&["SUBSCRIPTION", "DEAD", "ENDED"]);
        let rows: Vec<_> = std::iter::once(head).chain(subscriptions.iter().map(row)).collect();
        out += &format!("\n{}", table(&rows));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn what_needs_a_person_comes_first_and_everything_is_in_the_tables() {
        let status = json!({
            "needs": [{ "kind": "low_balance", "subject": "zenvia-br", "detail": "7 BRL left, less than 50" }],
            "ready": true,
            "warnings": ["appendfsync is everysec"],
            "version": "0.1.0",
            "config_sha256": "0123456789abcdef",
            "last_reload": { "at": "2026-11-22T11:59:00.000Z", "successful": false },
            "accounts": [{
                "account": "zenvia-br", "provider": "zenvia", "mode": "on",
                "health": { "status": "healthy", "error_ratio": 0.0125, "last_success": "2026-11-22T11:59:30.000Z" },
                "balance": { "amount": "7", "currency": "BRL" },
                "keys": [{ "id": "old", "valid": true, "last_used": null, "safe_to_revoke": true }],
                "last_webhooks": [
                    { "kind": "call-end", "at": "2026-11-22T11:00:00.000Z" },
                    { "kind": "tts-end", "at": "2026-11-22T11:30:00.000Z" },
                ],
            }],
            "token_keys": [{
                "ring": "auth.jwks_url", "id": "2026-11", "valid": true,
                "last_accepted": "2026-11-22T11:59:50.000Z", "safe_to_revoke": false,
            }],
            "work": {
                "unsettled": { "count": 3, "overdue": 1, "oldest": "2026-11-21T12:00:00.000Z" },
                "webhooks_applied_until": "2026-11-22T12:00:00.000Z",
                "subscriptions": [{ "subscription": "billing", "dead": 4, "ended": false }],
            },
        });
        let expected = "\
switchboard 0.1.0, ready, configuration 0123456789ab
warning: appendfsync is everysec
last reload: REFUSED 60 s ago
Needs a person:
  !  low_balance  zenvia-br  7 BRL left, less than 50

ACCOUNT    PROVIDER  MODE  HEALTH   ERRORS  LAST SUCCESS  BALANCE  LAST WEBHOOK
zenvia-br  zenvia    on    healthy  1.2 %   30 s ago      7 BRL    tts-end 30 min ago

ACCOUNT    KEY  VALID  USED  ACCEPTED  REJECTED  SAFE TO REVOKE
zenvia-br  old  yes    -     -         -         yes

TOKENS         KEY      VALID  ACCEPTED  REJECTED  SAFE TO REVOKE
auth.jwks_url  2026-11  yes    10 s ago  -         no

Unsettled calls: 3, 1 of them overdue; the oldest began 24 h ago
Webhooks are applied until 0 s ago

SUBSCRIPTION  DEAD  ENDED
billing       4     no
";
        assert_eq!(shown(&status, at("2026-11-22T12:00:00Z")), expected);
    }

    #[test]
    fn without_its_store_a_gateway_tells_what_it_can() {
        let status = json!({ "ready": false, "needs": [], "work": null, "accounts": [] });
        let shown = shown(&status, at("2026-11-22T12:00:00Z"));
        assert!(
            shown.contains("NOT READY") && shown.contains("the store is away"),
            "{shown}"
        );
    }
}
