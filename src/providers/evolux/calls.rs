//! Calls from a logged-in agent to a number.

use async_trait::async_trait;
use serde_json::json;

use super::{Evolux, dialled, documented, judge, refused};
use crate::domain::address::Address;
use crate::domain::call::CallKind;
use crate::domain::call::ProviderRef;
use crate::domain::error::{Failure, Refusal};
use crate::domain::place::{Action, ActionKind, Capability, NewCall, Script};
use crate::providers::port::{Calls, Offer};
use crate::upstream::{Body, Exchange};

const PLACE: &str = "POST /api/v1/call";

#[async_trait]
impl Calls for Evolux {
    fn offers(&self) -> &'static [Offer] {
        &[Offer {
            operation: Capability::ConnectAgent,
            options: &[Capability::MaxDuration],
        }]
    }

    fn operation(&self, _kind: CallKind) -> &'static str {
        PLACE
    }

    /// Success tells no identifier: the call is found later, in the queue report.
    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        let exchange = Exchange::post(PLACE, "/api/v1/call", Body::Multipart(form(call)?)).fresh();
        self.exchange(exchange, documented::DONE, judge::done).await?;
        Ok(None)
    }
}

fn form(call: &NewCall) -> Result<Vec<(&'static str, String)>, Failure> {
    let (Address::Agent(login), Some(number)) = (&call.to, connected(&call.script)) else {
        return Err(refused(
            Refusal::Unsupported,
            PLACE,
            "only an agent can be joined with a number",
        ));
    };
    // Shown on the agent's screen while the call lasts.
    let label = json!([{ "label": "tag", "type": "text", "value": call.provider_tag() }]);
    let mut form = vec![
        ("from", login.clone()),
        ("to", dialled(number, PLACE)?),
        ("call_info", label.to_string()),
    ];
    form.extend(
        call.max_duration_seconds
            .map(|seconds| ("max_duration", seconds.to_string())),
    );
    Ok(form)
}

/// The party the agent is joined with; nothing where another caller ID is wanted, which Evolux cannot show.
fn connected(script: &Script) -> Option<&Address> {
    match script {
        Script::Actions(actions) => match actions.as_slice() {
            [
                Action {
                    what: ActionKind::Connect { to, from: None },
                    on_digit: None,
                },
            ] => Some(to),
            _ => None,
        },
        Script::Session(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::error::FailureKind;
    use crate::domain::ids::CallId;
    use crate::domain::phone::Region;

    fn call(to: &str, party: &str, from: Option<&str>) -> NewCall {
        let parse = |text| Address::parse(text, Region::BR).unwrap();
        let what = ActionKind::Connect {
            to: parse(party),
            from: from.map(parse),
        };
        NewCall {
            id: CallId::generate(),
            to: parse(to),
            from: None,
            script: Script::Actions(vec![Action { what, on_digit: None }]),
            record: false,
            hang_up_on_machine: false,
            collect_digits: false,
            max_duration_seconds: None,
            schedule_at: None,
            tag: Some("order-7".into()),
            account: None,
        }
    }

    #[test]
    fn an_agent_call_is_sent_with_the_national_number_and_our_label() {
        let mut call = call("agent:john.snow", "+5584999010101", None);
        let label = format!(r#"[{{"label":"tag","type":"text","value":"order-7 {}"}}]"#, call.id);
        let expected = vec![
            ("from", "john.snow".to_owned()),
            ("to", "84999010101".to_owned()),
            ("call_info", label),
        ];
        assert_eq!(form(&call).unwrap(), expected);
        call.max_duration_seconds = Some(90);
        assert_eq!(form(&call).unwrap().last().unwrap(), &("max_duration", "90".to_owned()));
    }

    #[test]
    fn an_extension_is_dialled_as_it_is() {
        assert_eq!(
            form(&call("agent:john.snow", "ext:4000", None)).unwrap()[1],
            ("to", "4000".to_owned())
        );
    }

    #[test]
    fn what_it_cannot_do_is_refused_before_anything_is_sent() {
        let refused = [
            call("agent:john.snow", "+14155552671", None),
            call("agent:john.snow", "agent:maria.luz", None),
            call("agent:john.snow", "+5584999010101", Some("+558433330000")),
            call("+5584999010101", "+5584999010102", None),
        ];
        for call in refused {
            let failure = form(&call).unwrap_err();
            assert_eq!(
                (failure.kind, failure.operation),
                (FailureKind::Refused(Refusal::Unsupported), PLACE)
            );
        }
    }
}
