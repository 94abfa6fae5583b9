use super::*;
use crate::providers::zenvia::samples::{at, data, rows};

fn resource(report: &str) -> &'static Resource {
    resource::of_report(report).unwrap()
}

fn page_of(report: &str, json: &str) -> Option<ReportPage> {
    let value = Value::parse(json).unwrap();
    read_page(resource(report), Some(&value))
}

#[test]
fn a_row_keeps_the_providers_bytes() {
    for (report, name) in [
        ("chamada", "call-report"),
        ("tts", "tts-report"),
        ("audio", "audio-report"),
        ("composto", "flow-report"),
        ("did", "did-report"),
    ] {
        let page = page_of(report, &data(name)).unwrap();
        let raw: Vec<_> = page.rows.iter().map(|row| row.raw.clone()).collect();
        assert_eq!(raw, rows(name), "{name}");
        assert!(!page.more);
        for row in &page.rows {
            assert_eq!(row.facts.reference, Some(ProviderRef::id(&row.id)));
            assert!(row.facts.created_at.is_some(), "the list is sorted by it: {name}");
        }
    }
}

#[test]
fn a_full_page_may_be_followed_by_another() {
    let row = r#"{"id":1,"data_inicio":"2019-07-10T09:45:49-03:00","status":"ocupado"}"#;
    let page = |rows: usize| format!(r#"{{"total":"201","relatorio":[{}]}}"#, vec![row; rows].join(","));
    let full = page_of("did", &page(200)).unwrap();
    assert_eq!((full.rows.len(), full.more, full.total), (200, true, Some(201)));
    assert!(!page_of("did", &page(199)).unwrap().more);
}

#[test]
fn an_empty_report_is_written_in_many_ways_and_a_wrong_one_is_no_report() {
    for json in ["null", "[]", r#"{"relatorio":[]}"#] {
        assert!(page_of("tts", json).unwrap().rows.is_empty(), "{json}");
    }
    assert!(read_page(resource("tts"), None).unwrap().rows.is_empty());
    for json in ["{}", r#"{"relatorio":null}"#, "7", "[1]"] {
        assert!(page_of("tts", json).is_none(), "{json}");
    }
    let mixed = page_of("tts", r#"{"relatorio":[7,{"status":"ocupado"},{"id":5}]}"#).unwrap();
    assert_eq!(
        (mixed.rows.len(), mixed.unreadable),
        (1, 2),
        "what has no identifier is not a call"
    );
}

#[test]
fn the_days_of_a_window_are_those_of_sao_paulo() {
    let of = |since, until| {
        days(Window {
            since: at(since).unwrap(),
            until: at(until).unwrap(),
        })
    };
    let day = |first: &str, last: &str| (first.to_owned(), last.to_owned());
    assert_eq!(
        of("2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"),
        day("2026-11-22", "2026-11-22")
    );
    assert_eq!(
        of("2026-11-22T02:59:59Z", "2026-11-23T03:00:00.001Z"),
        day("2026-11-21", "2026-11-23")
    );
    assert_eq!(
        of("2016-10-17T02:00:00Z", "2016-10-18T02:00:00Z"),
        day("2016-10-17", "2016-10-17")
    );
    assert_eq!(
        of("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
        day("2026-11-22", "2026-11-22")
    );
}

#[test]
fn a_report_the_account_lacks_is_told_by_its_reason() {
    let failure = |kind, code: Option<&str>| {
        let failure = Failure::new(kind, "GET /did/relatorio");
        is_absent(&Failure {
            code: code.map(str::to_owned),
            ..failure
        })
    };
    use crate::domain::error::Refusal::{Credential, Policy};
    for code in ABSENT {
        assert!(failure(FailureKind::Refused(Policy), Some(code)), "{code}");
    }
    assert!(!failure(FailureKind::Refused(Credential), Some("40")));
    assert!(!failure(FailureKind::Refused(Policy), None));
    assert!(!failure(FailureKind::Broken, Some("30")));
}
