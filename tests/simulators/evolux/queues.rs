//! The queue report, one of its calls in full, and recordings.

use serde_json::json;

use super::Evolux;

const QUEUE: &str = "/api/v1/report/calls_history";

#[tokio::test]
async fn the_queue_report_holds_its_rows_in_an_object_and_leaves_empty_texts() {
    let evolux = Evolux::with_rows(json!({"queue": [
        {"id": 1, "join": "2026-05-10T09:15:00Z"},
        {"id": 2, "join": "2026-05-10T14:59:00Z", "outbound": true, "caller_number": "3012",
         "receiver_number": "84988887777", "queue_id": 14, "talk_seconds": null, "end_by_id": 4},
    ]}))
    .await;
    let ask = async |query: &str| {
        let answer = evolux
            .get(&format!("{QUEUE}?start_date=2026-05-10&{query}"))
            .await
            .json();
        answer["data"]["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ask("").await, [2, 1]);
    assert_eq!(ask("call_type=in").await, [1]);
    assert_eq!(ask("call_type=out&phone_number=84988887777&agent_id=149").await, [2]);
    assert_eq!(ask("queue_ids=12&queue_ids=99").await, [1]);
    assert_eq!(ask("start_hour=14&end_hour=14").await, [2], "the last hour is included");
    assert_eq!(ask("end_by_id=4").await, [2]);
    assert_eq!(ask("entity=queue_groups&queue_group_ids=66").await, [0; 0]);

    let text = evolux
        .get(&format!("{QUEUE}?start_date=2026-05-10&call_type=out"))
        .await;
    let row = &text.json()["data"]["calls"][0];
    assert_eq!(
        (&row["time_connect"], &row["download_audio"], &row["csat"]),
        (&json!(""), &json!(""), &json!(""))
    );
    assert_eq!(
        (&row["time_join"], &row["end_by_description"]),
        (&json!("14:59:00"), &json!("No Answer"))
    );
}

#[tokio::test]
async fn one_queue_call_has_the_misspelt_key() {
    let evolux = Evolux::with_rows(json!({"queue": [{"id": 7, "join": "2026-05-10T09:15:00Z"}]})).await;
    let call = evolux.get("/api/v1/callcenter/call/7").await.json();
    assert_eq!(
        (&call["data"]["receicer_name"], &call["data"]["asa"]),
        (&json!(""), &json!("No"))
    );
    assert_eq!(evolux.get("/api/v1/callcenter/call/8").await.status, 404);
}

#[tokio::test]
async fn recordings_are_audio_with_ranges_for_talked_calls_only() {
    let evolux = Evolux::with_rows(json!({
        "dialer": [{"id": 1, "start_time": "2026-05-10T12:00:00Z", "talk_seconds": 2},
                   {"id": 2, "start_time": "2026-05-10T12:00:00Z", "talk_seconds": null}],
        "queue": [{"id": 3, "join": "2026-05-10T09:15:00Z"}],
    }))
    .await;
    let whole = evolux.get("/api/v1/dialer/call/1/recording").await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("audio/wav")));
    assert_eq!((&whole.body[..4], whole.body.len()), (b"RIFF".as_slice(), 32_044));
    let part = evolux
        .client
        .with("range", "bytes=4-7")
        .get("/api/v1/dialer/call/1/recording")
        .await;
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, Some("bytes 4-7/32044"))
    );
    assert_eq!(part.body, whole.body[4..8]);
    let outside = evolux
        .client
        .with("range", "bytes=40000-")
        .get("/api/v1/dialer/call/1/recording")
        .await;
    assert_eq!(outside.status, 416);
    for missing in ["dialer/call/2", "dialer/call/9", "callcenter/call/1"] {
        assert_eq!(
            evolux.get(&format!("/api/v1/{missing}/recording")).await.status,
            404,
            "{missing}"
        );
    }
    assert_eq!(evolux.get("/api/v1/callcenter/call/3/recording").await.status, 200);
    assert_eq!(
        evolux.anonymous().get("/api/v1/dialer/call/1/recording").await.status,
        400,
        "a token is needed"
    );
}
