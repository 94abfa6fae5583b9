//! What a caller writes to place a call, read into the words of the domain.

use utoipa::ToSchema;

use crate::api::object::Object;
use crate::api::values::{Wrong, account, address, instant, line, tag, text, word};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::domain::place::{Action, ActionKind, NewCall, Script, Session};
use crate::domain::time::Timestamp;
use crate::domain::words::words;

use super::play_url::play_url;

/// How many actions a call has at most.
const MAX_ACTIONS: usize = 20;
/// How long a spoken text is at most, in characters.
const MAX_TEXT: usize = 5000;
/// How long a session description is at most, in characters.
const MAX_SDP: usize = 32_768;
/// How long a call may be asked to last at most, in seconds.
const MAX_DURATION: i64 = 14_400;

/// A call to place: `actions` for every party but a WhatsApp user, who takes a `session` instead.
#[derive(Debug, ToSchema)]
#[schema(as = NewCall)]
pub struct NewCallBody {
    /// Who is called first.
    to: Address,
    /// The caller ID shown, where the provider can show a chosen one.
    from: Option<Address>,
    /// What happens once `to` answers, in order.
    #[schema(min_items = 1, max_items = 20)]
    actions: Option<Vec<ActionBody>>,
    /// The session description of a WhatsApp call.
    session: Option<Session>,
    /// Record the call.
    #[schema(value_type = Option<bool>, default = false)]
    record: bool,
    /// What to do where a machine answers.
    machine_detection: Option<MachineDetection>,
    /// Collect a digit typed by the party.
    #[schema(value_type = Option<bool>, default = false)]
    collect_digits: bool,
    /// End the call after so many seconds.
    #[schema(minimum = 1, maximum = 14400)]
    max_duration_seconds: Option<u32>,
    /// Start the call then; must lie in the future.
    schedule_at: Option<Timestamp>,
    /// A label of your own.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+$",
        example = "order-7"
    )]
    tag: Option<String>,
    /// The account to use; chosen by routing if absent.
    account: Option<AccountName>,
}

words! {
    /// What to do where a machine answers.
    MachineDetection {
        /// End the call.
        Hangup = "hangup",
    }
}

/// One thing to do once `to` answers; with `on_digit` only if the party typed that digit.
#[derive(Debug, ToSchema)]
#[schema(as = Action)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionBody {
    /// Speak a text.
    #[schema(title = "Say")]
    Say {
        /// The text.
        #[schema(
            min_length = 1,
            max_length = 5000,
            pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+$",
            example = "Seu pedido saiu"
        )]
        text: String,
        /// A language such as `pt-BR`, or a voice of the provider's.
        #[schema(
            min_length = 1,
            max_length = 64,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
            example = "pt-BR"
        )]
        voice: Option<String>,
        /// Only if the party typed this digit.
        #[schema(minimum = 0, maximum = 9)]
        on_digit: Option<u8>,
    },
    /// Play a recording that the provider fetches.
    #[schema(title = "Play")]
    Play {
        /// Where it is: http or https, not at a private address.
        #[schema(value_type = String, max_length = 2048, pattern = "^https?://", example = "https://example.com/welcome.mp3")]
        url: url::Url,
        /// Only if the party typed this digit.
        #[schema(minimum = 0, maximum = 9)]
        on_digit: Option<u8>,
    },
    /// Join another party.
    #[schema(title = "Connect")]
    Connect {
        /// The party; no WhatsApp user.
        to: Address,
        /// The caller ID shown to it.
        from: Option<Address>,
        /// Only if the party typed this digit.
        #[schema(minimum = 0, maximum = 9)]
        on_digit: Option<u8>,
    },
    /// Run a menu kept at the provider.
    #[schema(title = "Menu")]
    Menu {
        /// The provider's identifier of the menu.
        #[schema(
            min_length = 1,
            max_length = 64,
            pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
            example = "1234"
        )]
        id: String,
        /// Only if the party typed this digit.
        #[schema(minimum = 0, maximum = 9)]
        on_digit: Option<u8>,
    },
}

words! {
    /// The `type` of an action.
    ActionType { Say = "say", Play = "play", Connect = "connect", Menu = "menu" }
}

impl NewCallBody {
    /// Reads the body; national numbers are those of `region`, and a call is scheduled after `now`.
    pub fn read(object: &mut Object<'_>, region: Region, now: Timestamp) -> Option<Self> {
        let to = object.required("to", address(region));
        let from = object.optional("from", |text| address(region)(text).and_then(not_whatsapp));
        let actions = object.list("actions", 1..=MAX_ACTIONS, |action| ActionBody::read(action, region));
        let session = object.object("session", read_session);
        check_script(object, to.as_ref());
        let record = object.flag("record");
        let machine_detection = object.optional("machine_detection", word);
        let collect_digits = object.flag("collect_digits");
        let max_duration = object.number("max_duration_seconds", 1..=MAX_DURATION);
        let schedule_at = object.optional("schedule_at", |text| after(text, now));
        let tag = object.optional("tag", tag);
        let account = object.optional("account", account);
        Some(Self {
            to: to?,
            from,
            actions,
            session,
            record,
            machine_detection,
            collect_digits,
            max_duration_seconds: max_duration.and_then(|seconds| u32::try_from(seconds).ok()),
            schedule_at,
            tag,
            account,
        })
    }

    /// The call, under a new identifier.
    pub fn into_call(self) -> NewCall {
        let actions = self.actions.unwrap_or_default().into_iter().map(Action::from).collect();
        NewCall {
            id: CallId::generate(),
            to: self.to,
            from: self.from,
            script: self.session.map_or(Script::Actions(actions), Script::Session),
            record: self.record,
            hang_up_on_machine: self.machine_detection == Some(MachineDetection::Hangup),
            collect_digits: self.collect_digits,
            max_duration_seconds: self.max_duration_seconds,
            schedule_at: self.schedule_at,
            tag: self.tag,
            account: self.account,
        }
    }
}

impl ActionBody {
    fn read(object: &mut Object<'_>, region: Region) -> Option<Self> {
        let kind = object.required("type", word::<ActionType>)?;
        let on_digit = object
            .number("on_digit", 0..=9)
            .and_then(|digit| u8::try_from(digit).ok());
        match kind {
            ActionType::Say => {
                let text = object.required("text", text(1..=MAX_TEXT));
                let voice = object.optional("voice", line(1..=64));
                Some(Self::Say {
                    text: text?,
                    voice,
                    on_digit,
                })
            }
            ActionType::Play => {
                let url = object.required("url", play_url);
                Some(Self::Play { url: url?, on_digit })
            }
            ActionType::Connect => {
                let to = object.required("to", |text| address(region)(text).and_then(not_whatsapp));
                let from = object.optional("from", |text| address(region)(text).and_then(not_whatsapp));
                Some(Self::Connect {
                    to: to?,
                    from,
                    on_digit,
                })
            }
            ActionType::Menu => {
                let id = object.required("id", line(1..=64));
                Some(Self::Menu { id: id?, on_digit })
            }
        }
    }
}

impl From<ActionBody> for Action {
    fn from(action: ActionBody) -> Self {
        let (what, on_digit) = match action {
            ActionBody::Say { text, voice, on_digit } => (ActionKind::Say { text, voice }, on_digit),
            ActionBody::Play { url, on_digit } => (ActionKind::Play { url }, on_digit),
            ActionBody::Connect { to, from, on_digit } => (ActionKind::Connect { to, from }, on_digit),
            ActionBody::Menu { id, on_digit } => (ActionKind::Menu { id }, on_digit),
        };
        Self { what, on_digit }
    }
}

/// Reads a session description.
pub fn read_session(object: &mut Object<'_>) -> Option<Session> {
    let kind = object.required("type", word);
    let sdp = object.required("sdp", text(1..=MAX_SDP));
    Some(Session { kind: kind?, sdp: sdp? })
}

/// A WhatsApp user takes a session and no actions, any other party actions and no session.
fn check_script(object: &mut Object<'_>, to: Option<&Address>) {
    match to {
        Some(Address::Whatsapp(_)) => {
            object.demand("session");
            if object.has("actions") {
                object.refuse(
                    "actions",
                    "not_allowed",
                    "does not go with a WhatsApp user, who takes a session",
                );
            }
        }
        Some(_) => {
            object.demand("actions");
            if object.has("session") {
                object.refuse("session", "not_allowed", "goes only with a WhatsApp user");
            }
        }
        None => {}
    }
}

fn not_whatsapp(party: Address) -> Result<Address, Wrong> {
    match party {
        Address::Whatsapp(_) => Err(Wrong::new(
            "not_allowed",
            "must not be a WhatsApp user, who can only be called with a session",
        )),
        party => Ok(party),
    }
}

fn after(text: &str, now: Timestamp) -> Result<Timestamp, Wrong> {
    let instant = instant(text)?;
    if instant <= now {
        return Err(Wrong::new("too_small", "must lie in the future"));
    }
    Ok(instant)
}
