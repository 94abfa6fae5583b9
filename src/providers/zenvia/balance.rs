//! Tells the account's credit.

use async_trait::async_trait;

use super::{Zenvia, judge, path};
use crate::domain::error::Failure;
use crate::domain::money::Money;
use crate::providers::port::Balance;
use crate::upstream::Exchange;

const BALANCE: &str = "GET /saldo";

#[async_trait]
impl Balance for Zenvia {
    async fn balance(&self) -> Result<Money, Failure> {
        let exchange = Exchange::get(BALANCE, path(BALANCE));
        self.upstream
            .exchange(exchange, |answer| judge::object(answer, |data| data.money("saldo")))
            .await
    }
}
