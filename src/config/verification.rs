//! `[verification]`: one-time codes and the guards around them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::format::{AMOUNT, is_e164};
use super::limits::Rate;
use super::reader::Reader;
use super::secret::Secret;

/// How one-time codes are made, sent and checked.
#[derive(Debug, Clone)]
pub struct Verification {
    /// Who makes and checks the codes.
    pub codes: Codes,
    /// The brand named in messages, unless the request names one.
    pub brand: Option<String>,
    /// How long a verification stays open, unless the request says; 60 s to 1 h.
    pub ttl: Duration,
    /// How many checks one verification allows.
    pub max_attempts: u32,
    /// Limit on sends to one number; `None`: no limit.
    pub sends_per_number: Option<Rate>,
    /// The least time between two sends.
    pub resend_after: Duration,
    /// Limit on wrong codes for one number; `None`: no limit.
    pub failures_per_number: Option<Rate>,
    /// Numbers that are answered with a fixed code and never sent to.
    pub test_numbers: TestNumbers,
    /// Guards against abuse.
    pub guard: Guard,
}

/// Who makes and checks codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Codes {
    /// The provider.
    #[default]
    Provider,
    /// The gateway; any account that can speak delivers them.
    Gateway,
}

/// Guards against paid-for abuse of code sending; each limit may be absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// What a guard's verdict leads to.
    pub mode: GuardMode,
    /// Limit on sends to one number prefix.
    pub sends_per_prefix: Option<Rate>,
    /// When a prefix whose codes never come back is blocked.
    pub prefix_block: Option<PrefixBlock>,
    /// Limit on sends for one client address.
    pub sends_per_client_address: Option<Rate>,
    /// Limit on sends of one tenant.
    pub sends_per_tenant: Option<Rate>,
    /// Limit on what sends of one tenant may cost in a day.
    pub spending_per_tenant_per_day: Option<Spending>,
}

/// How much sends may cost, and what one is taken to cost: providers tell their prices only afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// The most that is spent.
    pub max: Decimal,
    /// The most that one send costs; more than nothing.
    pub price_per_send: Decimal,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Spending {
    /// The sends that can be paid for, a day.
    pub fn rate(&self) -> Rate {
        let sends = self.max.checked_div(self.price_per_send);
        let affordable = sends.map_or(0, |sends| sends.floor().to_u32().unwrap_or(u32::MAX));
        Rate {
            max: affordable,
            per: DAY,
        }
    }

    fn read(mut reader: Reader<'_>) -> Option<Self> {
        let max = reader.required("max", &AMOUNT);
        let price = reader.required("price_per_send", &AMOUNT);
        if price.is_some_and(|price| price.is_zero()) {
            reader.fault("price_per_send", "is nothing", "write the most that one send costs");
            return None;
        }
        Some(Self {
            max: max?,
            price_per_send: price?,
        })
    }
}

/// What a guard's verdict leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// A refusal.
    #[default]
    Enforce,
    /// A line in the log and a count.
    Observe,
    /// Nothing: guards do not run.
    Off,
}

/// When a number prefix is blocked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrefixBlock {
    /// Not before this many sends.
    pub min_sends: u32,
    /// Counted over this time.
    pub per: Duration,
    /// Blocked while fewer than this share of sends are verified.
    pub min_verified_ratio: f64,
}

/// Numbers that are answered with a fixed code and never sent to.
#[derive(Clone, Default)]
pub struct TestNumbers(BTreeMap<String, Secret>);

impl TestNumbers {
    /// Returns the fixed code of a number in E.164, if it is a test number.
    pub fn code(&self, number: &str) -> Option<&Secret> {
        self.0.get(number)
    }
}

/// Tells how many there are: a full number has no place in a log.
impl fmt::Debug for TestNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestNumbers({})", self.0.len())
    }
}

impl Verification {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let codes = [("provider", Codes::Provider), ("gateway", Codes::Gateway)];
        Self {
            codes: reader.choice("codes", &codes).unwrap_or_default(),
            brand: reader.optional_text("brand"),
            ttl: reader.seconds("ttl_seconds", 60..=3600),
            max_attempts: reader.integer("max_attempts", 1..=100),
            sends_per_number: reader.rate("sends_per_number"),
            resend_after: reader.seconds("resend_after_seconds", 0..=3600),
            failures_per_number: reader.rate("failures_per_number"),
            test_numbers: TestNumbers::read(reader.section("test_numbers")),
            guard: Guard::read(reader.section("guard")),
        }
    }
}

impl Guard {
    fn read(mut reader: Reader<'_>) -> Self {
        let modes = [
            ("enforce", GuardMode::Enforce),
            ("observe", GuardMode::Observe),
            ("off", GuardMode::Off),
        ];
        Self {
            mode: reader.choice("mode", &modes).unwrap_or_default(),
            sends_per_prefix: reader.rate("sends_per_prefix"),
            prefix_block: reader.table_or_false("prefix_block").map(|mut block| PrefixBlock {
                min_sends: block.integer("min_sends", 1..=u32::MAX),
                per: block.window(),
                min_verified_ratio: block.ratio("min_verified_ratio"),
            }),
            sends_per_client_address: reader.rate("sends_per_client_address"),
            sends_per_tenant: reader.rate("sends_per_tenant"),
            spending_per_tenant_per_day: reader
                .table_or_false("spending_per_tenant_per_day")
                .and_then(Spending::read),
        }
    }
}

impl TestNumbers {
    fn read(mut reader: Reader<'_>) -> Self {
        let mut numbers = BTreeMap::new();
        for (number, place) in reader.take_rest() {
            let key = mask(&number);
            if !is_e164(&number) {
                reader.fault(
                    &key,
                    "is not a phone number in E.164",
                    "write it like \"+5511900000001\"",
                );
            }
            let code = reader.place(&key, &place).unwrap_or_default();
            if !code.expose().is_empty() && !is_code(code.expose()) {
                reader.fault(&key, "points to something that is not a code", "store 4 to 10 digits");
            }
            numbers.insert(number, code);
        }
        Self(numbers)
    }
}

/// Keeps the last four characters: faults are shown and logged.
fn mask(number: &str) -> String {
    let shown = number.char_indices().rev().nth(3).map_or(0, |(start, _)| start);
    format!("…{}", &number[shown..])
}

fn is_code(text: &str) -> bool {
    (4..=10).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
}
