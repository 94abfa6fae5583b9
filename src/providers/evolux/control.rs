//! Acting on live calls, which are named by their UUID.

use async_trait::async_trait;
use serde_json::json;

use super::{Evolux, dialled, documented, judge, segment};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide};
use crate::domain::error::Failure;
use crate::domain::place::Capability;
use crate::providers::port::{Control, Target};
use crate::upstream::{Body, Exchange};

const HANG_UP: &str = "POST /api/v1/calls/{uuid}/hangup";
const TRANSFER: &str = "POST /api/v1/calls/{uuid}/transfer";

#[async_trait]
impl Control for Evolux {
    fn controls(&self, kind: CallKind) -> &'static [Capability] {
        match kind {
            CallKind::Connect | CallKind::Campaign | CallKind::Queue => &[Capability::Hangup, Capability::Transfer],
            _ => &[],
        }
    }

    async fn hang_up(&self, call: Target<'_>) -> Result<(), Failure> {
        let uuid = segment(call.reference.uuid.as_deref(), HANG_UP)?;
        // Without the parameter the call goes on into the survey.
        let exchange =
            Exchange::post(HANG_UP, format!("/api/v1/calls/{uuid}/hangup"), Body::Empty).query("skip_survey", "true");
        self.exchange(exchange, documented::DONE, judge::done).await
    }

    async fn transfer(&self, call: Target<'_>, to: &Address, leg: LegSide) -> Result<(), Failure> {
        let uuid = segment(call.reference.uuid.as_deref(), TRANSFER)?;
        let body = transfer(&dialled(to, TRANSFER)?, leg);
        let exchange = Exchange::post(TRANSFER, format!("/api/v1/calls/{uuid}/transfer"), Body::Json(body));
        self.exchange(exchange, documented::DONE, judge::done).await
    }
}

fn transfer(destination: &str, leg: LegSide) -> String {
    let leg = match leg {
        LegSide::Caller => "aleg",
        LegSide::Callee => "bleg",
    };
    json!({ "destination_number": destination, "leg": leg }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_names_the_leg_in_the_switch_s_words() {
        assert_eq!(
            transfer("84999010101", LegSide::Caller),
            r#"{"destination_number":"84999010101","leg":"aleg"}"#
        );
        assert_eq!(
            transfer("4000", LegSide::Callee),
            r#"{"destination_number":"4000","leg":"bleg"}"#
        );
    }
}
