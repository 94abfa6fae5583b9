//! Placing calls, and acting on them while they live.

use async_trait::async_trait;

use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide, ProviderRef};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::phone::PhoneNumber;
use crate::domain::place::{Capability, NewCall, Session};
use crate::domain::time::Timestamp;
use crate::domain::words::words;

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

    /// The provider's operation that a call of this kind becomes, such as `POST /tts`.
    fn operation(&self, kind: CallKind) -> &'static str;

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
    Failure::new(FailureKind::Refused(Refusal::Unsupported), operation)
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
