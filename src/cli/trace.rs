//! `switchboard trace`: what happened to a call or a verification.

use clap::Args;
use serde_json::{Map, Value};

use super::management::{Management, table};
use super::{block_on, print};

/// What to look for, and where.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A call, a verification, an event, or a request by its X-Request-Id.
    id: String,
    #[command(flatten)]
    management: Management,
    /// Prints what the gateway says, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let trace = block_on(1, options.management.get(&["trace", &options.id]))?;
    print(&if options.json {
        format!("{trace:#}\n")
    } else {
        shown(&trace)
    })
}

fn shown(trace: &Value) -> String {
    let list = |name: &str| trace[name].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    for object in list("objects") {
        out += &format!("{}\n", pairs(&object));
    }
    let rows: Vec<_> = list("timeline").iter().map(row).collect();
    out += &format!("\n{}", table(&rows));
    if trace["complete"] == false {
        out += "\nNot everything that is kept was looked through: there may be more.\n";
    }
    out
}

fn row(step: &Value) -> Vec<String> {
    let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let gap = match step["gap_ms"].as_i64().unwrap_or(0) {
        ms @ ..10_000 => format!("+{ms} ms"),
        ms => format!("+{} s", ms / 1000),
    };
    vec![text("at"), gap, text("kind"), text("what"), pairs(&step["detail"])]
}

/// What is known, as `name=value`.
fn pairs(value: &Value) -> String {
    let known = |object: &Map<String, Value>| {
        let known = object.iter().filter(|(_, value)| !value.is_null());
        let pairs = known.map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        pairs.collect::<Vec<_>>().join(" ")
    };
    value.as_object().map(known).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_timeline_is_a_line_for_each_step_with_its_gap() {
        let trace = json!({
            "objects": [{ "id": "call_1", "status": "completed", "tag": null }],
            "timeline": [
                { "at": "2026-11-22T12:00:00.000Z", "gap_ms": 0, "kind": "object", "what": "made", "detail": {} },
                { "at": "2026-11-22T12:00:20.000Z", "gap_ms": 20_000, "kind": "attempt", "what": "POST /tts",
                  "detail": { "account": "zenvia-br", "ms": 12 } },
            ],
            "complete": false,
        });
        let expected = "\
id=call_1 status=completed

2026-11-22T12:00:00.000Z  +0 ms  object   made
2026-11-22T12:00:20.000Z  +20 s  attempt  POST /tts  account=zenvia-br ms=12

Not everything that is kept was looked through: there may be more.
";
        assert_eq!(shown(&trace), expected);
    }
}
