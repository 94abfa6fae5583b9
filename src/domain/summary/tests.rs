use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

fn named() -> impl Strategy<Value = Option<Named>> {
    let some = |id: u8| Named {
        id: Some(id.to_string()),
        name: (id > 0).then(|| format!("n{id}")),
    };
    option::of((0..3u8).prop_map(some))
}

fn text(choices: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    option::of(select(choices).prop_map(str::to_owned))
}

prop_compose! {
    fn traits()(
        (day, hour) in (1..=28i8, 0..24i8),
        (account, report, tenant) in (select(&["one", "two"][..]), select(&["calls", "flows"][..]), select(&["a", "b"][..])),
        (kind, direction, status) in (select(CallKind::ALL), select(Direction::ALL), select(CallStatus::ALL)),
        answered in any::<bool>(),
        (campaign, agent, queue) in (named(), named(), named()),
        (hangup_cause, tag, area_code) in (text(&["user_busy", "no_answer"]), text(&["x", "y"]), text(&["11", "84"])),
    ) -> Traits {
        Traits {
            day: Date::new(2026, 11, day).unwrap(),
            hour,
            account: account.parse().unwrap(),
            report: report.to_owned(),
            tenant: tenant.to_owned(),
            kind, direction, status, answered, hangup_cause, campaign, agent, queue, tag, area_code,
        }
    }
}

prop_compose! {
    fn figures()(
        (talk_seconds, billed_seconds) in (0..100_000u64, 0..100_000u64),
        price in option::of((select(&["BRL", "USD"][..]), 0..1_000_000i64, 0..4u32)),
        (answered, ended) in (any::<bool>(), any::<bool>()),
    ) -> Figures {
        let cost = price.map(|(currency, amount, scale)| (currency.to_owned(), Decimal::new(amount, scale)));
        Figures {
            calls: 1,
            answered: answered.into(),
            ended: ended.into(),
            ended_answered: (answered && ended).into(),
            talk_seconds,
            billed_seconds,
            cost: cost.into_iter().collect(),
        }
    }
}

fn calls() -> impl Strategy<Value = Vec<(Traits, Figures)>> {
    vec((traits(), figures()), 0..60)
}

fn groups() -> impl Strategy<Value = Vec<GroupBy>> {
    subsequence(GroupBy::ALL, 0..=GroupBy::ALL.len())
}

fn tally(calls: &[(Traits, Figures)], by: &[GroupBy]) -> Tally {
    let mut tally = Tally::new(by.to_vec());
    for (traits, figures) in calls {
        tally.add(traits, figures);
    }
    tally
}

fn whole(rows: impl IntoIterator<Item = Figures>) -> Figures {
    let mut whole = Figures::default();
    rows.into_iter().for_each(|figures| whole.add(&figures));
    whole
}

proptest! {
    #[test]
    fn the_rows_of_any_grouping_come_to_the_whole(calls in calls(), by in groups()) {
        let expected = whole(calls.iter().map(|(_, figures)| figures.clone()));
        prop_assert_eq!(whole(tally(&calls, &by).rows.into_values()), expected);
    }

    #[test]
    fn neither_order_nor_portions_change_a_sum(calls in calls().prop_shuffle(), by in groups(), cut in 0..60usize) {
        let expected = tally(&calls, &by).into_rows();
        let mut reversed = calls.clone();
        reversed.reverse();
        prop_assert_eq!(&tally(&reversed, &by).into_rows(), &expected);

        // As closed days are kept: summed by all their traits first.
        let (kept, read) = calls.split_at(cut.min(calls.len()));
        let mut cells: BTreeMap<Traits, Figures> = BTreeMap::new();
        for (traits, figures) in kept {
            cells.entry(traits.clone()).or_default().add(figures);
        }
        let text = serde_json::to_string(&cells.into_iter().collect::<Vec<_>>()).unwrap();
        let mut calls: Vec<(Traits, Figures)> = serde_json::from_str(&text).unwrap();
        calls.extend(read.to_vec());
        prop_assert_eq!(&tally(&calls, &by).into_rows(), &expected);
    }

    #[test]
    fn every_call_is_in_one_row_which_names_what_was_asked_for(calls in calls(), by in groups()) {
        for row in tally(&calls, &by).into_rows() {
            let keys = serde_json::to_value(&row).unwrap();
            let named: Vec<_> = GroupBy::ALL.iter().filter(|key| keys.get(key.as_str()).is_some()).collect();
            prop_assert_eq!(named, by.iter().collect::<Vec<_>>());
            prop_assert!(row.answered <= row.calls && row.asr.is_none_or(|asr| (0.0..=1.0).contains(&asr)));
        }
    }
}

#[test]
fn no_calls_come_to_one_row_of_nothing_or_to_none() {
    let rows = tally(&[], &[]).into_rows();
    assert_eq!(
        serde_json::to_value(&rows).unwrap(),
        serde_json::json!([{
            "calls": 0, "answered": 0, "asr": null, "avg_talk_seconds": null,
            "talk_seconds": 0, "billed_seconds": 0, "cost": [],
        }])
    );
    assert!(tally(&[], &[GroupBy::Day]).into_rows().is_empty());
}

#[test]
fn an_average_is_rounded_up_and_a_call_that_goes_on_is_in_no_share() {
    let row = |figures| SummaryRow::of(Group::default(), figures);
    let figures = Figures {
        calls: 5,
        answered: 3,
        ended: 4,
        ended_answered: 2,
        talk_seconds: 100,
        ..Figures::default()
    };
    assert_eq!(
        (row(figures.clone()).asr, row(figures).avg_talk_seconds),
        (Some(0.5), Some(34))
    );
}
