//! The settings of an account at this provider.

use url::Url;

use super::resource::{self, RESOURCES};
use crate::config::{Account, Faults, Format};
use crate::providers::port::Report;

/// Where the API is, unless the account says otherwise.
const BASE_URL: &str = "https://voice-api.zenvia.com";

const REPORT: Format<&'static Report> = Format {
    what: "a report: chamada, tts, audio, composto or did",
    example: "chamada",
    parse: |name| resource::of_report(name).map(|resource| &resource.report),
};

/// What the adapter needs of an account.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the API is.
    pub base_url: Url,
    /// The reports its history is read from.
    pub reports: Vec<Report>,
    /// Hosts, besides the API's own, that recordings may be fetched from.
    recording_hosts: Vec<String>,
}

impl Settings {
    /// Reads the settings; `reports` absent or empty means all of them.
    pub fn read(account: &Account) -> Result<Self, Faults> {
        let named = account.settings.read(|reader| reader.list("reports", &REPORT))?;
        let wanted = |report: &&Report| named.is_empty() || named.contains(report);
        let base_url = account.base_url.clone().or_else(|| BASE_URL.parse().ok());
        Ok(Self {
            base_url: base_url.ok_or_else(|| Faults(Vec::new()))?,
            reports: RESOURCES
                .iter()
                .map(|resource| &resource.report)
                .filter(wanted)
                .copied()
                .collect(),
            recording_hosts: account.recording_hosts.clone(),
        })
    }

    /// Whether a recording may be fetched from there: where the API is or was, or a host that the
    /// configuration names.
    pub fn may_fetch(&self, url: &Url) -> bool {
        let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let own = self.base_url.origin() == url.origin() || is_old_host(url);
        let named = url
            .host_str()
            .is_some_and(|host| self.recording_hosts.iter().any(|known| known == host));
        web && (own || named)
    }
}

/// Whether this is the host that links to recordings were to before the API had its present name, and mostly still are.
fn is_old_host(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str() == Some("api.evoline.com.br") && url.port().is_none()
}
