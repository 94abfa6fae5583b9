use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::domain::ids::VerificationId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::verification::{Send, SendStatus};

fn account() -> impl Strategy<Value = Option<AccountName>> {
    option::of(select(&["one", "two"][..]).prop_map(|name| name.parse().unwrap()))
}

prop_compose! {
    fn send()(channel in select(Channel::ALL), account in account()) -> Send {
        Send {
            at: Timestamp::from_millis(0),
            channel,
            account,
            provider: "p".into(),
            provider_ref: None,
            status: SendStatus::Accepted,
        }
    }
}

prop_compose! {
    fn verification()(
        hours in 0..200i64,
        to in select(&["+5511988887777", "+5511988881111", "+5584988887777"][..]),
        status in select(VerificationStatus::ALL),
        sends in vec(send(), 0..3),
    ) -> Verification {
        let at = Timestamp::from_seconds(hours * 3600);
        Verification {
            id: VerificationId::generate(),
            tenant: "t".into(),
            to: PhoneNumber::parse(to, Region::BR).unwrap(),
            channel: sends.last().map_or(Channel::Sms, |send| send.channel),
            status,
            brand: None,
            code_length: 6,
            tag: None,
            request_id: None,
            created_at: at,
            expires_at: at,
            attempts_left: 5,
            checkable: false,
            resend_at: at,
            sends,
            approved_at: None,
            routing: None,
            attempts: vec![],
        }
    }
}

prop_compose! {
    fn blocked()(
        hours in 0..200i64,
        channel in select(Channel::ALL),
        account in account(),
        count in 1..1000u64,
    ) -> (BlockedSends, u64) {
        let since = Timestamp::from_seconds(hours * 3600);
        (BlockedSends { since, channel, account, prefix: "+551198888".into() }, count)
    }
}

type Input = (Vec<Verification>, Vec<(BlockedSends, u64)>);

fn rows(input: &Input, by: &[VerificationGroupBy]) -> Vec<VerificationSummaryRow> {
    let mut tally = VerificationTally::new(by.to_vec(), TimeZone::UTC);
    input.0.iter().for_each(|verification| tally.add(verification));
    input
        .1
        .iter()
        .for_each(|(sends, count)| tally.add_blocked(sends, *count));
    tally.into_rows()
}

fn figures(row: &VerificationSummaryRow) -> [u64; 6] {
    [
        row.verifications,
        row.sends,
        row.approved,
        row.exhausted,
        row.expired,
        row.blocked,
    ]
}

proptest! {
    #[test]
    fn the_rows_of_any_grouping_come_to_the_whole(
        input in (vec(verification(), 0..30), vec(blocked(), 0..10)),
        by in subsequence(VerificationGroupBy::ALL, 0..=4),
    ) {
        let whole = rows(&input, &[]).remove(0);
        let mut sum = [0; 6];
        for row in rows(&input, &by) {
            let keys = serde_json::to_value(&row).unwrap();
            prop_assert!(VerificationGroupBy::ALL.iter().all(|key| keys.get(key.as_str()).is_some() == by.contains(key)));
            sum.iter_mut().zip(figures(&row)).for_each(|(sum, figure)| *sum += figure);
        }
        prop_assert_eq!(sum, figures(&whole));
        prop_assert_eq!(whole.verifications as usize, input.0.len());
        prop_assert_eq!(whole.blocked, input.1.iter().map(|(_, count)| count).sum::<u64>());
        prop_assert_eq!(whole.conversion.is_none(), input.0.is_empty());
    }
}
