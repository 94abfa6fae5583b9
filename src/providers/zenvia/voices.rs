//! Voices that speak texts.

/// Every voice the provider has.
pub const VOICES: &[&str] = &[
    "br-Camila",
    "br-Vitoria",
    "br-Ricardo",
    "en-Joey",
    "en-Joanna",
    "fre-Celine",
    "fre-Mathieu",
    "ger-Vicki",
    "ger-Hans",
    "ita-Carla",
    "ita-Giorgio",
    "jap-Mizuki",
    "pol-Jan",
    "rus-Tatyana",
    "rus-Maxim",
    "esp-Conchita",
    "esp-Enrique",
];

/// Language tags (BCP 47) and the voice that speaks each.
const LANGUAGES: &[(&str, &str)] = &[
    ("pt-BR", "br-Vitoria"),
    ("pt", "br-Vitoria"),
    ("en-US", "en-Joanna"),
    ("en", "en-Joanna"),
    ("fr-FR", "fre-Celine"),
    ("fr", "fre-Celine"),
    ("de-DE", "ger-Vicki"),
    ("de", "ger-Vicki"),
    ("it-IT", "ita-Carla"),
    ("it", "ita-Carla"),
    ("ja-JP", "jap-Mizuki"),
    ("ja", "jap-Mizuki"),
    ("pl-PL", "pol-Jan"),
    ("pl", "pol-Jan"),
    ("ru-RU", "rus-Tatyana"),
    ("ru", "rus-Tatyana"),
    ("es-ES", "esp-Conchita"),
    ("es", "esp-Conchita"),
];

/// The voice meant by a language tag or by a voice's own name, in any case; nothing for any other text.
pub fn voice(asked: &str) -> Option<&'static str> {
    let same = |known: &str| known.eq_ignore_ascii_case(asked);
    let of_language = LANGUAGES.iter().find(|(language, _)| same(language));
    of_language
        .map(|(_, voice)| *voice)
        .or_else(|| VOICES.iter().copied().find(|known| same(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_a_voice_and_a_voice_is_itself() {
        assert_eq!(voice("pt-BR"), Some("br-Vitoria"));
        assert_eq!(voice("pt-br"), Some("br-Vitoria"));
        assert_eq!(voice("br-Ricardo"), Some("br-Ricardo"));
        assert_eq!(voice("pt-PT"), None);
        assert_eq!(voice("Polly.Camila"), None);
        for (_, spoken) in LANGUAGES {
            assert!(VOICES.contains(spoken));
        }
    }
}
