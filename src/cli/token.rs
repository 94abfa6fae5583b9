//! `switchboard token`: a JWT signed with a configured key.

use std::time::Duration;

use clap::Args;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::{ConfigFiles, print};
use crate::config::{Algorithm, Auth, AuthKey};
use crate::domain::caller::Scope;

/// What the token says.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The tenant acted for; `*` reads everything and acts for nobody.
    #[arg(long)]
    tenant: String,
    /// Who holds it.
    #[arg(long)]
    sub: String,
    /// What it allows, separated by spaces; everything if absent.
    #[arg(long, default_value_t = every_scope())]
    scope: String,
    /// How long it lives, in seconds.
    #[arg(long, default_value_t = 3600)]
    ttl: u64,
    #[command(flatten)]
    files: ConfigFiles,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let config = options.files.load()?;
    let token = mint(
        &config.auth,
        &options.tenant,
        &options.sub,
        &options.scope,
        Duration::from_secs(options.ttl),
    )?;
    print(&format!("{token}\n"))
}

/// Every scope there is, separated by spaces.
pub(super) fn every_scope() -> String {
    Scope::ALL
        .iter()
        .map(|scope| scope.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Signs a token with the first valid key that can sign.
#[expect(clippy::disallowed_methods, reason = "a command runs by the clock of the machine")]
pub(super) fn mint(auth: &Auth, tenant: &str, subject: &str, scope: &str, ttl: Duration) -> anyhow::Result<String> {
    let now = jiff::Timestamp::now();
    let key = auth
        .valid(now)
        .find(|key| key.signing.is_some())
        .ok_or_else(|| anyhow::anyhow!("no [auth] key that is valid now has a private half to sign with"))?;
    let issued = now.as_second();
    let claims = json!({
        "iss": auth.issuer,
        "aud": auth.audience,
        "sub": subject,
        "iat": issued,
        "exp": issued.saturating_add(i64::try_from(ttl.as_secs())?),
        auth.tenant_claim.as_str(): tenant,
        auth.scope_claim.as_str(): scope,
    });
    let (algorithm, encoding) = encoding(key)?;
    let header = Header {
        kid: Some(key.id.clone()),
        ..Header::new(algorithm)
    };
    Ok(encode(&header, &claims, &encoding)?)
}

fn encoding(key: &AuthKey) -> anyhow::Result<(jsonwebtoken::Algorithm, EncodingKey)> {
    let secret = key
        .signing
        .as_ref()
        .map(|secret| secret.expose().as_bytes())
        .unwrap_or_default();
    Ok(match key.alg {
        Algorithm::HS256 => (jsonwebtoken::Algorithm::HS256, EncodingKey::from_secret(secret)),
        Algorithm::RS256 => (jsonwebtoken::Algorithm::RS256, EncodingKey::from_rsa_pem(secret)?),
        Algorithm::ES256 => (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_pem(secret)?),
        Algorithm::EdDSA => (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_pem(secret)?),
    })
}
