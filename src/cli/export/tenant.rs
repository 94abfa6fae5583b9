//! Whose rows an export has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The tenant that a token names, else its subject, as a gateway may have the tenant in a claim of another name; nothing where
/// it cannot be read, which the gateway refuses. It is not verified: it only keeps rows of two tenants out of one file.
pub(super) fn of(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let named = claims["tenant"].as_str().or_else(|| claims["sub"].as_str());
    named.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_tenant() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(of(&token(r#"{"tenant":"acme"}"#)).as_deref(), Some("acme"));
        assert_eq!(of(&token(r#"{"sub":"reports"}"#)).as_deref(), Some("reports"));
        for unreadable in [token("{}"), token("x"), "e30.?".to_owned(), String::new()] {
            assert_eq!(of(&unreadable), None);
        }
    }
}
