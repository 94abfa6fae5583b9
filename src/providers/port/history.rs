//! Past calls as a provider lists them.

use async_trait::async_trait;

use crate::domain::call::CallKind;
use crate::domain::error::Failure;
use crate::domain::history::{Row, Window};
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::domain::words::words;

words! {
    /// Filters of the history that a report may apply itself or have fields for.
    Filter {
        /// The caller.
        From = "from",
        /// The party called.
        To = "to",
        /// Either of them.
        Number = "number",
        /// The agent.
        AgentId = "agent_id",
        /// The campaign.
        CampaignId = "campaign_id",
        /// The CRM's identifier.
        ExternalId = "external_id",
    }
}

/// One report of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Its name, as `sources` shows it.
    pub name: &'static str,
    /// What stands for it in the identifiers of its rows: unique within its provider, the same for ever, never `j`.
    pub code: u8,
    /// The kinds of call it lists.
    pub kinds: &'static [CallKind],
    /// The filters its rows have fields for.
    pub filters: &'static [Filter],
    /// Most rows on one page.
    pub page_size: usize,
    /// Whether it takes a window of instants; else it gives every row of the days that a window touches.
    pub instants: bool,
    /// Whether rows tell their campaign's own fields only where the campaigns are named.
    pub fields_by_campaign: bool,
}

/// What a report is asked for. A provider applies what it can; the gateway applies the whole query again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuery {
    /// The window of `created_at`.
    pub window: Window,
    /// Either party's number; the same party may be written with or without the ninth digit.
    pub numbers: Vec<PhoneNumber>,
    /// Agents' identifiers.
    pub agent_ids: Vec<String>,
    /// Campaigns' identifiers: naming them is what makes Evolux tell their custom fields.
    pub campaign_ids: Vec<String>,
    /// CRM identifiers.
    pub external_ids: Vec<String>,
    /// Whether of the rows only their identifiers are wanted: they may then hold nothing else. The page is the same.
    pub ids_only: bool,
}

impl ReportQuery {
    /// Everything in a window.
    pub fn of(window: Window) -> Self {
        Self {
            window,
            numbers: Vec::new(),
            agent_ids: Vec::new(),
            campaign_ids: Vec::new(),
            external_ids: Vec::new(),
            ids_only: false,
        }
    }
}

/// One page of a report, in the provider's order.
#[derive(Debug, Clone, Default)]
pub struct ReportPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether another page may follow.
    pub more: bool,
    /// Rows in all pages, where the provider tells.
    pub total: Option<u64>,
    /// How many things listed are no rows: without an identifier, or not of a row's form.
    pub unreadable: usize,
    /// How the provider said that the account does not have this report; only ever on its first page.
    pub absent: Option<Failure>,
}

/// Lists past calls.
#[async_trait]
pub trait History: Send + Sync {
    /// The reports this account has.
    fn reports(&self) -> &[Report];

    /// Reads a page of a report that begins after `from` rows. The list may move between two pages.
    ///
    /// A report of numbered pages gives the page that holds the row after `from`.
    ///
    /// A report this account does not have answers an empty first page that says so. A row that cannot be read is counted.
    ///
    /// # Errors
    /// As every exchange.
    async fn page(&self, report: &str, query: &ReportQuery, from: usize) -> Result<ReportPage, Failure>;

    /// Reads one row again by its identifier.
    ///
    /// # Errors
    /// `NotFound` where the provider does not know it.
    async fn row(&self, report: &str, id: &str, near: Timestamp) -> Result<Row, Failure>;

    /// The fields of a raw row whose text must not be shown: spoken words and links to recordings.
    fn redacted_fields(&self) -> &'static [&'static str];
}
