//! The name of a configured account.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names one configured account, as the API, metrics and webhook URLs show it.
///
/// 1 to 40 lower-case ASCII letters, digits and hyphens. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// The longest name allowed, in characters.
    pub const MAX_LENGTH: usize = 40;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as text that others may hold on to.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Says that a text is not an account name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an account name has 1 to 40 lower-case letters, digits and hyphens")]
pub struct InvalidAccountName;

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        if fits && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAccountName)
        }
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidAccountName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl AsRef<str> for AccountName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for AccountName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl utoipa::PartialSchema for AccountName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("The name of a configured account."))
            .pattern(Some("^[a-z0-9-]+$"))
            .max_length(Some(Self::MAX_LENGTH))
            .examples(["zenvia-br"])
            .into()
    }
}

impl utoipa::ToSchema for AccountName {}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn accepts_lower_case_letters_digits_and_hyphens() {
        let longest = "a".repeat(40);
        for text in ["zenvia-br", "a", "9", longest.as_str()] {
            assert_eq!(text.parse::<AccountName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_everything_else() {
        let too_long = "a".repeat(41);
        for text in ["", "Zenvia", "zenvia_br", "a b", "a/b", "é", too_long.as_str()] {
            assert_eq!(text.parse::<AccountName>(), Err(InvalidAccountName), "{text}");
        }
    }

    #[test]
    fn travels_through_json_and_is_checked_on_the_way_in() {
        let name: AccountName = serde_json::from_str("\"whatsapp\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"whatsapp\"");
        assert!(serde_json::from_str::<AccountName>("\"What App\"").is_err());
    }
}
