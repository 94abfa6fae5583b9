//! What a caller asks for when placing a call.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::AccountName;
use super::address::Address;
use super::call::CallKind;
use super::ids::CallId;
use super::time::Timestamp;
use super::words::words;

words! {
    /// Whether a session description opens a negotiation or answers it (RFC 3264).
    SessionType {
        /// Opens it.
        Offer = "offer",
        /// Answers it.
        Answer = "answer",
    }
}

/// A session description (SDP, RFC 8866) and its part in the offer/answer exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: SessionType,
    /// The description, lines ended by CRLF.
    #[schema(
        min_length = 1,
        max_length = 32768,
        pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+$",
        example = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
    )]
    pub sdp: String,
}

/// One thing to do once `to` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub what: ActionKind,
    /// Do it only if the party typed this digit.
    pub on_digit: Option<u8>,
}

/// The kinds of action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionKind {
    /// Speak a text.
    Say {
        /// The text.
        text: String,
        /// A language such as `pt-BR`, or a provider's voice.
        voice: Option<String>,
    },
    /// Play a recording the provider fetches.
    Play {
        /// Where it is.
        url: url::Url,
    },
    /// Join another party.
    Connect {
        /// The party.
        to: Address,
        /// The caller ID shown to it.
        from: Option<Address>,
    },
    /// Run a menu kept at the provider.
    Menu {
        /// The provider's identifier of the menu.
        id: String,
    },
}

/// What the call consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Actions run in order.
    Actions(Vec<Action>),
    /// A WhatsApp call with the caller's session description.
    Session(Session),
}

/// A call to be placed, already validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Our identifier, made before the provider is asked.
    pub id: CallId,
    /// Who is called first.
    pub to: Address,
    /// The caller ID shown.
    pub from: Option<Address>,
    /// What happens once `to` answers.
    pub script: Script,
    /// Record the call.
    pub record: bool,
    /// End the call where a machine answers.
    pub hang_up_on_machine: bool,
    /// Collect a digit typed by the party.
    pub collect_digits: bool,
    /// Longest duration, in seconds.
    pub max_duration_seconds: Option<u32>,
    /// When to start; now if absent.
    pub schedule_at: Option<Timestamp>,
    /// The caller's own label.
    pub tag: Option<String>,
    /// The account to use; chosen by routing if absent.
    pub account: Option<AccountName>,
}

impl NewCall {
    /// The label a provider with a tag field receives: the caller's and our identifier, so that its news can be tied to the call.
    pub fn provider_tag(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{tag} {}", self.id),
            None => self.id.to_string(),
        }
    }

    /// What the call is made of.
    pub fn kind(&self) -> CallKind {
        match &self.script {
            Script::Session(_) => CallKind::Whatsapp,
            Script::Actions(actions) => match actions.as_slice() {
                [Action { what, on_digit: None }] => match what {
                    ActionKind::Say { .. } => CallKind::Say,
                    ActionKind::Play { .. } => CallKind::Play,
                    ActionKind::Connect { .. } => CallKind::Connect,
                    ActionKind::Menu { .. } => CallKind::Flow,
                },
                _ => CallKind::Flow,
            },
        }
    }

    /// Who the first party is joined with, where that is all the call does.
    pub fn joins(&self) -> Option<&Address> {
        match &self.script {
            Script::Actions(actions) => match actions.as_slice() {
                [
                    Action {
                        what: ActionKind::Connect { to, .. },
                        ..
                    },
                ] => Some(to),
                _ => None,
            },
            Script::Session(_) => None,
        }
    }

    /// The operation an account must offer to take this call.
    pub fn operation(&self) -> Capability {
        match self.kind() {
            CallKind::Whatsapp => Capability::Whatsapp,
            CallKind::Say => Capability::Say,
            CallKind::Play => Capability::Play,
            CallKind::Connect if matches!(self.to, Address::Agent(_)) => Capability::ConnectAgent,
            CallKind::Connect => Capability::Connect,
            _ => Capability::Flow,
        }
    }

    /// The options of that operation the call uses; an agent anywhere but first in [`Capability::ConnectAgent`] is one.
    pub fn options(&self) -> Vec<Capability> {
        let joined = self.joined();
        let shown = || self.from.iter().chain(joined.iter().filter_map(|(_, from)| *from));
        let is_agent = |party: &Address| matches!(party, Address::Agent(_));
        let first_is_joined = self.operation() == Capability::ConnectAgent;
        let agents = (!first_is_joined && is_agent(&self.to))
            || joined.iter().any(|(to, _)| is_agent(to))
            || shown().any(is_agent);
        let used = [
            (agents, Capability::ConnectAgent),
            (shown().next().is_some(), Capability::CallerId),
            (self.record, Capability::Record),
            (self.hang_up_on_machine, Capability::MachineDetection),
            (self.collect_digits, Capability::CollectDigits),
            (self.max_duration_seconds.is_some(), Capability::MaxDuration),
            (self.schedule_at.is_some(), Capability::Schedule),
            (matches!(self.to, Address::Extension(_)), Capability::Extension),
        ];
        used.into_iter()
            .filter_map(|(used, option)| used.then_some(option))
            .collect()
    }

    /// The parties that actions join, each with the caller ID shown to it.
    fn joined(&self) -> Vec<(&Address, Option<&Address>)> {
        let Script::Actions(actions) = &self.script else {
            return Vec::new();
        };
        let joined = actions.iter().filter_map(|action| match &action.what {
            ActionKind::Connect { to, from } => Some((to, from.as_ref())),
            _ => None,
        });
        joined.collect()
    }
}

/// Takes our identifier out of a tag that a provider echoed: what the caller wrote, and the identifier.
///
/// Ours is the last: a caller's own label may hold the name of another call.
pub fn split_tag(echoed: &str) -> (Option<String>, Option<CallId>) {
    let id = CallId::last_in(echoed);
    let (before, after) = id
        .and_then(|id| echoed.rsplit_once(&id.to_string()))
        .unwrap_or((echoed, ""));
    let rest = [before, after].concat();
    let tag = rest.trim();
    ((!tag.is_empty()).then(|| tag.to_owned()), id)
}

words! {
    /// What an account can do, as named in problems, `/accounts` and the capability table.
    Capability {
        /// Join two phones.
        Connect = "connect",
        /// Join a logged-in agent and a phone.
        ConnectAgent = "connect_agent",
        /// Speak a text.
        Say = "say",
        /// Play a recording.
        Play = "play",
        /// Several actions, menus, actions on digits.
        Flow = "flow",
        /// WhatsApp calls.
        Whatsapp = "whatsapp",
        /// Show a chosen caller ID.
        CallerId = "caller_id",
        /// Record.
        Record = "record",
        /// End the call where a machine answers.
        MachineDetection = "machine_detection",
        /// Collect digits.
        CollectDigits = "collect_digits",
        /// Limit the duration.
        MaxDuration = "max_duration_seconds",
        /// Start later.
        Schedule = "schedule_at",
        /// Call an extension first.
        Extension = "extension",
        /// End a call.
        Hangup = "hangup",
        /// Move a leg to another party.
        Transfer = "transfer",
        /// Listen, whisper or barge.
        Monitor = "monitor",
        /// Ask for a call's state.
        Refresh = "refresh",
        /// Fetch a call's recording.
        Recording = "recording",
        /// Accept or reject an incoming call.
        Inbound = "inbound",
        /// Verification by SMS.
        VerifySms = "verify_sms",
        /// Verification by a spoken code.
        VerifyVoice = "verify_voice",
        /// List past calls.
        History = "history",
        /// Tell news by webhook.
        Webhooks = "webhooks",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::phone::Region;

    fn call(actions: Vec<Action>) -> NewCall {
        NewCall {
            id: CallId::generate(),
            to: Address::parse("+5511988887777", Region::BR).unwrap(),
            from: None,
            script: Script::Actions(actions),
            record: false,
            hang_up_on_machine: false,
            collect_digits: false,
            max_duration_seconds: None,
            schedule_at: None,
            tag: Some("order-7".into()),
            account: None,
        }
    }

    fn say(on_digit: Option<u8>) -> Action {
        Action {
            what: ActionKind::Say {
                text: "oi".into(),
                voice: None,
            },
            on_digit,
        }
    }

    #[test]
    fn the_script_tells_the_kind() {
        assert_eq!(call(vec![say(None)]).kind(), CallKind::Say);
        assert_eq!(call(vec![say(Some(1))]).kind(), CallKind::Flow);
        assert_eq!(call(vec![say(None), say(None)]).kind(), CallKind::Flow);
    }

    #[test]
    fn every_option_used_is_named() {
        let mut call = call(vec![say(None)]);
        call.record = true;
        call.max_duration_seconds = Some(60);
        assert_eq!(call.operation(), Capability::Say);
        assert_eq!(call.options(), [Capability::Record, Capability::MaxDuration]);
    }

    #[test]
    fn the_tag_sent_is_read_back_without_our_id() {
        let call = call(vec![say(None)]);
        assert_eq!(split_tag(&call.provider_tag()), (Some("order-7".into()), Some(call.id)));
        let tricky = NewCall {
            tag: Some(format!("again-{}", CallId::generate())),
            ..call.clone()
        };
        let stolen = NewCall {
            tag: Some(CallId::generate().to_string()),
            ..call
        };
        for call in [tricky, stolen] {
            assert_eq!(
                split_tag(&call.provider_tag()),
                (call.tag.clone(), Some(call.id)),
                "another call's name in the tag is the caller's own text"
            );
        }
        assert_eq!(split_tag("mine"), (Some("mine".into()), None));
        assert_eq!(split_tag(""), (None, None));
    }
}
