//! Evolux: agent calls found again in the queue report, reports read page by page.

mod calls;
mod faults;
mod history;

use std::sync::Arc;

use switchboard::domain::history::Window;
use switchboard::domain::place::{Action, ActionKind, NewCall, Script};
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{Provider, ReportQuery};
use switchboard::simulators::evolux::{History, Knobs, Options, start};
use switchboard::simulators::server::Handle;

use super::common::{Controls, TOKEN, address, call, provider, with_keys};

/// A simulated tenant with no history, and its provider.
struct Evolux {
    provider: Arc<dyn Provider>,
    sim: Controls,
    _handle: Handle,
}

impl Evolux {
    async fn start() -> Self {
        Self::with("", Knobs::default()).await
    }

    async fn with(settings: &str, knobs: Knobs) -> Self {
        let tokens = vec![TOKEN.to_owned()];
        let options = Options {
            tokens,
            history: History::none(),
            knobs,
            ..Options::default()
        };
        let handle = start(options).await.unwrap();
        let provider = provider(&account(&handle, settings));
        Self {
            provider,
            sim: Controls(handle.url()),
            _handle: handle,
        }
    }

    /// The same tenant through an account with other keys.
    fn with_keys(&self, keys: &str) -> Arc<dyn Provider> {
        with_keys(&format!("provider = 'evolux'\nbase_url = '{}'", self.sim.0), keys)
    }
}

fn account(handle: &Handle, settings: &str) -> String {
    format!("provider = 'evolux'\nbase_url = '{}'\n{settings}", handle.url())
}

/// `agent:john.snow` joined with a number.
fn agent_call(number: &str) -> NewCall {
    let what = ActionKind::Connect {
        to: address(number),
        from: None,
    };
    call(
        "agent:john.snow",
        Script::Actions(vec![Action { what, on_digit: None }]),
    )
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Everything between two moments.
fn query(since: &str, until: &str) -> ReportQuery {
    ReportQuery::of(Window {
        since: at(since),
        until: at(until),
    })
}
