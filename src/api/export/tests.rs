#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::columns::COLUMNS;
use super::*;

/// A record with everything.
fn record() -> Value {
    let text = r#"{
        "id": "rec_1", "call_id": "call_0199a2b0c3d47e5f8a9b0c1d2e3f4a5b", "tenant": "acme", "provider": "evolux",
        "account": "evolux-natal", "provider_ref": { "id": "7", "uuid": "u-7" }, "direction": "outbound",
        "kind": "campaign", "status": "completed", "from": "ext:4000", "to": "+5511988887777", "tag": "order-7",
        "request_id": "r-1", "created_at": "2018-12-01T12:00:00.250Z", "ringing_at": "2018-12-01T12:00:01.000Z",
        "answered_at": "2018-12-01T12:00:05.000Z", "ended_at": "2018-12-01T12:01:05.000Z", "ring_seconds": 4,
        "talk_seconds": 60, "billed_seconds": 71, "price": { "amount": "0.35", "currency": "BRL" },
        "answered_by": "human",
        "hangup": { "cause": "normal_clearing", "q850": 16, "by": "callee", "provider_texts": ["16. normal"] },
        "digits": "1", "session": { "type": "answer", "sdp": "v=0\r\n" }, "recording": "available",
        "legs": [{ "side": "caller", "address": null, "status": null, "started_at": null, "answered_at": null,
                   "talk_seconds": null, "billed_seconds": null, "price": null, "hangup": null }],
        "routing": { "account": "evolux-natal", "reason": "asked for", "skipped": [] },
        "attempts": [], "settled_by": "poll", "agent": { "id": "149", "name": "João \"Jo\" Neves" },
        "campaign": { "id": "376", "name": "Teste; 1,5" }, "queue": { "id": "12", "name": "Vendas" },
        "subscriber": { "external_id": "19", "number": "+5584999999999", "name": "=HYPERLINK(\"http://x\")" },
        "custom_fields": { "type": "VIP" }, "survey": { "csat": -1, "nps": 10 }, "classification": "@sum",
        "outcome": "-", "trunk": "+55", "area_code": "11", "recording_url": "/history/rec_1/recording",
        "source": "report", "row_hash": "h", "raw": "{\"id\":7}"
    }"#;
    serde_json::from_str(text).unwrap()
}

fn table(dialect: Option<Dialect>, record: Value) -> Vec<u8> {
    let sheet = Sheet::new(dialect, TimeZone::get("America/Sao_Paulo").unwrap());
    let mut text = sheet.head();
    sheet.write(&serde_json::from_value(record).unwrap(), &mut text);
    text
}

/// The cells of the row by the names of their columns.
fn cells(text: &[u8], delimiter: u8) -> impl Fn(&str) -> String {
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text);
    let names = rows.headers().unwrap().clone();
    let row = rows.records().next().unwrap().unwrap();
    move |name| {
        let place = names.iter().position(|known| known == name);
        row[place.unwrap_or_else(|| panic!("no column {name}"))].to_owned()
    }
}

#[test]
fn the_order_of_the_columns_is_frozen() {
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let promised: Vec<_> = include_str!("../../../docs/history-columns.txt").lines().collect();
    assert!(
        names.starts_with(&promised),
        "a new column comes last; none goes and none moves"
    );
    assert_eq!(names, promised, "a new column is put into docs/history-columns.txt");
}

#[test]
fn every_field_of_a_record_has_its_column() {
    let parts = [
        "provider_ref",
        "price",
        "hangup",
        "session",
        "routing",
        "agent",
        "campaign",
        "queue",
        "subscriber",
        "survey",
    ];
    let mut fields: Vec<String> = Vec::new();
    for (name, value) in record().as_object().unwrap() {
        match parts.contains(&name.as_str()) {
            true => fields.extend(value.as_object().unwrap().keys().map(|part| format!("{name}_{part}"))),
            false => fields.push(name.clone()),
        }
    }
    let mut names: Vec<_> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    fields.sort();
    assert_eq!(names, fields);
    let written = serde_json::to_value(serde_json::from_value::<Record>(record()).unwrap()).unwrap();
    assert_eq!(written, record(), "the record of this test has every field");
}

#[test]
fn a_table_is_as_rfc_4180_says() {
    let text = table(None, record());
    assert!(text.starts_with(b"id,call_id,tenant,"));
    assert_eq!(
        text.windows(2).filter(|two| two == b"\r\n").count(),
        3,
        "one of them in a cell"
    );
    let cell = cells(&text, b',');
    for (name, value) in [
        ("created_at", "2018-12-01T12:00:00.250Z"),
        ("price_amount", "0.35"),
        ("to", "+5511988887777"),
        ("agent_name", "João \"Jo\" Neves"),
        ("campaign_name", "Teste; 1,5"),
        ("session_sdp", "v=0\r\n"),
        ("custom_fields", "{\"type\":\"VIP\"}"),
        ("hangup_provider_texts", "[\"16. normal\"]"),
        ("attempts", "[]"),
        ("survey_nps", "10"),
        ("raw", "{\"id\":7}"),
    ] {
        assert_eq!(cell(name), value, "{name}");
    }
    let unknown = json!({ "agent": null, "price": null, "answered_at": null, "custom_fields": null });
    let mut record = record();
    record
        .as_object_mut()
        .unwrap()
        .extend(unknown.as_object().unwrap().clone());
    let text = table(None, record);
    let cell = cells(&text, b',');
    for name in ["agent_id", "agent_name", "price_amount", "answered_at", "custom_fields"] {
        assert_eq!(cell(name), "", "{name}");
    }
}

#[test]
fn no_cell_begins_a_formula_but_a_number_may_begin_with_plus() {
    let text = table(None, record());
    let cell = cells(&text, b',');
    assert_eq!(cell("subscriber_name"), "'=HYPERLINK(\"http://x\")");
    assert_eq!(cell("classification"), "'@sum");
    assert_eq!(cell("outcome"), "'-");
    assert_eq!(cell("survey_csat"), "'-1");
    assert_eq!(cell("trunk"), "+55");
    for (name, guarded) in [
        ("+5511988887777", false),
        ("+1+1", true),
        ("+0511988887777", true),
        ("+55119888877771234", true),
        ("+", true),
        ("\t=1", true),
        ("\r=1", true),
        ("a=1", false),
    ] {
        let mut record = record();
        record["agent"]["name"] = name.into();
        let text = table(None, record);
        let expected = if guarded { format!("'{name}") } else { name.to_owned() };
        assert_eq!(cells(&text, b',')("agent_name"), expected);
    }
}

#[test]
fn excel_in_brazil_gets_what_it_reads() {
    let text = table(Some(Dialect::ExcelBr), record());
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap();
    assert!(text.starts_with(b"id;call_id;"));
    let cell = cells(text, b';');
    assert_eq!(cell("price_amount"), "0,35");
    assert_eq!(
        cell("created_at"),
        "01/12/2018 10:00:00",
        "in summer the clock is two hours behind UTC"
    );
    assert_eq!(cell("campaign_name"), "Teste; 1,5");
    assert_eq!(cell("agent_name"), "João \"Jo\" Neves");
}

#[test]
fn records_are_written_in_pieces() {
    let one: Record = serde_json::from_value(record()).unwrap();
    let mut records = std::iter::repeat_n(one.clone(), 100);
    let mut text = Vec::new();
    let mut pieces = 0;
    while let Some(piece) = Writer::Ndjson.piece(&mut records) {
        assert!(piece.len() < PIECE + PIECE / 4);
        text.extend(piece);
        pieces += 1;
    }
    assert!(pieces > 2);
    let lines: Vec<Record> = serde_json::Deserializer::from_slice(&text)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(lines, vec![one; 100]);
}
