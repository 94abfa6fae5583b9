//! The contract of a provider: narrow roles, each present or absent.
//!
//! A role that is absent is not supported; limits inside a role are data, so that an argument an account cannot honour is
//! refused before the provider is asked. Adapters translate and hold no lock, clock, store or retry.



use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::config::{Key, KeyRing};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide, ProviderRef};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::history::{Row, Window};
use crate::domain::money::Money;
use crate::domain::phone::PhoneNumber;
use crate::domain::place::{Capability, NewCall, Session};
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::domain::words::words;
pub use crate::upstream::KeyUsage;

/// One configured account at a provider and the roles it plays.
pub trait Provider: Send + Sync {
    /// The account's name in the configuration.
    fn account(&self) -> &AccountName;

    /// The kind of provider, as callers see it.
    fn kind(&self) -> &'static str;

    /// How the account's credentials fared, in the order of its ring.
    fn key_usage(&self) -> Vec<KeyUsage>;

    /// Places calls.
    fn calls(&self) -> Option<&dyn Calls> {
        None
    }

    /// Acts on live calls.
    fn control(&self) -> Option<&dyn Control> {
        None
    }

    /// Tells a call's state when asked.
    fn lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// Gives recordings.
    fn recordings(&self) -> Option<&dyn Recordings> {
        None
    }

    /// Takes or declines incoming calls.
    fn inbound(&self) -> Option<&dyn Inbound> {
        None
    }

    /// Tells whether a user may be called now.
    fn consent(&self) -> Option<&dyn Consent> {
        None
    }

    /// Makes, sends and checks codes.
    fn codes(&self) -> Option<&dyn Codes> {
        None
    }

    /// Lists past calls.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// Sends news by webhook.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }

    /// Tells the account's credit.
    fn balance(&self) -> Option<&dyn Balance> {
        None
    }
}

/// An operation an account offers and the options it takes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The operation.
    pub operation: Capability,
    /// The options it honours; any other is refused.
    pub options: &'static [Capability],
}

/// Places calls.
#[async_trait]
pub trait Calls: Send + Sync {
    /// What can be placed.
    fn offers(&self) -> &'static [Offer];

    /// The provider's operation that `call` becomes, such as `POST /tts`.
    fn operation(&self, call: &NewCall) -> &'static str;

    /// Places a call. The caller has checked [`Calls::offers`].
    ///
    /// The answer has no reference where the provider gives none when a call starts.
    ///
    /// # Errors
    /// A failure whose effect is possible means the call may be ringing; it is never sent again.
    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure>;
}

/// A call as its provider knows it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What the call is made of: providers keep kinds apart.
    pub kind: CallKind,
    /// The provider's name of it.
    pub reference: &'a ProviderRef,
}

words! {
    /// How a third party joins a live call.
    MonitorMode {
        /// Hears both, heard by none.
        Listen = "listen",
        /// Hears both, heard by the agent.
        Whisper = "whisper",
        /// Hears both, heard by both.
        Barge = "barge",
    }
}

/// Acts on live calls. A method whose capability [`Control::controls`] does not list is never called.
#[async_trait]
pub trait Control: Send + Sync {
    /// What can be done to live calls of a kind: of `hangup`, `transfer`, `monitor`.
    fn controls(&self, kind: CallKind) -> &'static [Capability];

    /// Ends the call.
    ///
    /// # Errors
    /// `NotActive` or `NotFound` where it is over.
    async fn hang_up(&self, call: Target<'_>) -> Result<(), Failure>;

    /// Moves `leg` to another party; the other leg is left alone with it.
    ///
    /// # Errors
    /// `NotActive` or `NotFound` where it is over.
    async fn transfer(&self, call: Target<'_>, to: &Address, leg: LegSide) -> Result<(), Failure> {
        let _ = (call, to, leg);
        Err(unsupported("transfer"))
    }

    /// Lets `to` join the call.
    ///
    /// # Errors
    /// `NotActive` or `NotFound` where it is over.
    async fn monitor(&self, call: Target<'_>, to: &Address, mode: MonitorMode) -> Result<(), Failure> {
        let _ = (call, to, mode);
        Err(unsupported("monitor"))
    }
}

fn unsupported(operation: &'static str) -> Failure {
    Failure::new(FailureKind::Refused(Refusal::Invalid), operation)
}

/// Tells a call's state when asked.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Whether calls of this kind can be asked for.
    fn can_fetch(&self, kind: CallKind) -> bool;

    /// What the provider says of the call now.
    ///
    /// # Errors
    /// `NotFound` where the provider does not know it.
    async fn fetch(&self, call: Target<'_>) -> Result<CallFacts, Failure>;
}

/// A recording on its way from the provider.
pub struct Recording {
    /// `200`, or `206` for a range.
    pub status: u16,
    /// The media type the provider states, `audio/…`.
    pub content_type: String,
    /// The length in bytes, where it is told.
    pub content_length: Option<u64>,
    /// The `Content-Range` of a partial answer.
    pub content_range: Option<String>,
    /// The audio.
    pub body: BoxStream<'static, Result<Bytes, Failure>>,
}

/// Gives recordings.
#[async_trait]
pub trait Recordings: Send + Sync {
    /// Opens the recording of a call; `range` is the caller's `Range` header. The credential goes to the account's own host only.
    ///
    /// # Errors
    /// `NoRecording` or `NotFound` where there is none.
    async fn open(&self, call: Target<'_>, range: Option<&str>) -> Result<Recording, Failure>;

    /// Opens a recording by the link that the provider told, such as a voicemail's. No credential goes along.
    ///
    /// # Errors
    /// `NoRecording` where the link gives none, or is to a host that may not be asked.
    async fn open_link(&self, link: &str, range: Option<&str>) -> Result<Recording, Failure> {
        let _ = (link, range);
        Err(Failure::new(FailureKind::Refused(Refusal::NoRecording), "GET link"))
    }
}

/// Takes or declines incoming calls.
#[async_trait]
pub trait Inbound: Send + Sync {
    /// Takes the call with our session description.
    ///
    /// # Errors
    /// As every exchange.
    async fn accept(&self, call: Target<'_>, session: &Session) -> Result<(), Failure>;

    /// Declines the call.
    ///
    /// # Errors
    /// As every exchange.
    async fn reject(&self, call: Target<'_>) -> Result<(), Failure>;
}

/// Whether a user may be called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Whether a call may be started now.
    pub allowed: bool,
    /// The provider's word, such as `temporary`.
    pub status: Option<String>,
    /// When a permission that was given ends.
    pub expires_at: Option<Timestamp>,
    /// When a limit that forbids a call now is lifted.
    pub resets_at: Option<Timestamp>,
}

/// Tells whether a user may be called now.
#[async_trait]
pub trait Consent: Send + Sync {
    /// The user's permission.
    ///
    /// # Errors
    /// As every exchange; a permission that cannot be read is not a refusal.
    async fn permission(&self, user: &PhoneNumber) -> Result<Permission, Failure>;
}

/// A code to be made and sent by the provider.
#[derive(Debug, Clone)]
pub struct NewCode<'a> {
    /// The number.
    pub to: &'a PhoneNumber,
    /// How.
    pub channel: Channel,
    /// The name spoken or written beside the code.
    pub brand: &'a str,
    /// How many digits, 4 to 10.
    pub length: u8,
}

/// A code someone typed. Its value appears in no log and no `Debug`.
#[derive(Clone)]
pub struct Code(String);

impl Code {
    /// Takes exactly `length` digits; spaces and hyphens are ignored.
    pub fn parse(text: &str, length: u8) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let valid = digits.len() == usize::from(length) && digits.bytes().all(|b| b.is_ascii_digit());
        valid.then_some(Self(digits))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(***)")
    }
}

/// Makes, sends and checks codes.
#[async_trait]
pub trait Codes: Send + Sync {
    /// How codes can travel.
    fn channels(&self) -> &'static [Channel];

    /// The provider's operation, such as `POST /verificacao`.
    fn operation(&self) -> &'static str;

    /// Makes and sends a code; the reference is what a check needs.
    ///
    /// # Errors
    /// A failure whose effect is possible means the code may have been sent; it is never sent again.
    async fn send(&self, code: NewCode<'_>) -> Result<ProviderRef, Failure>;

    /// Whether this is the code that was sent.
    ///
    /// # Errors
    /// Where the provider cannot tell. `NotSent` alone means no request can have reached it.
    async fn check(&self, reference: &ProviderRef, code: &Code) -> Result<bool, Failure>;
}

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
        /// The caller's label.
        Tag = "tag",
    }
}

/// One report of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Its name, as `sources` shows it.
    pub name: &'static str,
    /// The kinds of call it lists.
    pub kinds: &'static [CallKind],
    /// The filters its rows have fields for.
    pub filters: &'static [Filter],
    /// Most rows on one page.
    pub page_size: usize,
}

/// What a report is asked for. A provider applies what it can; the gateway applies the whole query again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuery {
    /// The window of `created_at`.
    pub window: Window,
    /// Either party's number.
    pub numbers: Vec<PhoneNumber>,
    /// Agents' identifiers.
    pub agent_ids: Vec<String>,
    /// Campaigns' identifiers: naming them is what makes Evolux tell their custom fields.
    pub campaign_ids: Vec<String>,
    /// CRM identifiers.
    pub external_ids: Vec<String>,
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
}

/// Lists past calls.
#[async_trait]
pub trait History: Send + Sync {
    /// The reports this account has.
    fn reports(&self) -> &[Report];

    /// Reads page `page` (from 0) of a report. The list may move between two pages.
    ///
    /// A report this account does not have answers an empty page.
    ///
    /// # Errors
    /// As every exchange.
    async fn page(&self, report: &str, query: &ReportQuery, page: usize) -> Result<ReportPage, Failure>;

    /// Reads one row again by its identifier.
    ///
    /// # Errors
    /// `NotFound` where the provider does not know it.
    async fn row(&self, report: &str, id: &str, near: Timestamp) -> Result<Row, Failure>;

    /// The fields of a raw row whose text must not be shown: spoken words and links to recordings.
    fn redacted_fields(&self) -> &'static [&'static str];
}

/// A webhook whose secret was right: only such a one can be parsed.
#[derive(Debug)]
pub struct Authentic<'a> {
    /// The kind named in the URL, where the provider has one URL per kind.
    pub kind: Option<&'a str>,
    /// The body as it came.
    pub body: &'a [u8],
    _proof: Proof,
}

#[derive(Debug)]
struct Proof;

impl<'a> Authentic<'a> {
    /// Compares the URL's secret with every valid key of the ring, each in constant time.
    pub fn check(
        ring: &KeyRing,
        secret: &str,
        kind: Option<&'a str>,
        body: &'a [u8],
        now: Timestamp,
    ) -> Option<Authentic<'a>> {
        use subtle::ConstantTimeEq;
        let matches = |key: &Key| bool::from(key.secret.expose().as_bytes().ct_eq(secret.as_bytes()));
        let right = ring.valid(now.to_jiff()).fold(false, |right, key| right | matches(key));
        right.then_some(Authentic { kind, body, _proof: Proof })
    }
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// News of a call.
    Call(Box<CallFacts>),
    /// News of something else: a text message, a voicemail, a conference, an extension, the credit.
    Signal(Signal),
}

/// News that are not of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The event type, such as `sms.status`.
    pub kind: Cow<'static, str>,
    /// The provider's identifier of what it is about; the account where it has none.
    pub subject: Option<String>,
    /// When it happened by the provider's clock.
    pub at: Option<Timestamp>,
    /// The fields in our words.
    pub data: serde_json::Value,
}

/// Why a webhook's body is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON of the shape its kind has.
    #[error("the body is not of its kind")]
    Malformed,
    /// It has nothing about calls: it is another application's.
    #[error("the body is not about calls")]
    NotOurs,
}

/// Sends news by webhook.
pub trait Webhooks: Send + Sync {
    /// The kinds named in its URLs; empty where one URL serves all.
    fn kinds(&self) -> &'static [&'static str];

    /// Where a body that is not about calls is passed on to.
    fn forward_url(&self) -> Option<&url::Url> {
        None
    }

    /// Reads a webhook. Pure; never panics.
    ///
    /// # Errors
    /// Where the body is of no use; it is then kept as a dead letter or passed on.
    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<News>, Unreadable>;
}

/// Tells the account's credit.
#[async_trait]
pub trait Balance: Send + Sync {
    /// The credit left.
    ///
    /// # Errors
    /// As every exchange.
    async fn balance(&self) -> Result<Money, Failure>;
}

