//! Tells the account's credit, which also shows whether a key is taken.

use async_trait::async_trait;
use rust_decimal::Decimal;

use super::{Zenvia, documented, judge, path};
use crate::domain::error::Failure;
use crate::domain::money::Money;
use crate::providers::port::{Balance, Probe};
use crate::upstream::{Answer, Exchange};

const BALANCE: &str = "GET /saldo";

#[async_trait]
impl Balance for Zenvia {
    async fn balance(&self) -> Result<Money, Failure> {
        let exchange = Exchange::get(BALANCE, path(BALANCE));
        let read = |answer: &Answer| judge::object(answer, |data| data.money("saldo"));
        let balance: Money = self.exchange(exchange, documented::BALANCE, read).await?;
        if balance.amount <= Decimal::ZERO {
            self.upstream.note_no_credit();
        }
        Ok(balance)
    }
}

#[async_trait]
impl Probe for Zenvia {
    async fn probe(&self) -> Result<(), Failure> {
        self.balance().await.map(drop)
    }
}
