//! A page of a report of which only the rows' identifiers are wanted: a fraction of the work of reading it.

use serde::Deserialize;

use crate::domain::history::Row;
use crate::providers::port::ReportPage;

#[derive(Deserialize)]
struct Listing {
    meta: Meta,
    data: Vec<Listed>,
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Meta {
    status: u16,
}

#[derive(Deserialize)]
struct Listed {
    id: Id,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct Pagination {
    total: Option<u64>,
    /// It has to be there, be it as nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    next_url: Option<String>,
}

/// Reads a page of rows that have their identifiers only; nothing where the body is not plainly a good page, and is to be
/// read as others are.
pub(in crate::providers::evolux) fn listing(body: &[u8]) -> Option<ReportPage> {
    let Listing { meta, data, pagination } = serde_json::from_slice(body).ok()?;
    let Pagination { total, next_url } = pagination;
    let row = |listed: Listed| Row {
        id: match listed.id {
            Id::Number(id) => id.to_string(),
            Id::Text(id) => id,
        },
        ..Row::default()
    };
    (meta.status == 200).then(|| ReportPage {
        more: !data.is_empty() && next_url.is_some_and(|url| !matches!(url.as_str(), "" | "-")),
        rows: data.into_iter().map(row).collect(),
        total,
        ..ReportPage::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Envelope, dialer_row};
    use super::*;

    const SEED: &str = include_str!("../../../../tests/fixtures/evolux/dialer_seed.json");

    #[test]
    fn a_page_that_repeats_keys_lists_what_reading_it_lists() {
        let ids = |page: &ReportPage| page.rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
        for next in [
            "null",
            r#""""#,
            r#""-""#,
            r#""http://10.0.0.1/api/v1/dialer/calls_history?page=2""#,
        ] {
            let body = SEED.replace(r#""next_url": null"#, &format!(r#""next_url": {next}"#));
            let listed = listing(body.as_bytes()).unwrap();
            let read = Envelope::parse(body.as_bytes()).unwrap().page(dialer_row).unwrap();
            assert_eq!(ids(&listed), ["48582566", "48582498"]);
            assert_eq!(ids(&listed), ids(&read));
            assert_eq!((listed.total, listed.more), (read.total, read.more), "{next}");
        }
    }

    #[test]
    fn what_is_not_plainly_a_good_page_is_left_to_whoever_reads_it() {
        for (good, bad) in [
            (r#""status": 200"#, r#""status": 403"#),
            (r#""id": 48582566"#, r#""id": null"#),
            (r#""data": ["#, r#""data": [ 7, "#),
            (r#""meta""#, r#""mata""#),
            (r#""next_url""#, r#""next""#),
        ] {
            assert!(SEED.contains(good), "{good}");
            assert!(listing(SEED.replacen(good, bad, 1).as_bytes()).is_none(), "{bad}");
        }
    }
}
