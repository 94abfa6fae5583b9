//! Work beside that of the request that asked for it.

use std::time::Duration;

use super::bed::{SAY, Scripted, bed};
use crate::timing;

#[tokio::test]
async fn what_is_waited_for_aside_counts_in_the_request_that_started_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let waited = Duration::from_millis(1);
    let timing = timing::scope(async {
        let aside = bed.gateway.start_aside(async move { timing::add_upstream(waited) });
        aside.await.unwrap();
        timing::read()
    });
    assert_eq!(timing.await.upstream, waited);
}
