//! What a store promises, asked of every backend, and what each backend adds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod bed;
mod cluster;
mod crash;
mod model;
mod promises;
mod proxy;
mod redis_faults;
mod sentinel;
mod server;
mod tls;

/// Makes a test of every promise on every backend.
macro_rules! on_every_backend {
    ($($topic:ident: $($promise:ident)*;)*) => {
        on_every_backend!(@ memory; $($($topic $promise)*)*);
        on_every_backend!(@ embedded; $($($topic $promise)*)*);
        on_every_backend!(@ redis; $($($topic $promise)*)*);

        // A cluster takes seconds to start, so all promises share one.
        #[tokio::test]
        async fn every_promise_is_kept_by_a_cluster() {
            let cluster = cluster::Cluster::start();
            $($(
                cluster.flush();
                promises::$topic::$promise(bed::on(&cluster.url())).await;
            )*)*
        }
    };
    (@ $backend:ident; $($topic:ident $promise:ident)*) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::promises::$topic::$promise(super::bed::$backend()).await;
                }
            )*
        }
    };
}

on_every_backend! {
    values:
        a_fresh_store_is_ready
        a_value_is_read_as_it_was_put
        a_put_is_refused_when_the_key_is_not_as_expected
        a_version_never_matches_again_once_the_key_was_removed
        one_of_forty_concurrent_claims_wins
        one_of_forty_concurrent_replacements_wins
        a_value_expires
        a_put_renews_or_lifts_the_lifetime
        many_values_are_read_in_the_order_asked
        a_key_is_removed_only_when_as_expected;
    counters:
        a_counter_adds_up_and_keeps_its_window
        a_counter_starts_again_after_its_window
        a_counter_that_is_only_read_is_not_made
        concurrent_additions_are_all_counted
        a_counter_is_not_a_value;
    logs:
        a_log_is_read_in_order_and_in_pages
        logs_do_not_mix
        concurrent_appends_each_get_a_place
        what_is_appended_together_stays_in_order
        trimming_drops_what_is_older
        what_is_struck_out_is_gone_and_the_rest_stays_in_its_place
        waiting_ends_at_once_when_there_is_something
        waiting_ends_when_something_is_appended
        waiting_ends_when_the_time_is_up
        many_wait_on_one_log;
    sets:
        a_set_is_read_by_score_then_member
        a_set_is_paged_both_ways_through_equal_scores
        a_page_may_follow_a_member_that_left
        a_member_has_one_score
        a_set_trims_itself
        the_ends_of_the_score_range_are_included;
}
