//! What it does when it is asked to do something.

use async_trait::async_trait;

use super::{Scripted, failed, refused};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide, ProviderRef};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::money::Money;
use crate::domain::phone::PhoneNumber;
use crate::domain::place::{Capability, NewCall};
use crate::domain::verification::Channel;
use crate::providers::port::{
    Authentic, Balance, Calls, Code, Codes, Consent, Control, Lookup, MonitorMode, NewCode, Notice, Offer, Permission,
    Target, Unreadable, Webhooks,
};

#[async_trait]
impl Calls for Scripted {
    fn offers(&self) -> &'static [Offer] {
        self.offers
    }

    fn operation(&self, _: CallKind) -> &'static str {
        "POST /scripted"
    }

    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        self.placed.lock().unwrap().push(call.clone());
        self.places.lock().unwrap().pop_front().unwrap_or(Ok(None))
    }
}

#[async_trait]
impl Consent for Scripted {
    async fn permission(&self, _: &PhoneNumber) -> Result<Permission, Failure> {
        *self.permissions_read.lock().unwrap() += 1;
        let permission = self.permission.lock().unwrap().clone();
        permission.ok_or_else(|| failed(FailureKind::Broken))
    }
}

#[async_trait]
impl Balance for Scripted {
    async fn balance(&self) -> Result<Money, Failure> {
        *self.balances.lock().unwrap() += 1;
        Ok(Money::brl(7.into()))
    }
}

#[async_trait]
impl Control for Scripted {
    fn controls(&self, _: CallKind) -> &'static [Capability] {
        &[Capability::Hangup, Capability::Transfer, Capability::Monitor]
    }

    async fn hang_up(&self, _: Target<'_>) -> Result<(), Failure> {
        *self.hung_up.lock().unwrap() += 1;
        Ok(())
    }

    async fn transfer(&self, _: Target<'_>, _: &Address, _: LegSide) -> Result<(), Failure> {
        Ok(())
    }

    async fn monitor(&self, _: Target<'_>, _: &Address, _: MonitorMode) -> Result<(), Failure> {
        Ok(())
    }
}

#[async_trait]
impl Lookup for Scripted {
    fn can_fetch(&self, _: CallKind) -> bool {
        true
    }

    async fn fetch(&self, _: Target<'_>) -> Result<CallFacts, Failure> {
        *self.fetched.lock().unwrap() += 1;
        let state = self.state.lock().unwrap().clone();
        state.ok_or_else(|| refused(Refusal::NotFound))
    }
}

#[async_trait]
impl Codes for Scripted {
    fn channels(&self) -> &'static [Channel] {
        &[Channel::Sms, Channel::Voice]
    }

    fn operation(&self) -> &'static str {
        "POST /code"
    }

    async fn send(&self, _: NewCode<'_>) -> Result<ProviderRef, Failure> {
        *self.sent.lock().unwrap() += 1;
        self.sends
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Ok(ProviderRef::id("1")))
    }

    async fn check(&self, _: &ProviderRef, code: &Code) -> Result<bool, Failure> {
        self.checks
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Ok(code.expose() == "123456"))
    }
}

impl Webhooks for Scripted {
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        &["mensagem"]
    }

    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable> {
        if webhook.body == b"garbage" {
            return Err(Unreadable::Malformed);
        }
        let raw = String::from_utf8(webhook.body.to_vec()).unwrap();
        let notice = |news| Notice { news, raw: raw.clone() };
        Ok(self.news.lock().unwrap().iter().cloned().map(notice).collect())
    }
}
