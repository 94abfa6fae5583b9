//! `switchboard capabilities`: the provider × feature table, read from the adapters.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::print;
use crate::domain::call::CallKind;
use crate::domain::place::Capability;
use crate::domain::verification::Channel;
use crate::providers::port::Provider;
use crate::providers::registry;

pub(super) fn run() -> anyhow::Result<()> {
    print(&table()?)
}

/// The table in Markdown: one row a capability, one column a provider; `yes`, `no`, or with what it goes.
pub fn table() -> anyhow::Result<String> {
    let providers = registry::samples()?;
    let mut out = String::from("| Capability |");
    for provider in &providers {
        write!(out, " {} |", provider.kind())?;
    }
    writeln!(out, "\n|---|{}", "---|".repeat(providers.len()))?;
    for capability in Capability::ALL {
        write!(out, "| `{capability}` |")?;
        for provider in &providers {
            write!(out, " {} |", cell(provider.as_ref(), *capability))?;
        }
        writeln!(out)?;
    }
    Ok(out)
}

fn cell(provider: &dyn Provider, capability: Capability) -> String {
    let listed = match capability {
        Capability::Hangup | Capability::Transfer | Capability::Monitor => kinds(|kind| {
            provider
                .control()
                .is_some_and(|control| control.controls(kind).contains(&capability))
        }),
        Capability::Refresh => kinds(|kind| provider.lookup().is_some_and(|lookup| lookup.can_fetch(kind))),
        Capability::Recording => return yes(provider.recordings().is_some()),
        Capability::Inbound => return yes(provider.inbound().is_some()),
        Capability::VerifySms => return yes(sends(provider, Channel::Sms)),
        Capability::VerifyVoice => return yes(sends(provider, Channel::Voice)),
        Capability::Webhooks => return yes(provider.webhooks().is_some()),
        Capability::History => match provider.history() {
            Some(history) => history.reports().iter().map(|report| report.name.to_owned()).collect(),
            None => return "from webhooks".to_owned(),
        },
        placed => return placing(provider, placed),
    };
    if listed.is_empty() {
        yes(false)
    } else {
        listed.join(", ")
    }
}

fn placing(provider: &dyn Provider, capability: Capability) -> String {
    let offers = provider.calls().map(|calls| calls.offers()).unwrap_or_default();
    if offers.iter().any(|offer| offer.operation == capability) {
        return yes(true);
    }
    let with: BTreeSet<_> = offers
        .iter()
        .filter(|offer| offer.options.contains(&capability))
        .map(|offer| offer.operation.as_str())
        .collect();
    if with.is_empty() {
        yes(false)
    } else {
        format!("with {}", with.into_iter().collect::<Vec<_>>().join(", "))
    }
}

fn kinds(can: impl Fn(CallKind) -> bool) -> Vec<String> {
    CallKind::ALL
        .iter()
        .filter(|kind| can(**kind))
        .map(ToString::to_string)
        .collect()
}

fn sends(provider: &dyn Provider, channel: Channel) -> bool {
    provider
        .codes()
        .is_some_and(|codes| codes.channels().contains(&channel))
}

fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_what_the_adapters_say() {
        let text = format!(
            "# What each provider can do\n\nMade by `switchboard capabilities` from the adapters.\n\n{}",
            table().unwrap()
        );
        crate::cli::committed("docs/capabilities.md", &text);
    }
}
