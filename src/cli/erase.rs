//! `switchboard erase`: removes what is kept about a number.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::management::{Management, table};
use super::{block_on, print};

/// The exit code where something could not be removed yet.
const LEFT: u8 = 3;

/// Whose data, and where.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The number, in E.164 or as the gateway's country writes it.
    #[arg(long)]
    number: String,
    /// Removes nothing, and tells what would be removed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    management: Management,
    /// Prints what the gateway says, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let body = json!({ "number": options.number, "dry_run": options.dry_run });
    let erased = block_on(1, options.management.post(&["erase"], &body))?;
    print(&if options.json {
        format!("{erased:#}\n")
    } else {
        shown(&erased)
    })?;
    Ok(if rows(&erased["left"]).is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(LEFT)
    })
}

fn shown(erased: &Value) -> String {
    let number = erased["number"].as_str().unwrap_or_default();
    let what = if erased["dry_run"] == true {
        "Would be erased"
    } else {
        "Erased"
    };
    let removed = rows(&erased["removed"]);
    let mut out = if removed.is_empty() {
        format!("Nothing is kept about {number}.\n")
    } else {
        format!("{what} of {number}:\n{}", table(&removed))
    };
    let left = rows(&erased["left"]);
    if !left.is_empty() {
        out += &format!(
            "Still under way, so run the same command again later:\n{}",
            table(&left)
        );
    }
    out
}

/// What there is any of.
fn rows(counts: &Value) -> Vec<Vec<String>> {
    let counts = counts.as_object().into_iter().flatten();
    counts
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(kind, count)| vec![format!("  {}", kind.replace('_', " ")), count.to_string()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_and_what_is_left_is_told_by_kind() {
        let erased = json!({
            "number": "+55*********77", "dry_run": false,
            "removed": { "calls": 2, "dead_letters": 1, "events": 0 },
            "left": { "objects": 1, "webhooks": 0 },
        });
        let expected = "\
Erased of +55*********77:
  calls         2
  dead letters  1
Still under way, so run the same command again later:
  objects  1
";
        assert_eq!(shown(&erased), expected);
        let none = json!({ "number": "+55*********77", "removed": {}, "left": {} });
        assert_eq!(shown(&none), "Nothing is kept about +55*********77.\n");
    }
}
