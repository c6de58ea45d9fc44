//! A program as its users meet it: processes, signals, files, exit codes. Each case is a function
//! that holds for every program; a program's package turns them into tests of its own:
//!
//! ```ignore
//! queue_testing::command_line_tests!(env!("CARGO_BIN_EXE_program"), false);
//! ```

pub mod bad_input;
pub mod committed;
pub mod completions;
pub mod environment;
pub mod full_disk;
pub mod held;
pub mod hints;
pub mod interrupted_run;
pub mod lasting;
pub mod logs;
pub mod orphans;
pub mod other_users;
pub mod ownership;
pub mod program;
pub mod remedies;
pub mod safekeeping;
pub mod service;
pub mod shortages;
pub mod shown;
pub mod shrinking;
pub mod signals;
pub mod steps;
pub mod taken_away;
pub mod unhurried;

pub use program::{UnderTest, under_test};

/// Makes a test of every case, for the program of that path; the second argument says whether it
/// writes at `full` durability unless told otherwise.
#[macro_export]
macro_rules! command_line_tests {
    ($path:expr, $is_full:expr) => {
        $crate::command_line_tests! { @each ($path, $is_full);
            bad_input {
                wrong_arguments_are_usage_errors_and_enqueue_nothing
                what_does_not_exist_is_not_found
                text_that_is_not_utf_8_is_refused_in_arguments_and_lines
                a_file_that_is_no_usable_database_is_said_to_be
                an_address_is_refused_and_its_password_not_shown
                a_folder_in_the_way_is_said_to_be_and_the_database_still_read
                a_current_folder_that_was_deleted_is_said_to_be
                a_newer_schema_is_refused_by_every_verb
                a_task_that_a_newer_version_wrote_keeps_nothing_else_from_running
                a_damaged_database_is_never_answered_from
                output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none
                a_verdict_does_not_depend_on_whether_anybody_reads
                in_json_an_error_is_one_object_on_standard_error
                a_busy_database_is_said_to_be_busy
                a_write_that_finds_no_room_leaves_nothing_half_written
            }
            committed {
                what_was_done_is_no_failure_because_it_cannot_be_printed
                what_only_shows_something_fails_if_it_cannot_be_printed
                a_task_is_added_though_nobody_can_tell_who_works
            }
            completions {
                bash_completes_verbs_options_values_and_paths
                zsh_completes_verbs_options_values_and_paths
                fish_completes_verbs_options_values_and_paths
            }
            environment {
                a_command_and_a_hook_find_what_a_plain_shell_has_however_their_worker_was_started
                a_worker_heeds_signals_that_it_was_started_with_blocked
                under_a_lowered_limit_every_command_finds_the_same
                a_worker_in_the_background_keeps_neither_a_lock_nor_a_folder
                within_a_task_its_database_is_the_default
                a_shell_is_chosen_for_a_task_a_worker_or_a_file
                merged_output_has_the_order_of_the_writes
            }
            full_disk {
                a_full_disk_kills_nothing_and_what_has_ended_is_recorded_once_there_is_room
            }
            held {
                a_command_that_ends_in_time_while_the_file_is_held_has_succeeded
                a_timeout_is_enforced_while_the_file_is_held
                a_command_that_ended_while_its_worker_was_stopped_is_not_judged_by_that
                a_command_that_ended_while_its_worker_was_stopped_in_its_start_is_not_judged_by_that
                two_requests_end_a_worker_whose_file_is_held_and_it_says_what_it_could_not_record
            }
            hints {
                every_hint_is_a_call_that_works
                every_tip_about_the_arguments_works_or_is_not_given
                a_quiet_wait_says_nothing_at_all
                to_follow_a_task_that_nobody_runs_hints_at_a_worker_as_to_wait_does
                to_cancel_what_a_dead_worker_left_says_that_nobody_heeds_it
                a_task_that_is_due_and_that_nobody_took_is_said_to_have_been_due
                the_examples_of_the_help_work_with_any_file_name
                a_queue_that_nobody_has_used_is_told_by_whoever_is_to_serve_it
                a_list_of_queues_is_refused_wherever_a_queue_would_come_to_be
                a_drain_ends_when_all_that_is_left_needs_a_person_and_names_that
                a_drain_waits_for_what_is_scheduled_and_says_so_where_that_takes_long
                a_drain_names_what_a_program_that_is_no_worker_has
            }
            interrupted_run {
                a_killed_run_goes_on_where_it_was
                a_stopped_run_hands_back_and_says_how_much_is_left
                only_the_lines_of_the_file_are_worked_and_judged
                of_many_failures_the_rest_is_counted_and_can_be_listed
                waiting_lines_that_were_edited_away_are_cancelled_and_come_back_with_their_text
                failed_lines_run_again_only_if_that_is_asked_for
                lines_that_moved_do_not_run_again
                what_was_cancelled_on_purpose_runs_only_if_that_is_asked_for
                a_moved_file_is_another_one_unless_a_name_says_otherwise
                what_comes_through_a_pipe_is_read_once_and_known_by_what_it_says
                a_mark_of_byte_order_and_crlf_are_no_part_of_a_line
                the_hint_names_the_file_by_a_path_that_is_found
            }
            lasting {
                wait_ends_when_the_tasks_have_and_says_whether_all_succeeded
                wait_with_a_timeout_says_what_has_not_ended_with_a_code_of_its_own
                a_closed_terminal_stops_a_worker_as_a_request_does
                what_only_reads_makes_no_folder
                wait_hears_of_a_task_that_is_called_off
                cancel_ends_a_running_task_with_all_its_processes
                a_stopped_worker_lets_its_task_finish_and_takes_no_other
                a_worker_in_the_background_is_there_when_its_pid_is_printed
                a_background_worker_that_cannot_start_says_why
                what_a_task_is_called_cannot_change_what_a_hook_runs
                a_drained_worker_waits_for_retries_and_tells_of_failures
                a_hook_hears_of_a_task_that_fails_because_its_worker_died
            }
            logs {
                follow_shows_what_is_written_while_the_task_runs_and_ends_with_it
                follow_goes_on_over_attempts_and_repeats_nothing
                the_last_attempt_is_shown_whether_it_was_kept_in_a_file_or_not
                an_attempt_is_shown_only_what_it_wrote_itself
                a_retry_leaves_the_logs_of_the_attempts_before_it
                of_many_attempts_the_last_ten_are_kept
                what_has_not_happened_is_not_shown
                both_streams_are_told_apart
                the_outputs_of_several_tasks_are_told_apart
                where_output_is_missing_a_line_of_the_log_says_so
                a_command_that_ended_in_time_is_not_timed_out_by_its_output
                logs_go_with_their_tasks
            }
            orphans {
                a_command_that_cleans_its_environment_is_ended_before_it_runs_again
                what_an_ended_task_left_running_outlives_its_worker
                a_worker_that_a_task_left_in_the_background_is_nobodys_orphan
                a_worker_that_is_a_tasks_command_ends_with_the_task
                the_first_process_of_a_container_waits_for_what_others_left_and_hands_signals_on
                a_task_whose_processes_are_in_another_pid_namespace_is_not_run_beside_them
            }
            other_users {
                a_task_is_not_run_beside_a_process_of_another_user_that_it_left
                what_cannot_be_ended_at_a_timeout_or_a_stop_is_told_and_its_task_waits_for_it
                a_command_that_is_another_users_itself_is_told_at_a_stop_and_not_run_beside
                a_cancelled_task_of_which_another_users_process_lives_is_cancelled_once_that_has_ended
            }
            ownership {
                root_leaves_nothing_that_locks_the_owner_of_the_database_out
                a_log_and_a_restored_database_are_the_owners_too
                a_database_made_beside_the_folder_of_an_earlier_one_is_its_owners
                doctor_names_what_keeps_the_owner_out_and_the_command_that_helps
                root_runs_nothing_from_what_others_can_change_unless_told_to_trust_it
                root_runs_what_lies_in_a_sticky_folder_if_it_is_roots
                a_worker_of_anybody_else_warns_once_and_goes_on
                root_makes_and_changes_nothing_through_a_link_that_a_user_planted
            }
            remedies {
                a_damaged_database_is_told_with_the_commands_that_help
                the_commands_name_the_file_that_the_error_is_about
                a_file_that_holds_no_queue_is_told_with_the_commands_that_help
                a_busy_database_is_told_with_the_command_that_names_who_holds_it
                a_deleted_database_is_told_with_the_command_that_puts_a_backup_there
                a_write_that_the_disk_did_not_confirm_is_told_with_the_command_that_checks
                a_finding_is_told_with_the_commands_that_help
            }
            safekeeping {
                every_backup_made_while_a_worker_runs_is_a_whole_database
                a_restore_waits_for_nobody_and_returns_what_ran
                repair_returns_the_tasks_of_the_dead_and_ends_their_commands
                a_worker_that_drains_leaves_no_dead_one_behind
                what_no_worker_claimed_is_returned_only_when_that_is_asked_for
                doctor_names_who_writes_and_does_not_finish
                a_page_that_cannot_be_read_costs_its_own_rows_and_no_others
                of_a_file_that_was_cut_off_what_is_left_is_saved
                a_restore_killed_at_any_such_call_leaves_the_old_database_or_the_new_one
                a_backup_killed_at_any_such_call_leaves_the_earlier_one_or_its_own
                a_salvage_that_is_refused_leaves_nothing_behind_and_names_the_right_program
            }
            service {
                systemd_hears_when_the_worker_is_ready_well_and_stopping
                a_unit_runs_commands_as_the_worker_would_that_it_was_asked_for
                systemd_accepts_the_unit_whatever_the_path
                install_and_uninstall_leave_nothing_behind
            }
            shortages {
                too_few_descriptors_fail_no_task
                too_few_processes_fail_no_task
            }
            shown {
                what_a_terminal_would_obey_never_reaches_it_through_a_table_or_a_message
                json_gives_back_exactly_what_was_enqueued
                on_a_terminal_output_is_neutralised_unless_raw_is_asked_for
                the_options_of_every_verb_may_stand_before_or_after_it
                the_durability_asked_for_is_that_of_the_connection
                doctor_shows_what_a_writer_has_and_changes_nothing
                without_option_and_variable_the_database_lies_under_xdg_data_home
                before_the_first_task_status_shows_nothing_to_do_and_creates_nothing
                help_is_in_plain_words_and_about_this_program
                help_shows_every_argument_and_what_json_is_printed
                doctor_tells_of_a_clock_that_was_set_back_and_finds_no_problem_in_it
                a_hundred_thousand_lines_are_enqueued_in_one_go
            }
            shrinking {
                what_was_pruned_is_given_back_and_all_else_is_kept
                nobody_else_may_have_the_database_open
                tables_whose_rowids_may_change_are_named_and_need_force
                what_is_no_queue_is_left_alone
                a_shrink_killed_at_any_call_that_writes_leaves_the_same_content
            }
            signals {
                a_worker_in_the_background_of_a_terminal_is_not_stopped_by_what_it_prints
                a_run_in_the_background_of_a_terminal_is_not_stopped_by_what_it_prints
                a_task_that_reads_from_a_terminal_stops_no_worker_in_the_background
                a_run_answers_a_request_to_suspend_with_a_sentence_and_goes_on
                a_second_interrupt_ends_a_run_at_once
            }
            steps {
                an_interrupted_verb_says_how_far_it_came_and_goes_on_when_repeated
            }
            taken_away {
                a_worker_whose_database_was_taken_away_lets_its_task_finish_and_says_what_is_lost
                what_is_recorded_in_a_file_that_was_just_deleted_is_listed
                a_worker_whose_folder_was_deleted_records_what_it_ran_and_leaves
                an_idle_worker_whose_database_was_deleted_ends
                a_restore_is_no_theft
            }
            unhurried {
                hooks_that_do_not_end_hold_up_neither_tasks_nor_signals
                a_hook_that_takes_too_long_is_ended_and_the_others_have_their_turn
                messages_that_nobody_reads_hold_up_neither_tasks_nor_signals
                a_request_to_suspend_is_answered_with_a_sentence
            }
        }
    };
    (@each $program:tt; $($subject:ident { $($case:ident)* })*) => {
        mod command_line {
            $(
                mod $subject {
                    $(
                        #[test]
                        fn $case() {
                            $crate::command_line_tests! { @run $program $subject $case }
                        }
                    )*
                }
            )*
        }
    };
    (@run ($path:expr, $is_full:expr) $subject:ident $case:ident) => {
        $crate::command_line::under_test($crate::command_line::UnderTest {
            path: $path,
            is_full: $is_full,
        });
        $crate::command_line::$subject::$case();
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A case that is written but not listed would never run.
    #[test]
    fn every_case_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command_line");
        let completions = folder.join("completions");
        let list = include_str!("mod.rs");
        let mut cases = 0;
        for entry in [folder, completions]
            .iter()
            .flat_map(|folder| folder.read_dir().unwrap())
        {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "rs") || path.ends_with("program.rs") {
                continue;
            }
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                if let Some(rest) = line.strip_prefix("pub fn ") {
                    let name = rest.split('(').next().unwrap();
                    let is_listed = list.lines().any(|listed| listed.trim() == name);
                    assert!(is_listed, "{}: {name}", path.display());
                    cases += 1;
                }
            }
        }
        assert!(cases > 100, "only {cases} cases were found");
    }
}
