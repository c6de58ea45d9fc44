//! Tests of a program from outside: processes, signals, files, exit codes. Each case is a function
//! that holds for every program; a program's package turns the cases into tests:
//!
//! ```ignore
//! queue_testing::command_line_tests!(env!("CARGO_BIN_EXE_program"), false);
//! ```

pub mod awaited;
pub mod bad_input;
pub mod committed;
pub mod completions;
pub mod config;
pub mod dashboard;
pub mod dashboard_guards;
pub mod dashboard_load;
pub mod dashboard_services;
pub mod environment;
pub mod full_disk;
pub mod health;
pub mod held_file;
pub mod hints;
pub mod http;
pub mod interrupted_run;
pub mod logs;
pub mod long_running;
pub mod lost_database;
pub mod man;
pub mod metrics;
pub mod orphans;
pub mod other_users;
pub mod output;
pub mod ownership;
pub mod program;
pub mod remedies;
pub mod safekeeping;
pub mod screens;
pub mod service;
pub mod services;
pub mod several_queues;
pub mod shortages;
pub mod shown_run;
pub mod shrinking;
pub mod signals;
pub mod slow_readers;
pub mod steps;
pub mod terminal;
pub mod top;
pub mod worker_control;

pub use program::{UnderTest, under_test};

/// Makes a test of every case, for the program at that path; the second argument is true if `full`
/// is its default durability.
#[macro_export]
macro_rules! command_line_tests {
    ($path:expr, $is_full:expr) => {
        $crate::command_line_tests! { @each ($path, $is_full);
            awaited {
                add_task_with_wait_ends_with_the_exit_code_of_the_task
                failures_of_the_program_have_exit_codes_of_their_own_with_wait
                a_task_cancelled_while_it_is_awaited_has_no_exit_code_to_give
                add_task_with_follow_prints_the_output_of_the_task_as_it_comes
                an_interrupt_ends_the_waiting_and_not_the_task
            }
            bad_input {
                wrong_arguments_are_usage_errors_and_enqueue_nothing
                a_missing_task_range_or_file_is_not_found
                text_that_is_not_utf_8_is_refused_in_arguments_and_lines
                a_file_that_is_not_a_database_is_named_in_the_error
                an_address_is_refused_and_its_password_not_shown
                a_folder_in_place_of_a_file_is_reported_and_the_database_is_still_read
                a_deleted_current_folder_is_named_in_the_error
                a_newer_schema_is_refused_by_every_verb
                a_task_of_a_newer_version_does_not_keep_others_from_running
                no_verb_answers_from_a_damaged_database
                output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_not
                the_exit_code_is_the_same_with_a_closed_pipe
                in_json_an_error_is_one_object_on_standard_error
                a_busy_database_is_reported_as_busy
                a_write_to_a_full_disk_leaves_nothing_half_written
            }
            committed {
                a_change_is_a_success_even_if_it_cannot_be_printed
                a_verb_that_only_prints_fails_if_it_cannot_print
                a_task_is_added_even_if_the_workers_cannot_be_read
            }
            completions {
                bash_completes_verbs_options_values_and_paths
                zsh_completes_verbs_options_values_and_paths
                fish_completes_verbs_options_values_and_paths
            }
            config {
                the_file_gives_defaults_that_variables_and_flags_replace
                config_shows_every_value_with_its_source
                a_wrong_configuration_file_is_refused_with_its_line_and_a_hint
                a_configuration_file_that_others_can_change_is_refused
                no_configuration_file_is_read_from_the_working_folder
            }
            dashboard {
                the_dashboard_prints_its_address_and_ends_at_a_signal
                a_taken_port_a_foreign_address_and_a_missing_file_are_refused_with_a_way_out
                every_page_shows_names_as_text_and_links_relatively
                a_task_is_retried_and_cancelled_by_a_form
                all_tasks_of_a_filter_are_counted_and_then_changed
                a_queue_is_paused_and_resumed_by_a_form
                ended_tasks_are_pruned_after_a_question_that_counts
                tasks_are_enqueued_only_where_that_is_allowed
                a_dashboard_that_only_reads_has_no_actions
                a_change_by_another_program_reaches_the_stream
                output_is_followed_and_downloaded_as_text
            }
            dashboard_guards {
                nobody_sees_anything_without_the_token
                only_known_names_of_the_host_are_answered
                every_answer_has_the_headers_that_keep_pages_apart
                requests_without_bounds_are_refused_and_the_next_one_is_answered
                a_socket_serves_its_owner_alone
            }
            dashboard_load {
                downloads_that_nobody_takes_need_little_memory
                pages_are_shown_while_writes_wait_for_the_file
            }
            dashboard_services {
                services_are_shown_as_systemd_says
                a_service_is_started_stopped_and_restarted_by_a_form
                the_page_of_services_works_below_a_path
                a_systemd_that_is_missing_or_refuses_is_told_in_a_sentence
            }
            environment {
                commands_and_hooks_have_the_environment_of_a_plain_shell
                a_worker_unblocks_signals_that_were_blocked_at_its_start
                every_command_finds_the_same_limit_on_open_files
                a_worker_in_the_background_keeps_neither_a_lock_nor_a_folder
                within_a_task_its_database_is_the_default
                a_shell_is_chosen_for_a_task_a_worker_or_a_file
                merged_output_has_the_order_of_the_writes
                a_variable_without_a_value_has_that_of_the_submitter
                the_environment_of_the_submitter_replaces_that_of_the_worker
                values_of_variables_are_shown_by_show_env_alone
            }
            full_disk {
                commands_go_on_during_a_full_disk_and_outcomes_are_recorded_afterwards
            }
            health {
                a_task_that_no_worker_serves_is_critical_after_a_minute
                a_worker_is_probed_and_a_dead_one_without_another_is_critical
                a_file_that_cannot_be_read_is_unknown_to_a_monitor
            }
            metrics {
                metrics_keep_the_rules_of_both_formats_whatever_the_names_of_queues
                metrics_count_tasks_workers_and_attempts
                a_text_file_is_replaced_as_a_whole_and_others_can_read_it
                a_scraper_sends_the_token_and_chooses_the_format
                a_dashboard_folds_unless_it_only_reads
                the_parsers_of_prometheus_read_both_formats
            }
            held_file {
                a_command_that_ends_in_time_while_the_file_is_held_has_succeeded
                a_timeout_is_enforced_while_the_file_is_held
                a_command_that_ended_while_its_worker_was_stopped_has_not_timed_out
                a_command_that_ended_while_its_worker_was_stopped_during_its_start_has_not_timed_out
                two_signals_end_a_worker_whose_file_is_held_and_it_lists_unrecorded_tasks
            }
            hints {
                every_hint_is_a_command_that_works
                every_tip_about_the_arguments_works_or_is_not_given
                a_quiet_wait_prints_nothing
                log_follow_and_wait_hint_at_a_missing_worker
                cancel_of_a_dead_workers_task_says_that_no_worker_stops_it
                a_due_task_that_no_worker_took_is_reported_as_due
                the_examples_of_the_help_work_with_any_file_name
                an_unused_queue_is_reported_by_workers_and_list
                a_list_of_queues_is_refused_in_place_of_a_new_queue
                a_drain_ends_when_the_rest_needs_a_person_and_names_the_obstacles
                a_drain_waits_for_scheduled_tasks_and_reports_a_long_wait
                a_drain_names_tasks_of_unregistered_programs
            }
            interrupted_run {
                a_killed_run_goes_on_where_it_was
                a_stopped_run_returns_its_tasks_and_reports_the_rest
                a_run_runs_and_counts_only_the_lines_of_its_file
                many_failures_are_counted_and_can_be_listed
                removed_lines_are_cancelled_and_queued_again_when_they_are_back
                failed_lines_run_again_only_with_retry_failed
                lines_that_moved_do_not_run_again
                lines_cancelled_by_a_person_run_again_only_with_retry_failed
                a_moved_file_counts_as_another_unless_both_runs_have_one_name
                a_pipe_is_read_once_and_known_by_its_content
                byte_order_mark_and_crlf_are_not_part_of_a_line
                the_hint_names_the_file_by_a_path_that_is_found
                an_edited_line_keeps_its_identity
            }
            shown_run {
                the_output_of_ended_lines_is_shown_by_task
                shown_output_is_whole_with_a_slow_reader_and_a_closed_pipe_stops_no_line
                a_run_that_halts_soon_starts_nothing_after_a_failure
                a_run_that_halts_now_ends_running_lines_which_run_again_later
                the_name_or_an_option_decides_the_form_of_the_lines
            }
            long_running {
                wait_ends_with_the_tasks_and_its_exit_code_tells_whether_all_succeeded
                wait_with_a_timeout_names_unfinished_tasks_and_has_its_own_exit_code
                a_closed_terminal_stops_a_worker_as_a_request_does
                reading_verbs_create_no_folder
                wait_ends_when_a_task_is_cancelled
                cancel_ends_a_running_task_with_all_its_processes
                a_stopped_worker_lets_its_task_finish_and_takes_no_other
                a_background_worker_is_registered_before_its_pid_is_printed
                a_background_worker_that_cannot_start_says_why
                the_name_of_a_task_cannot_change_the_command_of_a_hook
                a_draining_worker_waits_for_retries
                a_hook_runs_for_a_task_that_failed_because_its_worker_died
            }
            logs {
                follow_prints_output_while_the_task_runs_and_ends_with_it
                follow_goes_on_over_attempts_and_repeats_nothing
                the_last_attempt_is_shown_whether_it_is_stored_in_a_file_or_a_row
                the_log_of_an_attempt_has_only_its_own_output
                a_retry_leaves_the_logs_of_the_attempts_before_it
                the_output_of_the_last_ten_attempts_is_kept
                a_running_attempt_is_shown_neither_as_ended_nor_as_crashed
                the_two_streams_are_kept_apart
                outputs_of_several_tasks_have_headings
                a_line_of_the_log_marks_missing_output
                a_command_that_ended_in_time_is_not_timed_out_by_its_output
                prune_deletes_logs_with_their_tasks
                a_log_up_to_its_bound_is_whole_and_of_a_longer_one_beginning_and_end_are_kept
                follow_keeps_its_place_while_a_log_runs_over_its_bound
                the_log_of_a_killed_worker_is_whole_up_to_its_end
                the_oldest_logs_are_shortened_once_all_exceed_their_total
                follow_begins_with_the_last_lines_and_shows_later_attempts_whole
                a_log_that_was_removed_for_the_total_is_mentioned
            }
            man {
                every_verb_has_a_manual_page
            }
            orphans {
                a_command_that_cleans_its_environment_is_ended_before_it_runs_again
                a_daemon_of_an_ended_task_outlives_its_worker
                a_worker_that_a_task_left_in_the_background_is_not_ended
                a_worker_that_is_a_tasks_command_ends_with_the_task
                the_first_process_of_a_container_reaps_orphans_and_forwards_signals
                a_task_whose_processes_are_in_another_pid_namespace_is_not_run_beside_them
            }
            other_users {
                a_task_is_not_run_beside_its_process_of_another_user
                a_process_that_cannot_be_ended_at_a_timeout_or_stop_is_reported_and_holds_its_task
                a_command_of_another_user_is_reported_at_a_stop_and_not_run_twice
                a_cancelled_task_waits_for_its_process_of_another_user
            }
            ownership {
                files_that_root_creates_do_not_lock_out_the_owner
                a_worker_log_and_a_restored_database_belong_to_the_owner
                a_database_created_beside_an_earlier_folder_belongs_to_its_owner
                doctor_names_files_that_lock_out_the_owner_and_the_command_that_helps
                root_runs_nothing_from_a_file_that_others_can_change_without_trust_file
                root_runs_its_own_database_in_a_sticky_folder
                a_worker_of_another_user_warns_once_and_goes_on
                root_follows_no_link_that_a_user_planted
            }
            remedies {
                the_error_of_a_damaged_database_names_commands_that_work
                the_commands_name_the_file_that_the_error_is_about
                the_error_of_a_file_without_a_queue_names_commands_that_work
                the_error_of_a_busy_database_names_the_command_that_shows_its_holder
                the_error_of_a_deleted_database_names_the_command_that_restores_a_backup
                the_error_of_an_unconfirmed_write_names_the_command_that_checks
                a_finding_of_doctor_names_commands_that_work
            }
            safekeeping {
                every_backup_made_while_a_worker_runs_is_a_whole_database
                a_restore_is_refused_while_a_worker_runs_and_returns_running_tasks
                doctor_repair_returns_tasks_of_dead_workers_and_ends_their_commands
                a_draining_worker_removes_dead_workers
                tasks_of_unregistered_programs_are_returned_only_with_unregistered
                doctor_names_a_process_that_holds_a_write_transaction
                an_unreadable_page_loses_only_its_own_rows
                salvage_saves_the_rest_of_a_truncated_file
                a_restore_killed_at_any_system_call_leaves_the_old_database_or_the_new_one
                a_backup_killed_at_any_system_call_leaves_the_old_backup_or_the_new_one
                a_refused_salvage_leaves_no_files_and_names_the_right_program
            }
            screens {
                every_report_fits_its_terminal_and_holds_no_control_character
                without_a_verb_the_program_shows_what_runs_failed_and_waits
                a_watched_report_is_drawn_in_place_until_ctrl_c
                a_watch_prints_a_line_of_json_every_second
            }
            service {
                systemd_is_notified_when_the_worker_is_ready_alive_and_stopping
                a_unit_file_has_the_options_of_its_worker
                systemd_accepts_the_unit_file_with_any_path
                install_and_uninstall_leave_nothing_behind
            }
            services {
                a_service_is_added_and_started
                all_services_are_shown_with_one_call_of_systemd
                a_service_is_stopped_started_and_removed
                a_service_is_replaced_only_when_asked
                only_services_of_this_file_are_touched
                a_refusal_of_systemd_is_told_in_a_sentence
                odd_services_are_refused_in_a_sentence
                systemd_accepts_the_unit_of_a_service_with_any_words
                systemd_accepts_every_character_of_words_and_variables
                marks_of_systemd_before_a_program_are_part_of_its_name
            }
            several_queues {
                a_worker_runs_the_tasks_of_all_its_queues
                a_worker_of_all_queues_leaves_the_lines_of_run
                slots_are_kept_for_a_queue_while_others_have_tasks
                more_kept_slots_than_there_are_is_a_usage_error
                the_queues_of_a_worker_are_shown_with_their_slots
                the_advice_for_a_name_that_ends_in_a_number_names_that_queue
                a_drain_names_the_obstacles_of_every_queue
            }
            shortages {
                too_few_descriptors_fail_no_task
                too_few_processes_fail_no_task
            }
            output {
                control_characters_never_reach_the_terminal_through_a_table_or_a_message
                json_gives_back_exactly_what_was_enqueued
                on_a_terminal_only_colours_pass_except_with_raw
                common_options_may_come_before_or_after_the_verb
                the_connection_has_the_durability_asked_for
                doctor_shows_the_settings_of_a_writer_and_changes_nothing
                the_default_database_is_under_xdg_data_home
                status_before_the_first_task_shows_empty_queues_and_creates_nothing
                help_has_no_markup_and_names_this_program
                help_shows_every_argument_and_the_form_of_json
                doctor_reports_a_clock_set_back_without_a_problem
                a_hundred_thousand_lines_are_enqueued_in_one_transaction
            }
            shrinking {
                shrink_frees_pruned_space_and_keeps_all_else
                shrink_is_refused_while_another_process_has_the_database_open
                tables_whose_rowids_may_change_are_named_and_need_force
                shrink_refuses_a_file_without_a_queue
                a_shrink_killed_at_any_call_that_writes_leaves_the_same_content
            }
            signals {
                exit_codes_survive_a_worker_that_was_started_with_sigchld_ignored
                printing_does_not_stop_a_worker_in_the_background_of_a_terminal
                printing_does_not_stop_a_run_in_the_background_of_a_terminal
                a_task_that_reads_from_a_terminal_does_not_stop_its_worker
                a_run_answers_ctrl_z_with_a_sentence_and_goes_on
                a_second_interrupt_ends_a_run_at_once
            }
            top {
                top_shows_the_file_and_its_keys_steer_it
                top_gives_the_terminal_back_at_ctrl_c_and_at_signals
                top_ends_with_its_terminal
                another_size_of_the_terminal_is_drawn_at_once
                top_has_no_colours_unless_they_are_wanted
            }
            worker_control {
                a_living_worker_gets_more_and_fewer_slots
                impossible_numbers_of_slots_are_refused_with_a_sentence
                a_request_that_a_stopped_worker_does_not_take_is_reported
                a_worker_stops_gracefully_and_at_once_at_a_second_request
                a_second_worker_in_the_background_is_not_started_unless_asked_for
            }
            steps {
                an_interrupted_verb_reports_its_progress_and_continues_when_repeated
            }
            lost_database {
                a_worker_whose_database_was_deleted_or_replaced_finishes_its_task_and_reports_it
                an_end_recorded_in_a_just_deleted_file_is_reported
                a_worker_whose_folder_was_deleted_records_its_task_and_ends
                an_idle_worker_whose_database_was_deleted_ends
                a_restore_is_not_taken_for_a_replaced_file
            }
            slow_readers {
                hooks_that_do_not_end_delay_neither_tasks_nor_signals
                a_hook_that_takes_too_long_is_ended_and_the_others_run
                messages_that_nobody_reads_delay_neither_tasks_nor_signals
                a_worker_answers_ctrl_z_with_a_sentence
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
            let is_tool = ["program.rs", "terminal.rs"]
                .iter()
                .any(|tool| path.ends_with(tool));
            if path.extension().is_none_or(|end| end != "rs") || is_tool {
                continue;
            }
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                // Functions with parameters are parts of cases.
                if let Some(rest) = line.strip_prefix("pub fn ")
                    && let Some((name, _)) = rest.split_once("()")
                {
                    let is_listed = list.lines().any(|listed| listed.trim() == name);
                    assert!(is_listed, "{}: {name}", path.display());
                    cases += 1;
                }
            }
        }
        assert!(cases > 100, "only {cases} cases were found");
    }
}
