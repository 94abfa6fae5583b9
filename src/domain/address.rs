//! Parties of a call: a number, an extension, an agent, a WhatsApp user.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phone::{NotAPhone, PhoneNumber, Region};

/// Says why a text is not an address; never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// The number is not one.
    #[error(transparent)]
    Phone(#[from] NotAPhone),
    /// The extension is not 1 to 10 digits.
    #[error("is not an extension; give ext: and 1 to 10 digits")]
    Extension,
    /// The agent's login has characters no login has.
    #[error("is not an agent; give agent: and a login of 1 to 64 letters, digits, dots, hyphens, underscores or @")]
    Agent,
}

/// A party of a call.
///
/// In text: `+5511999990000`, `ext:4000`, `agent:john.snow`, `whatsapp:+5511999990000`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A phone number.
    Phone(PhoneNumber),
    /// An extension (*ramal*) of the provider's PBX.
    Extension(String),
    /// A call-centre agent by login.
    Agent(String),
    /// A WhatsApp user by number.
    Whatsapp(PhoneNumber),
    /// What a provider wrote and no other kind fits, kept as it is.
    Other(String),
}

impl Address {
    /// Reads a caller's address strictly; numbers may be national spellings of `region`.
    ///
    /// # Errors
    /// Where the text is none of the four kinds.
    pub fn parse(text: &str, region: Region) -> Result<Self, NotAnAddress> {
        if let Some(extension) = text.strip_prefix("ext:") {
            let digits = (1..=10).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit());
            return digits
                .then(|| Self::Extension(extension.to_owned()))
                .ok_or(NotAnAddress::Extension);
        }
        if let Some(login) = text.strip_prefix("agent:") {
            let plain = (1..=64).contains(&login.len())
                && login.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_@".contains(&b));
            return plain.then(|| Self::Agent(login.to_owned())).ok_or(NotAnAddress::Agent);
        }
        if let Some(number) = text.strip_prefix("whatsapp:") {
            return Self::whatsapp(number, region);
        }
        Ok(Self::Phone(PhoneNumber::parse(text, region)?))
    }

    /// A Brazilian mobile without its ninth digit is how WhatsApp itself writes it, though no numbering plan has it.
    fn whatsapp(text: &str, region: Region) -> Result<Self, NotAnAddress> {
        match PhoneNumber::parse(text, region) {
            Ok(number) => Ok(Self::Whatsapp(number)),
            Err(error) => PhoneNumber::lenient(text)
                .filter(|number| number.brazilian().is_some_and(is_mobile_without_ninth_digit))
                .map(Self::Whatsapp)
                .ok_or(NotAnAddress::Phone(error)),
        }
    }

    /// Reads a party as a provider wrote it: a short run of digits is an extension, the rest is kept.
    pub fn from_provider(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text == "-" {
            return None;
        }
        if let Some(number) = PhoneNumber::lenient(text) {
            return Some(Self::Phone(number));
        }
        if text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self::Extension(text.to_owned()));
        }
        Some(Self::Other(text.chars().take(120).collect()))
    }

    /// Reads back what `Display` wrote.
    fn stored(text: &str) -> Self {
        let number = |text: &str| PhoneNumber::lenient(text).filter(|number| number.as_str() == text);
        if let Some(extension) = text.strip_prefix("ext:") {
            Self::Extension(extension.to_owned())
        } else if let Some(login) = text.strip_prefix("agent:") {
            Self::Agent(login.to_owned())
        } else if let Some(user) = text.strip_prefix("whatsapp:").and_then(number) {
            Self::Whatsapp(user)
        } else if let Some(phone) = number(text) {
            Self::Phone(phone)
        } else {
            Self::Other(text.to_owned())
        }
    }

    /// The phone number, of a phone or a WhatsApp user.
    pub fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Phone(number) | Self::Whatsapp(number) => Some(number),
            Self::Extension(_) | Self::Agent(_) | Self::Other(_) => None,
        }
    }

    /// Whether both reach the same party: WhatsApp users with and without the ninth digit are one.
    pub fn same_party(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(ours), Some(theirs)) => ours.person() == theirs.person(),
            _ => self == other,
        }
    }
}

fn is_mobile_without_ninth_digit(national: &str) -> bool {
    national.len() == 10
        && national
            .as_bytes()
            .get(2)
            .is_some_and(|digit| (b'6'..=b'9').contains(digit))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(number) => write!(f, "{number}"),
            Self::Extension(extension) => write!(f, "ext:{extension}"),
            Self::Agent(login) => write!(f, "agent:{login}"),
            Self::Whatsapp(number) => write!(f, "whatsapp:{number}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(number) => write!(f, "{number:?}"),
            Self::Whatsapp(number) => write!(f, "whatsapp:{number:?}"),
            Self::Extension(extension) => write!(f, "ext:{extension}"),
            Self::Agent(_) => f.write_str("agent:***"),
            Self::Other(_) => f.write_str("***"),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Phone(number) => serializer.serialize_str(number.as_str()),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::stored(&text))
    }
}

impl utoipa::PartialSchema for Address {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(
                "A number in E.164, `ext:4000` (extension), `agent:john.snow` (logged-in agent) or `whatsapp:+5511…`. \
                 In requests a number may be any Brazilian national spelling.",
            ))
            .min_length(Some(1))
            .max_length(Some(128))
            .examples(["+5511988887777"])
            .into()
    }
}

impl utoipa::ToSchema for Address {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_survives_its_text() {
        for text in [
            "+5511988887777",
            "ext:4000",
            "agent:john.snow",
            "whatsapp:+5511988887777",
        ] {
            let address = Address::parse(text, Region::BR).unwrap();
            assert_eq!(address.to_string(), text);
            let stored: Address = serde_json::from_str(&serde_json::to_string(&address).unwrap()).unwrap();
            assert_eq!(stored, address);
        }
    }

    #[test]
    fn a_whatsapp_user_may_lack_the_ninth_digit() {
        let with = Address::parse("whatsapp:+5511988887777", Region::BR).unwrap();
        let without = Address::parse("whatsapp:+551188887777", Region::BR).unwrap();
        assert!(with.same_party(&without));
        assert!(Address::parse("whatsapp:12", Region::BR).is_err());
        assert!(
            Address::parse("+551188887777", Region::BR).is_err(),
            "a phone must be dialable"
        );
    }

    #[test]
    fn what_is_no_address_says_why() {
        assert_eq!(Address::parse("ext:12a", Region::BR), Err(NotAnAddress::Extension));
        assert_eq!(Address::parse("agent:a b", Region::BR), Err(NotAnAddress::Agent));
        assert_eq!(
            Address::parse("x", Region::BR),
            Err(NotAnAddress::Phone(NotAPhone::Unreadable))
        );
    }

    #[test]
    fn providers_words_become_addresses() {
        assert_eq!(Address::from_provider("4000").unwrap().to_string(), "ext:4000");
        assert_eq!(
            Address::from_provider("+5510999999999 ").unwrap().to_string(),
            "+5510999999999"
        );
        assert_eq!(Address::from_provider("-"), None);
        assert_eq!(Address::from_provider("anonymous").unwrap().to_string(), "anonymous");
    }
}
