//! What an Evolux account is configured with.

use crate::config::{Account, Faults, Format};
use crate::domain::call::CallKind;
use crate::providers::port::{Filter, Report};
use crate::upstream::Credential;

/// How a token is sent: a header of its own, no scheme.
pub const CREDENTIAL: Credential = Credential {
    header: "token",
    prefix: "",
};

/// The calls of campaigns.
pub(super) const DIALER: Report = Report {
    name: "dialer",
    kinds: &[CallKind::Campaign],
    filters: &[
        Filter::To,
        Filter::Number,
        Filter::AgentId,
        Filter::CampaignId,
        Filter::ExternalId,
    ],
    page_size: 50,
};

/// The calls of queues and agents.
pub(super) const QUEUE: Report = Report {
    name: "queue",
    kinds: &[CallKind::Queue],
    filters: &[Filter::From, Filter::To, Filter::Number, Filter::AgentId],
    page_size: 50,
};

const REPORT: Format<Report> = Format {
    what: "a report of Evolux: dialer or queue",
    example: DIALER.name,
    parse: |text| {
        [DIALER, QUEUE]
            .into_iter()
            .find(|report| report.name == text)
    },
};

/// The settings only Evolux has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether the server knows `contact_status`, as those from 6.77 on do; without it failed dials stay hidden.
    pub contact_status: bool,
    /// The reports to read.
    pub reports: Vec<Report>,
}

impl Settings {
    /// Reads `contact_status` and `reports`, and sees that there is a `base_url`: every tenant has a host of its own.
    ///
    /// # Errors
    /// Every fault found.
    pub fn read(account: &Account) -> Result<Self, Faults> {
        account.settings.read(|reader| {
            if account.base_url.is_none() {
                reader.fault(
                    "base_url",
                    "is missing",
                    "write the tenant's own address, such as \"https://natal.evolux.net.br\"",
                );
            }
            let reports = reader.list("reports", &REPORT);
            Self {
                contact_status: reader.switch("contact_status", true),
                reports: if reports.is_empty() {
                    vec![DIALER, QUEUE]
                } else {
                    reports
                },
            }
        })
    }
}
