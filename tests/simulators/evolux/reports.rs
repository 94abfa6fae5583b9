//! The dialler report: what it hides, how it pages and how its rows are written.

use serde_json::{Value, json};
use switchboard::simulators::evolux::History;

use super::Evolux;
use crate::wire::Answer;

const DIALER: &str = "/api/v1/dialer/calls_history";

fn ids(answer: &Answer) -> Vec<u64> {
    answer.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect()
}

/// Two campaigns, two agents, an unanswered call; ids grow with time.
async fn sample() -> Evolux {
    Evolux::with_rows(json!({"dialer": [
        {"id": 1, "start_time": "2026-05-10T02:30:00Z", "custom_fields": {"type": "VIP"},
         "subscriber": {"external_id": "A", "number": "84999999999"}},
        {"id": 2, "start_time": "2026-05-10T12:00:00Z", "talk_seconds": null, "agent": null,
         "hangup_causes": ["Sem resposta", "No answer"]},
        {"id": 3, "start_time": "2026-05-10T23:59:59Z", "campaign": {"id": 377, "name": "Outra"},
         "agent": {"id": 150, "name": "Maria"}},
        {"id": 4, "start_time": "2026-05-11T02:30:00Z", "campaign": {"id": 401, "name": "Terceira"}},
    ]}))
    .await
}

#[tokio::test]
async fn without_dates_only_successes_of_the_current_utc_day_show() {
    let evolux = Evolux::start().await;
    let now: Value = evolux.anonymous().get("/_sim/clock").await.json();
    let now: jiff::Timestamp = now.as_str().unwrap().parse().unwrap();
    // Noon, so that the day cannot end meanwhile.
    let noon = 43_200 - now.as_second().rem_euclid(86_400);
    evolux.pass(noon).await;
    let at = |hours: i64| (now + jiff::SignedDuration::from_secs(noon + hours * 3_600)).to_string();
    let rows = json!({"dialer": [
        {"id": 1, "start_time": at(-2)},
        {"id": 2, "start_time": at(-1), "talk_seconds": null},
        {"id": 3, "start_time": at(-13)},
    ]});
    evolux.steer("/_sim/rows", rows).await;
    assert_eq!(ids(&evolux.get(DIALER).await), [1]);
    assert_eq!(ids(&evolux.get(&format!("{DIALER}?contact_status=both")).await), [2, 1]);
}

#[tokio::test]
async fn contact_status_chooses_and_other_words_are_refused() {
    let evolux = sample().await;
    let ask = async |status: &str| {
        evolux
            .get(&format!("{DIALER}?start_date=2026-05-10&contact_status={status}"))
            .await
    };
    assert_eq!(ids(&ask("both").await), [4, 3, 2, 1], "newest first");
    assert_eq!(ids(&ask("error").await), [2]);
    assert_eq!(ids(&ask("success").await), [4, 3, 1]);
    assert_eq!(
        ids(&ask("both&end_date=2026-05-01").await),
        [0; 0],
        "a window that ends before it starts"
    );
    assert_eq!(ask("all").await.status, 400);
}

#[tokio::test]
async fn a_day_is_utc_and_a_brazilian_one_takes_instants() {
    let evolux = sample().await;
    for day in ["2026-05-10", "10/05/2026"] {
        let target = format!("{DIALER}?start_date={day}&end_date={day}&contact_status=both");
        assert_eq!(ids(&evolux.get(&target).await), [3, 2, 1], "{day}");
    }
    let day = "start_date=2026-05-10T03:00:00.000Z&end_date=2026-05-11T02:59:59.999Z";
    assert_eq!(
        ids(&evolux.get(&format!("{DIALER}?{day}&contact_status=both")).await),
        [4, 3, 2]
    );
    let lost_plus = evolux
        .get(&format!("{DIALER}?start_date=2026-05-10T00:00:00+00:00"))
        .await;
    assert_eq!(
        (lost_plus.status, lost_plus.json()["meta"]["message"].clone()),
        (400, json!("Invalid start_date param."))
    );
}

#[tokio::test]
async fn ids_are_repeated_keys_and_a_comma_list_names_nothing() {
    let evolux = sample().await;
    let ask = async |query: &str| ids(&evolux.get(&format!("{DIALER}?start_date=2026-05-10&{query}")).await);
    assert_eq!(ask("campaign_id=376&campaign_id=377").await, [3, 1]);
    assert_eq!(ask("campaign_id=376,377").await, [0; 0]);
    assert_eq!(ask("agent_id=150").await, [3]);
    assert_eq!(ask("number=84999999999").await, [1]);
    assert_eq!(ask("external_id=A&agent_id=150").await, [0; 0]);
}

#[tokio::test]
async fn pages_hold_fifty_at_most_and_none_past_the_end() {
    let history = History {
        dialer_rows: 300,
        ..History::none()
    };
    let evolux = Evolux::with_history(history).await;
    let all = "start_date=2020-01-01&contact_status=both";
    let mut seen = Vec::new();
    for page in 1..=6 {
        let answer = evolux.get(&format!("{DIALER}?{all}&limit=500&page={page}")).await;
        assert_eq!(
            (&answer.json()["pagination"]["limit"], ids(&answer).len()),
            (&json!(50), 50)
        );
        seen.extend(ids(&answer));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 300);
    let past = evolux.get(&format!("{DIALER}?{all}&page=7")).await.json();
    assert_eq!(
        (&past["data"], &past["pagination"]["next_url"]),
        (&json!([]), &Value::Null)
    );
    let first = evolux.get(&format!("{DIALER}?{all}")).await;
    assert_eq!(ids(&evolux.get(&format!("{DIALER}?{all}&page=0")).await), ids(&first));
}

#[tokio::test]
async fn links_lead_elsewhere_and_show_what_the_dates_became() {
    let evolux = sample().await;
    let target = format!("{DIALER}?token=key&start_date=2026-05-10&end_date=2026-05-11&limit=2");
    let pagination = evolux.get(&target).await.json()["pagination"].clone();
    let base = "http://172.16.7.33/api/v1/dialer/calls_history?start_date=2026-05-10T00%3A00%3A00%2B00%3A00\
                &end_date=2026-05-11T23%3A59%3A59.999999%2B00%3A00&page=";
    assert_eq!(pagination["current_url"], format!("{base}1"));
    assert_eq!(pagination["next_url"], format!("{base}2"));
    assert_eq!(pagination["prev_url"], Value::Null);
    assert_eq!((&pagination["items"], &pagination["total"]), (&json!(2), &json!(3)));
}

#[tokio::test]
async fn a_row_gives_its_hangup_cause_twice_and_a_fractional_duration() {
    let evolux = sample().await;
    let answer = evolux
        .get(&format!(
            "{DIALER}?start_date=2026-05-10&contact_status=both&number=84999999999"
        ))
        .await;
    let text = answer.text();
    let first = text.find(r#""hangup_cause":"Desligamento normal""#).unwrap();
    let second = text.find(r#""hangup_cause":"Normal clearing""#).unwrap();
    assert!(first < second);
    assert!(text.contains(r#""talking_duration":30"#) && text.contains(r#""billable_duration":41.0"#));
    assert!(text.contains(r#""start_time":"2026-05-10T02:30:00+00:00""#));
    assert!(text.contains(r#""download_audio":"https://maissaude.edev-multi/api/v1/dialer/call/1/recording""#));
}

#[tokio::test]
async fn custom_fields_show_only_when_the_campaign_is_named() {
    let evolux = sample().await;
    let ask = async |query: &str| {
        let answer = evolux
            .get(&format!("{DIALER}?start_date=2026-05-10&end_date=2026-05-10&{query}"))
            .await
            .json();
        answer["data"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .get("custom_fields")
            .cloned()
    };
    assert_eq!(ask("external_id=A").await, None);
    assert_eq!(ask("campaign_id=376").await, Some(json!({"type": "VIP"})));
}

#[tokio::test]
async fn what_an_unanswered_row_lacks_is_written_in_three_ways() {
    let rows: Vec<_> = (1..=3)
        .map(|id| json!({"id": id, "start_time": "2026-05-10T12:00:00Z", "talk_seconds": null, "agent": null}))
        .collect();
    let evolux = Evolux::with_rows(json!({ "dialer": rows })).await;
    let target = format!("{DIALER}?start_date=2026-05-10&contact_status=error");
    let answer = evolux.get(&target).await.json();
    let answer_times: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.get("answer_time"))
        .collect();
    assert_eq!(answer_times, [Some(&json!("-")), None, Some(&Value::Null)]);
    evolux.steer("/_sim/knobs", json!({"blanks": "null"})).await;
    let answer = evolux.get(&target).await.json();
    assert!(
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row.get("answer_time") == Some(&Value::Null))
    );
}

#[tokio::test]
async fn an_older_server_knows_less() {
    let evolux = sample().await;
    evolux
        .steer("/_sim/knobs", json!({"version": "before_6_77", "offsets": "hour_only"}))
        .await;
    let answer = evolux
        .get(&format!(
            "{DIALER}?start_date=2026-05-10&contact_status=both&campaign_id=376"
        ))
        .await;
    assert_eq!(ids(&answer), [1], "contact_status is not known, failures stay hidden");
    let text = answer.text();
    assert_eq!(text.matches("hangup_cause").count(), 1);
    assert!(text.contains(r#""start_time":"2026-05-10T02:30:00+00""#) && text.contains(r#""billable_duration":41,"#));
    assert!(!text.contains("custom_fields") && !text.contains("download_audio"));
}
