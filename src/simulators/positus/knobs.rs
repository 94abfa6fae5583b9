//! What the documentation leaves open or contradicts, as switches.

use serde::{Deserialize, Serialize};

/// Switches of a running simulator; those absent from a change go back to their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Who acts for the user.
    pub user: User,
    /// Whether the answer to `make` names the call, as Meta's own does.
    pub make_returns_id: bool,
    /// The envelope of webhooks.
    pub envelope: Envelope,
    /// The `sdp_type` of connect webhooks.
    pub sdp_label: SdpLabel,
    /// Where connect webhooks carry the session description.
    pub sdp_place: SdpPlace,
    /// Whether connect webhooks lack `direction` and `timestamp`, as in the documentation's sample.
    pub bare_connect: bool,
    /// How webhooks write instants.
    pub timestamps: Timestamps,
    /// Whether calls end at once and `terminate` overtakes `connect`.
    pub terminate_first: bool,
    /// The `duration` of a call that nobody answered.
    pub unanswered_duration: UnansweredDuration,
    /// The error with which calls fail after they were accepted; none when absent.
    pub fail_with: Option<u32>,
    /// How webhooks write Brazilian mobile numbers.
    pub wa_id: WaId,
    /// The body of refusals.
    pub error_form: ErrorForm,
    /// Whether calling is off for every number.
    pub calling_disabled: bool,
    /// The permission of a user about whom nothing else was said.
    pub permission: PermissionStatus,
    /// Connected calls that a business may place to one user in 24 hours.
    pub max_calls: u32,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            user: User::default(),
            make_returns_id: false,
            envelope: Envelope::default(),
            sdp_label: SdpLabel::default(),
            sdp_place: SdpPlace::default(),
            bare_connect: false,
            timestamps: Timestamps::default(),
            terminate_first: false,
            unanswered_duration: UnansweredDuration::default(),
            fail_with: None,
            wa_id: WaId::default(),
            error_form: ErrorForm::default(),
            calling_disabled: false,
            permission: PermissionStatus::default(),
            max_calls: 5,
        }
    }
}

/// Who acts for the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// The simulator, as the number's last digits say.
    #[default]
    Scripted,
    /// A test, through `/_sim/answer` and `/_sim/hang-up`: nothing happens by itself, however long it takes.
    ByHand,
}

/// The envelope of webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `calls` or `statuses` at the top.
    #[default]
    Flat,
    /// Within `object`, `entry` and `changes`, as Meta sends it.
    Meta,
}

/// The `sdp_type` of connect webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SdpLabel {
    /// `answer` when the business called, `offer` when the user did.
    #[default]
    ByDirection,
    /// Always `answer`, as in the documentation's sample.
    Answer,
    /// Always `offer`.
    Offer,
}

/// Where connect webhooks carry the session description.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SdpPlace {
    /// In `session` and, as before it existed, in `connection.webrtc`.
    #[default]
    Both,
    /// In `session` only.
    Session,
    /// In `connection.webrtc` only.
    Connection,
}

/// How webhooks write instants: Unix seconds in either case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// As JSON strings.
    #[default]
    Text,
    /// As JSON numbers.
    Number,
}

/// The `duration` of a call that nobody answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnansweredDuration {
    /// No such key.
    #[default]
    Absent,
    /// 0.
    Zero,
}

/// How webhooks write Brazilian mobile numbers, whose leading 9 WhatsApp ids often lack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaId {
    /// As the client wrote it.
    #[default]
    AsGiven,
    /// 12 digits, without the 9.
    WithoutNine,
    /// 13 digits, with the 9.
    WithNine,
}

impl WaId {
    /// Writes a user's number.
    pub(super) fn write(self, number: &str) -> String {
        let national = number.strip_prefix("55").and_then(|rest| rest.split_at_checked(2));
        match (self, national) {
            (Self::WithoutNine, Some((area, subscriber))) if subscriber.len() == 9 && subscriber.starts_with('9') => {
                format!("55{area}{}", &subscriber[1..])
            }
            (Self::WithNine, Some((area, subscriber))) if subscriber.len() == 8 => {
                format!("55{area}9{subscriber}")
            }
            _ => number.to_owned(),
        }
    }
}

/// The body of refusals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorForm {
    /// `errors[]` and `message`, as the message endpoints answer.
    #[default]
    Positus,
    /// `message` only; the code is lost.
    Message,
    /// Meta's `error` object.
    Meta,
}

/// Whether a user may be called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionStatus {
    /// For seven days from when it was given.
    #[default]
    Temporary,
    /// Until the user withdraws it.
    Permanent,
    /// Not at all.
    NoPermission,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninth_digit_comes_and_goes_for_brazilian_mobiles_only() {
        assert_eq!(WaId::WithoutNine.write("5543999011234"), "554399011234");
        assert_eq!(WaId::WithNine.write("554399011234"), "5543999011234");
        assert_eq!(WaId::WithoutNine.write("554330001234"), "554330001234");
        assert_eq!(WaId::WithNine.write("15551234567"), "15551234567");
        assert_eq!(WaId::AsGiven.write("5543999011234"), "5543999011234");
    }
}
