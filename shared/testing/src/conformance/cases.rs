//! List of the cases of the suite, and the tests made of it.

/// Generates a test for every case, for one [`Engine`](crate::conformance::Engine).
#[macro_export]
macro_rules! conformance_tests {
    ($engine:ty) => {
        $crate::conformance_tests! { @each $engine;
            enqueue {
                enqueue_gives_rising_ids_in_the_order_given
                enqueueing_no_tasks_does_nothing
                a_task_reads_back_as_enqueued
                a_task_is_scheduled_only_while_its_time_lies_ahead
                a_task_keeps_a_run_at_in_the_past
                a_taken_key_returns_the_first_task
                a_key_given_twice_in_one_batch_makes_one_task
                a_key_stays_taken_when_its_task_has_ended
                one_key_enqueued_by_many_at_once_makes_one_task
                one_invalid_task_rejects_the_whole_batch
                a_task_beyond_a_limit_is_refused_and_leaves_nothing
                a_task_exactly_at_a_limit_is_stored_whole
                many_tasks_are_enqueued_in_one_call
                a_task_due_now_or_later_wakes_an_idle_worker
                a_task_wakes_an_idle_worker_that_can_run_it
            }
            handlers {
                the_result_of_a_typed_handler_is_its_tasks_output
                a_result_replaces_that_of_an_earlier_attempt
                a_payload_that_does_not_parse_fails_its_task_at_once
                a_result_at_the_limit_is_kept_and_one_beyond_it_fails_its_task_at_once
                a_handler_that_a_shutdown_interrupts_spends_no_attempt
                a_handler_that_a_cancel_interrupts_is_cancelled
                a_handler_that_its_timeout_interrupts_has_timed_out
                a_handler_learns_that_its_claim_is_lost
                a_handler_that_is_interrupted_by_nobody_has_failed
                a_typed_handler_puts_its_task_off
                a_worker_that_leaves_a_stuck_handler_keeps_its_claim
                a_worker_that_leaves_a_blocked_async_handler_keeps_its_claim
                a_second_stop_leaves_a_stuck_handler_soon
                a_worker_whose_runtime_ends_returns_the_tasks_and_ends
            }
            wait {
                wait_returns_tasks_in_order_once_they_have_ended
                wait_returns_a_task_that_has_not_ended_in_time_as_it_is
                wait_for_a_missing_task_is_refused
                async_calls_do_what_the_blocking_ones_do
                many_callers_wait_on_one_thread
            }
            transaction {
                tasks_enqueued_in_a_transaction_appear_with_its_commit
                a_rolled_back_transaction_leaves_no_task
                an_invalid_task_is_refused_in_a_transaction_too
                a_settle_commits_or_rolls_back_with_its_transaction
                a_settle_in_a_transaction_is_fenced
                a_task_scheduled_in_a_transaction_is_claimed_when_due
                a_transaction_on_another_file_is_refused
            }
            served {
                queues_take_turns_at_the_slots_of_a_worker
                the_turn_passes_on_from_claim_to_claim
                kept_slots_are_taken_by_no_other_queue
                priorities_count_within_a_queue
                a_paused_queue_has_no_turn
                a_worker_of_all_queues_serves_later_ones_but_not_those_of_run
                a_claim_for_many_queues_finds_the_few_with_tasks
                the_handlers_of_a_queue_share_its_turn
                due_tasks_of_several_queues_are_claimed_by_turns
                a_settle_makes_room_for_the_queue_whose_turn_it_is
            }
            claim {
                claim_takes_the_highest_priority_and_then_the_oldest
                a_large_claim_is_in_the_same_order
                claim_never_takes_more_than_its_limit
                a_claim_carries_every_field_its_worker_needs
                claims_of_one_task_carry_the_same_as_claims_of_many
                claims_across_handlers_carry_the_same_as_claims_for_one_handler
                every_claim_raises_the_token
                claim_skips_tasks_not_due
                due_tasks_are_claimed_by_priority
                a_task_scheduled_by_another_handle_is_claimed_within_a_tenth_of_a_second
                a_claim_below_its_limit_tells_when_the_next_task_is_due
                thousands_of_tasks_due_together_are_all_claimed
                the_earliest_are_claimed_first_if_more_are_due_than_one_claim_handles
                a_paused_queue_gives_nothing
                a_queue_gives_its_own_tasks_only
                claims_of_one_take_from_their_own_queue_only
                a_worker_claims_only_tasks_it_can_run
                the_highest_priority_wins_across_commands_and_handlers
                ties_across_commands_and_handlers_go_to_the_oldest
                no_task_is_claimed_twice
                a_clock_set_back_starts_no_task_early
                a_retry_scheduled_by_a_clock_far_ahead_does_not_wait_for_that_time
                a_clock_set_back_by_little_keeps_a_retry_within_its_own_backoff
                a_clock_set_back_leaves_retries_within_their_backoff_alone
            }
            settle {
                a_success_ends_the_task
                a_task_finishes_at_the_end_of_its_execution
                a_task_has_the_usage_of_its_last_execution
                no_task_finishes_after_it_is_recorded
                a_success_clears_earlier_attempts_except_their_count
                a_settle_and_a_claim_in_one_call_are_both_done
                a_task_that_waits_again_wakes_an_idle_worker
                tasks_that_fail_together_are_retried_at_different_times
                processes_that_wait_for_tasks_to_end_are_told
                a_settle_keeps_the_time_a_task_was_scheduled_for
                a_failed_attempt_waits_for_its_backoff_and_is_claimed_again
                a_task_out_of_attempts_has_failed
                every_kind_of_failure_is_recorded_with_its_own_reason
                a_fatal_failure_is_not_retried
                a_returned_task_is_queued_at_once_and_counts_no_attempt
                a_snoozed_task_is_due_at_the_requested_time
                a_repeated_settle_gives_the_same_answer_and_changes_nothing
                a_stale_claim_writes_nothing
                a_reaped_worker_has_lost_its_claims
                a_lost_claim_does_not_affect_the_others_of_its_batch
                output_is_kept_with_the_last_settle_only
                a_long_message_is_cut_between_characters
                settling_nothing_does_nothing
            }
            worker {
                workers_get_the_lowest_free_place
                a_repeated_registration_keeps_its_place
                registered_workers_are_listed_as_they_are
                a_worker_with_claims_stays_registered
                a_queue_whose_worker_has_ended_is_closed_when_it_is_dropped
                the_claims_of_a_worker_are_its_running_tasks
                reap_queues_the_tasks_of_a_dead_worker_again
                a_crash_clears_the_end_of_the_earlier_attempt
                reap_leaves_other_workers_alone
                a_task_that_kills_its_workers_fails_once_its_crashes_are_spent
                crashes_do_not_spend_attempts_nor_attempts_crashes
                reap_cancels_tasks_with_a_cancel_request
                a_heartbeat_gives_the_state_of_each_claim
            }
            cancel {
                cancel_ends_waiting_tasks_at_once
                cancel_asks_the_worker_of_a_running_task
                a_task_that_succeeds_despite_a_cancel_request_has_succeeded
                a_returned_task_with_a_cancel_request_is_not_queued_again
                withdraw_stores_a_reason_until_a_retry
                cancel_refuses_ended_tasks
            }
            retry {
                retry_queues_ended_tasks_with_fresh_budgets
                retry_clears_every_field_of_the_former_end
                attempt_numbers_continue_after_a_retry_and_budgets_begin_again
                a_lost_attempt_keeps_its_number_when_its_task_is_retried
                a_return_that_ends_its_task_keeps_its_number
                the_output_of_each_recent_attempt_is_kept
                a_cancelled_task_can_be_retried_and_is_not_cancelled_again
                retry_refuses_succeeded_and_unfinished_tasks
            }
            hold {
                a_held_task_is_not_claimed_until_it_is_released
                a_hold_and_a_release_tell_what_they_found
                a_released_task_waits_for_its_time
                a_task_can_be_enqueued_held
                a_hold_ends_when_its_task_is_cancelled
                a_retry_that_waits_can_be_held_and_keeps_its_end
                held_tasks_can_be_reprioritized_and_listed
                gauges_count_held_tasks_among_the_blocked_ones
                why_names_a_hold_beside_the_other_reasons
                a_file_with_held_tasks_keeps_every_invariant
            }
            rerun {
                a_rerun_copies_an_ended_task_without_its_key
                a_rerun_tells_what_it_found
                a_copy_can_be_held
            }
            start {
                a_start_lets_a_delayed_task_start_at_once
                a_start_ends_a_backoff_and_keeps_the_attempt
                a_start_of_a_held_task_clears_its_time_alone
                a_start_tells_what_it_found
            }
            edit {
                an_edited_task_runs_as_it_says_now
                an_edit_of_nothing_changes_nothing
                an_edited_time_decides_the_state
                an_edit_tells_what_it_found
                an_edit_that_a_task_cannot_have_changes_no_task
                a_budget_that_is_spent_already_is_refused
                a_task_that_a_newer_version_wrote_is_not_edited
                an_edit_that_loses_the_race_with_a_claim_changes_nothing
            }
            reprioritize {
                reprioritize_moves_waiting_tasks
            }
            pause {
                pause_holds_for_every_handle_and_every_handler
                a_queue_can_be_paused_before_its_first_task
                pause_leaves_running_tasks_running
            }
            ageing {
                a_low_priority_comes_to_run_once_it_has_waited
                a_large_claim_is_in_the_order_of_priority_and_age
                without_ageing_priority_alone_decides_again
                a_task_ages_from_the_time_it_comes_due
                of_very_many_priorities_the_lowest_comes_to_run
                ageing_holds_for_every_handle_and_every_handler
                ageing_can_be_set_before_the_first_task
                a_queue_with_ageing_takes_turns_like_others
                a_paused_queue_with_ageing_gives_nothing
                a_task_that_is_tried_again_ages_anew
                the_order_of_ageing_is_shown
            }
            settings {
                a_setting_holds_for_every_handle_until_it_is_unset
                a_setting_out_of_bounds_is_refused_and_changes_nothing
            }
            get {
                an_unknown_task_is_none
                tasks_come_with_their_outputs_as_they_were_asked_for
                everything_survives_reopening_the_file
                the_change_counter_moves_when_another_handle_commits
            }
            list {
                last_id_is_the_highest_id_ever_given_out
                list_pages_through_all_tasks_newest_first
                list_filters_by_any_set_of_states
                list_finds_few_and_many_waiting_tasks_alike
                list_filters_by_queue_and_name_and_state_together
                a_list_of_any_state_filters_by_queue_name_and_range
                the_tasks_that_failed_last_come_first_whatever_their_ids
                the_next_waiting_tasks_are_in_the_order_they_start_in
                tasks_are_found_by_their_exact_name_and_by_their_key
            }
            stats {
                stats_count_every_state
            }
            queues {
                queues_count_waiting_tasks_by_handler
                tasks_are_counted_by_handler_queue_and_state
                the_backlog_has_the_oldest_task_of_each_queue_with_tasks
            }
            why {
                why_names_the_reason_a_task_waits
                waits_for_names_a_task_that_no_worker_serves
                a_task_between_attempts_waits_for_its_retry
            }
            prune {
                prune_deletes_ended_tasks_and_nothing_else
                prune_of_an_empty_file_deletes_nothing
                prune_keeps_the_highest_id_so_that_none_is_given_twice
                prune_keeps_tasks_that_are_young_enough
                prune_deletes_the_chosen_states_only
                prune_keeps_the_requested_number_of_newest_tasks
                a_dry_prune_counts_and_deletes_nothing
                prune_deletes_outputs_and_frees_keys
                prune_continues_after_its_first_step
                prune_deletes_the_logs_of_deleted_tasks
            }
            version {
                writes_to_a_file_that_a_newer_program_migrated_are_refused
                a_settle_that_waits_for_a_migration_is_refused_after_it
                a_task_that_a_newer_version_wrote_is_set_aside_and_the_others_go_on
                a_task_set_aside_is_taken_back_by_a_worker_that_can_read_it
                a_task_set_aside_is_taken_back_by_a_worker_that_runs_already
                many_tasks_of_a_newer_version_do_not_hold_up_the_others
                a_running_task_of_a_newer_version_is_settled_by_the_fields_this_one_knows
            }
        }
    };
    (@each $engine:ty; $($verb:ident { $($case:ident)* })*) => {
        $(
            mod $verb {
                use super::*;
                $(
                    #[test]
                    fn $case() {
                        $crate::conformance::$verb::$case::<$engine>();
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// A case that is written but not listed would never run.
    #[test]
    fn every_case_is_listed() {
        let files = [
            include_str!("enqueue.rs"),
            include_str!("transaction.rs"),
            include_str!("claim.rs"),
            include_str!("served.rs"),
            include_str!("settle.rs"),
            include_str!("worker.rs"),
            include_str!("cancel.rs"),
            include_str!("retry.rs"),
            include_str!("hold.rs"),
            include_str!("start.rs"),
            include_str!("rerun.rs"),
            include_str!("edit.rs"),
            include_str!("reprioritize.rs"),
            include_str!("pause.rs"),
            include_str!("ageing.rs"),
            include_str!("settings.rs"),
            include_str!("get.rs"),
            include_str!("handlers.rs"),
            include_str!("stats.rs"),
            include_str!("list.rs"),
            include_str!("queues.rs"),
            include_str!("why.rs"),
            include_str!("prune.rs"),
            include_str!("version.rs"),
            include_str!("wait.rs"),
        ];
        let list = include_str!("cases.rs");
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some(rest) = line.strip_prefix("pub fn ") {
                let name = rest.split('<').next().unwrap_or(rest);
                assert!(list.lines().any(|listed| listed.trim() == name), "{name}");
            }
        }
    }
}
