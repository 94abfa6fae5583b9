//! What an Evolux account is configured with.

use url::Url;

use crate::config::{Account, Faults, Format};
use crate::domain::call::CallKind;
use crate::providers::port::{Filter, Report};
use crate::upstream::Credential;

/// How a token is sent: a header of its own, no scheme.
pub(super) const CREDENTIAL: Credential = Credential {
    header: "token",
    prefix: "",
};

/// The calls of campaigns.
pub(super) const DIALER: Report = Report {
    name: "dialer",
    code: b'd',
    kinds: &[CallKind::Campaign],
    filters: &[
        Filter::To,
        Filter::Number,
        Filter::AgentId,
        Filter::CampaignId,
        Filter::ExternalId,
    ],
    page_size: 50,
    instants: true,
    fields_by_campaign: true,
};

/// The calls of queues and agents.
pub(super) const QUEUE: Report = Report {
    name: "queue",
    code: b'q',
    kinds: &[CallKind::Queue],
    filters: &[Filter::From, Filter::To, Filter::Number, Filter::AgentId],
    page_size: 50,
    instants: true,
    fields_by_campaign: false,
};

const REPORT: Format<Report> = Format {
    what: "a report of Evolux: dialer or queue",
    example: DIALER.name,
    parse: |text| [DIALER, QUEUE].into_iter().find(|report| report.name == text),
};

/// The settings only Evolux has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// The tenant's own address.
    pub base_url: Url,
    /// Whether the server knows `contact_status`, as those from 6.77 on do; without it failed dials stay hidden.
    pub contact_status: bool,
    /// The reports to read.
    pub reports: Vec<Report>,
}

impl Settings {
    /// Reads `base_url`, `contact_status` and `reports`.
    ///
    /// # Errors
    /// Every fault found.
    pub fn read(account: &Account) -> Result<Self, Faults> {
        let settings = account.settings.read(|reader| {
            let reports = reader.list("reports", &REPORT);
            let contact_status = reader.switch("contact_status", true);
            if account.base_url.is_none() {
                let remedy = "write the tenant's own address, such as \"https://natal.evolux.net.br\"";
                reader.fault("base_url", "is missing", remedy);
            }
            let reports = if reports.is_empty() {
                vec![DIALER, QUEUE]
            } else {
                reports
            };
            Some(Self {
                base_url: account.base_url.clone()?,
                contact_status,
                reports,
            })
        })?;
        // What is missing is among the faults already.
        settings.ok_or_else(|| Faults(Vec::new()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::providers::testing::{account, faulty};

    const BASE: &str = "provider = 'evolux'\nbase_url = 'https://natal.evolux.net.br'\n";

    #[test]
    fn a_server_is_taken_for_a_new_one_with_both_reports() {
        let settings = Settings::read(&account(BASE)).unwrap();
        assert_eq!(settings.base_url.as_str(), "https://natal.evolux.net.br/");
        assert!(settings.contact_status);
        assert_eq!(settings.reports, [DIALER, QUEUE]);
    }

    #[test]
    fn an_older_server_says_so() {
        let text = format!("{BASE}contact_status = false\nreports = ['dialer']");
        let settings = Settings::read(&account(&text)).unwrap();
        assert!(!settings.contact_status);
        assert_eq!(settings.reports, [DIALER]);
    }

    #[test]
    fn every_fault_is_told() {
        let text = "provider = 'evolux'\ncontact_status = 'no'\nreports = ['agents']\nnumber_id = '1'";
        let expected = ["reports[0]", "contact_status", "base_url", "number_id"];
        assert_eq!(
            faulty(Settings::read(&account(text))),
            expected.map(|key| format!("accounts.tested.{key}"))
        );
    }
}
