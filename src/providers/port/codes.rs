//! Codes that a provider makes, sends and checks.

use async_trait::async_trait;

use crate::domain::call::ProviderRef;
use crate::domain::error::Failure;
use crate::domain::phone::PhoneNumber;
use crate::domain::verification::Channel;

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
