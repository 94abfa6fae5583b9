//! Closed vocabularies: an enum whose variants are words on the wire.

/// Declares an enum of words with `ALL`, `as_str`, `FromStr`, `Display`, serde and an OpenAPI schema that agree.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word of this vocabulary.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| $crate::domain::words::UnknownWord(
                        Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                    ))
            }
        }
    };
}

pub(crate) use words;

/// A word that the vocabulary does not have; holds the words it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: {0}")]
pub struct UnknownWord(pub String);

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    words! {
        /// Two words whose variants are written otherwise.
        Mood { VeryGood = "very_good", Bad = "bad" }
    }

    #[test]
    fn the_document_has_the_words_of_the_wire() {
        let schema = serde_json::to_value(Mood::schema()).unwrap_or_default();
        assert_eq!(schema["enum"], serde_json::json!(["very_good", "bad"]));
        assert_eq!(serde_json::json!([Mood::VeryGood, Mood::Bad]), schema["enum"]);
    }
}
