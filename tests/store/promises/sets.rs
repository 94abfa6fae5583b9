//! Sets: order, pages, trimming.

use switchboard::store::{Order, Range, Scored, keys};

use crate::bed::Bed;

fn everything(order: Order, limit: usize) -> Range {
    Range {
        scores: i64::MIN..=i64::MAX,
        order,
        after: None,
        limit,
    }
}

async fn members(bed: &Bed, query: Range) -> Vec<(i64, String)> {
    let found = bed.store.range(&keys::calls_all(), query).await.unwrap();
    found
        .into_iter()
        .map(|Scored { score, member }| (score, member))
        .collect()
}

async fn index(bed: &Bed, score: i64, member: &str) {
    let set = keys::calls_all();
    bed.store.index(&set, score, member, None).await.unwrap();
}

fn pairs(of: &[(i64, &str)]) -> Vec<(i64, String)> {
    of.iter()
        .map(|(score, member)| (*score, (*member).to_owned()))
        .collect()
}

pub async fn a_set_is_read_by_score_then_member(bed: Bed) {
    // Upper case, lower case and beyond ASCII: the order is that of the bytes, not of a language.
    let sorted = [
        (-7, "b"),
        (0, "aa"),
        (1_767_225_600_123, "B"),
        (1_767_225_600_123, "a"),
        (1_767_225_600_123, "é"),
        (9_007_199_254_740_991, "z"),
    ];
    for (score, member) in [5, 0, 3, 1, 4, 2].map(|n| sorted[n]) {
        index(&bed, score, member).await;
    }
    let ascending = pairs(&sorted);
    assert_eq!(members(&bed, everything(Order::Ascending, 100)).await, ascending);
    let mut descending = ascending;
    descending.reverse();
    assert_eq!(members(&bed, everything(Order::Descending, 100)).await, descending);
    let none = bed
        .store
        .range(&keys::calls_of("x"), everything(Order::Ascending, 9))
        .await;
    assert_eq!(none.unwrap(), []);
}

pub async fn a_set_is_paged_both_ways_through_equal_scores(bed: Bed) {
    let mut all: Vec<_> = (0..60).map(|n| (n / 25, format!("{:02}", n * 37 % 60))).collect();
    for (score, member) in &all {
        index(&bed, *score, member).await;
    }
    all.sort();
    for order in [Order::Ascending, Order::Descending] {
        for limit in [1, 7, 60] {
            let mut read = Vec::new();
            let mut after = None;
            loop {
                let page = members(
                    &bed,
                    Range {
                        after,
                        ..everything(order, limit)
                    },
                )
                .await;
                assert!(page.len() <= limit);
                after = page.last().cloned();
                read.extend(page);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(read, all, "{order:?} by {limit}");
        }
        all.reverse();
    }
}

pub async fn a_page_may_follow_a_member_that_left(bed: Bed) {
    for member in ["a", "c", "d", "e"] {
        index(&bed, 5, member).await;
    }
    index(&bed, 6, "f").await;
    let following = |order, score, member: &str| {
        members(
            &bed,
            Range {
                after: Some((score, member.to_owned())),
                ..everything(order, 2)
            },
        )
    };
    use Order::{Ascending, Descending};
    assert_eq!(following(Ascending, 5, "b").await, pairs(&[(5, "c"), (5, "d")]));
    assert_eq!(following(Ascending, 5, "e").await, pairs(&[(6, "f")]));
    assert_eq!(following(Ascending, 5, "").await, pairs(&[(5, "a"), (5, "c")]));
    assert_eq!(following(Ascending, 4, "z").await, pairs(&[(5, "a"), (5, "c")]));
    assert_eq!(following(Ascending, 7, "").await, []);
    assert_eq!(following(Descending, 5, "dd").await, pairs(&[(5, "d"), (5, "c")]));
    assert_eq!(following(Descending, 5, "a").await, []);
    assert_eq!(following(Descending, 9, "").await, pairs(&[(6, "f"), (5, "e")]));
    bed.store.unindex(&keys::calls_all(), "c").await.unwrap();
    assert_eq!(following(Ascending, 5, "c").await, pairs(&[(5, "d"), (5, "e")]));
}

pub async fn a_member_has_one_score(bed: Bed) {
    index(&bed, 1, "a").await;
    index(&bed, 2, "b").await;
    index(&bed, 3, "a").await;
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(2, "b"), (3, "a")]));
    bed.store.unindex(&keys::calls_all(), "a").await.unwrap();
    bed.store.unindex(&keys::calls_all(), "never there").await.unwrap();
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(2, "b")]));
}

pub async fn a_set_trims_itself(bed: Bed) {
    for score in 1..=5 {
        index(&bed, score, &format!("m{score}")).await;
    }
    let set = keys::calls_all();
    bed.store.index(&set, 6, "m6", Some(4)).await.unwrap();
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(4, "m4"), (5, "m5"), (6, "m6")]));
    bed.store.index(&set, 1, "late", Some(4)).await.unwrap();
    assert_eq!(members(&bed, everything(Order::Ascending, 9)).await, all);
}

pub async fn the_ends_of_the_score_range_are_included(bed: Bed) {
    for score in 1..=5 {
        index(&bed, score, &format!("m{score}")).await;
    }
    let between = |scores, order, after| Range {
        scores,
        order,
        after,
        limit: 9,
    };
    let found = members(&bed, between(2..=4, Order::Ascending, None)).await;
    assert_eq!(found, pairs(&[(2, "m2"), (3, "m3"), (4, "m4")]));
    let after = Some((3, "m3".to_owned()));
    let found = members(&bed, between(2..=4, Order::Descending, after.clone())).await;
    assert_eq!(found, pairs(&[(2, "m2")]));
    let found = members(&bed, between(2..=4, Order::Ascending, after)).await;
    assert_eq!(found, pairs(&[(4, "m4")]));
    let before = Some((1, "m1".to_owned()));
    let found = members(&bed, between(2..=3, Order::Ascending, before)).await;
    assert_eq!(found, pairs(&[(2, "m2"), (3, "m3")]));
    let reversed = std::ops::RangeInclusive::new(4, 2);
    assert_eq!(members(&bed, between(reversed, Order::Ascending, None)).await, []);
    assert_eq!(members(&bed, everything(Order::Ascending, 0)).await, []);
}
