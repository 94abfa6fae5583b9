//! The settings only an account of this provider has.

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

/// An account's own settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the API is.
    pub base_url: Url,
    /// The reports its history is read from.
    pub reports: Vec<Report>,
    /// Hosts, besides the API's own, that recordings may be fetched from.
    pub recording_hosts: Vec<String>,
}

impl Settings {
    /// Reads the settings; `reports` absent means all of them.
    pub fn read(account: &Account) -> Result<Self, Faults> {
        let named = account.settings.read(|reader| reader.list("reports", &REPORT))?;
        let wanted = |report: &&Report| named.is_empty() || named.contains(report);
        let base_url = account.base_url.clone().or_else(|| BASE_URL.parse().ok());
        Ok(Self {
            base_url: base_url.ok_or_else(|| Faults(Vec::new()))?,
            reports: RESOURCES.iter().map(|resource| &resource.report).filter(wanted).copied().collect(),
            recording_hosts: account.recording_hosts.clone(),
        })
    }
}
