//! Amounts of money: a decimal as text and a currency.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// A decimal number as text, exact as the provider wrote it.
    #[schema(value_type = String, example = "0.35", pattern = r"^-?[0-9]+(\.[0-9]+)?$")]
    pub amount: Decimal,
    /// The ISO 4217 code.
    #[schema(example = "BRL", pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

impl Money {
    /// An amount in Brazilian reais, the currency of all three providers.
    pub fn brl(amount: Decimal) -> Self {
        Self {
            amount,
            currency: "BRL".to_owned(),
        }
    }

    /// The sum, if both are in one currency and it can be represented.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let amount = self.amount.checked_add(other.amount)?;
        (self.currency == other.currency).then(|| Self {
            amount,
            currency: self.currency.clone(),
        })
    }
}
