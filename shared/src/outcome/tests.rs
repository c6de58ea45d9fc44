//! Single verdicts, and properties of all verdicts.

use proptest::prelude::*;

use super::{Outcome, Reason, RunningRow, decide, decide_crash};
use crate::clock::Timestamp;
use crate::options::TaskOptions;
use crate::state::State;

const NOW: Timestamp = Timestamp(1_000_000);

fn running(options: &TaskOptions) -> RunningRow<'_> {
    RunningRow {
        attempt: 1,
        attempt_base: 0,
        crashes: 1,
        cancel_requested: false,
        options,
    }
}

#[test]
fn a_verdict_keeps_the_attempt_and_gives_the_crash_back() {
    let options = TaskOptions::default();
    let verdict = decide(Outcome::Succeeded, running(&options), NOW, 0);
    assert_eq!(verdict.state, State::Succeeded);
    assert_eq!((verdict.attempt, verdict.crashes), (1, 0));
    assert_eq!(verdict.exit_code, Some(0));
}

#[test]
fn a_failed_attempt_waits_for_its_backoff_until_none_is_left() {
    let options = TaskOptions::default();
    let mut row = running(&options);
    let verdict = decide(Outcome::Exited { code: 7 }, row, NOW, 0);
    assert_eq!(verdict.state, State::Scheduled);
    assert!(verdict.run_at.is_some_and(|at| at > NOW));
    row.attempt = options.max_attempts;
    let verdict = decide(Outcome::Exited { code: 7 }, row, NOW, 0);
    assert_eq!(verdict.state, State::Failed);
    assert_eq!(verdict.exit_code, Some(7));
    assert_eq!(verdict.reason, Some(Reason::Exit));
}

#[test]
fn fatal_and_unlisted_exit_codes_are_not_retried() {
    let fatal = TaskOptions {
        fatal_codes: vec![2],
        ..TaskOptions::default()
    };
    let listed = TaskOptions {
        retry_codes: vec![75],
        ..TaskOptions::default()
    };
    let state = |options, code| decide(Outcome::Exited { code }, running(options), NOW, 0).state;
    assert_eq!(state(&fatal, 2), State::Failed);
    assert_eq!(state(&fatal, 3), State::Scheduled);
    assert_eq!(state(&listed, 75), State::Scheduled);
    assert_eq!(state(&listed, 1), State::Failed);
}

#[test]
fn a_fatal_error_of_a_handler_is_not_retried() {
    let options = TaskOptions::default();
    let state = |fatal| {
        let message = "no".to_owned();
        let outcome = Outcome::HandlerFailed { message, fatal };
        decide(outcome, running(&options), NOW, 0).state
    };
    assert_eq!(state(true), State::Failed);
    assert_eq!(state(false), State::Scheduled);
}

#[test]
fn codes_of_reasons_lead_back_to_them_and_words_tell_them_apart() {
    let mut words = Vec::new();
    for (place, reason) in (1..).zip(Reason::ALL) {
        assert_eq!(reason.code(), place);
        assert_eq!(Reason::from_code(place), Some(reason));
        assert!(!words.contains(&reason.as_str()), "{reason:?}");
        words.push(reason.as_str());
    }
    assert_eq!(Reason::from_code(0), None);
}

#[test]
fn a_hand_back_counts_as_neither_attempt_nor_crash() {
    let options = TaskOptions::default();
    let verdict = decide(Outcome::Returned, running(&options), NOW, 0);
    assert_eq!(verdict.state, State::Queued);
    assert_eq!((verdict.attempt, verdict.crashes), (0, 0));
}

#[test]
fn a_crash_keeps_the_crash_and_gives_the_attempt_back() {
    let options = TaskOptions::default();
    let mut row = running(&options);
    let verdict = decide_crash(row);
    assert_eq!(verdict.state, State::Queued);
    assert_eq!((verdict.attempt, verdict.crashes), (0, 1));
    row.crashes = options.max_crashes;
    assert_eq!(decide_crash(row).state, State::Failed);
}

#[test]
fn a_requested_cancel_beats_retry_but_not_success() {
    let options = TaskOptions::default();
    let row = RunningRow {
        cancel_requested: true,
        ..running(&options)
    };
    let outcome = |outcome| decide(outcome, row, NOW, 0).state;
    assert_eq!(outcome(Outcome::Signalled { signal: 15 }), State::Cancelled);
    assert_eq!(outcome(Outcome::Returned), State::Cancelled);
    assert_eq!(outcome(Outcome::Succeeded), State::Succeeded);
    assert_eq!(decide_crash(row).state, State::Cancelled);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let message = || "said".to_owned();
    prop_oneof![
        Just(Outcome::Succeeded),
        (1..256).prop_map(|code| Outcome::Exited { code }),
        (1..65).prop_map(|signal| Outcome::Signalled { signal }),
        Just(Outcome::TimedOut),
        Just(Outcome::NotStarted { message: message() }),
        any::<bool>().prop_map(move |fatal| Outcome::HandlerFailed {
            message: message(),
            fatal
        }),
        Just(Outcome::Panicked { message: message() }),
        Just(Outcome::Returned),
        prop_oneof![Just(NOW.0), any::<i64>()].prop_map(|until| Outcome::Snoozed {
            until: Timestamp(until)
        }),
    ]
}

proptest! {
    #[test]
    fn every_verdict_is_a_transition_within_the_budgets(
        outcome in any_outcome(),
        spent in 1..6_u32, attempt_base in 0..6_u32, crashes in 1..6_u32, cancel_requested: bool,
        retry_codes in proptest::collection::vec(1..256, 0..3),
        random: u64,
    ) {
        let options = TaskOptions { retry_codes, ..TaskOptions::default() };
        let attempt = attempt_base + spent;
        let row = RunningRow { attempt, attempt_base, crashes, cancel_requested, options: &options };
        let verdict = decide(outcome.clone(), row, NOW, random);
        prop_assert!(State::Running.can_become(verdict.state));
        prop_assert_eq!(verdict.run_at.is_some(), verdict.state == State::Scheduled);
        prop_assert!(verdict.run_at.is_none_or(|at| NOW < at && at <= Timestamp::MAX));
        prop_assert_eq!(verdict.crashes, crashes - 1, "it ended with its worker alive");
        let uncounted = matches!(outcome, Outcome::Returned | Outcome::Snoozed { .. });
        let is_given_back = uncounted && verdict.state.is_waiting();
        prop_assert_eq!(verdict.attempt, attempt - u32::from(is_given_back));
        let ended = outcome == Outcome::Succeeded;
        prop_assert_eq!(verdict.state == State::Succeeded, ended);
        prop_assert_eq!(verdict.state == State::Cancelled, cancel_requested && !ended);
        let said = verdict.reason == Some(Reason::Cancel);
        prop_assert_eq!(said, verdict.state == State::Cancelled);
        if verdict.state.is_waiting() && !uncounted {
            prop_assert!(spent < options.max_attempts);
        }
    }

    #[test]
    fn a_crash_spends_the_crash_budget_alone(
        attempt in 0..6_u32, crashes in 1..9_u32, cancel_requested: bool,
    ) {
        let options = TaskOptions::default();
        let row =
            RunningRow { attempt, attempt_base: 0, crashes, cancel_requested, options: &options };
        let verdict = decide_crash(row);
        let spent = crashes >= options.max_crashes;
        prop_assert_eq!(verdict.state == State::Cancelled, cancel_requested);
        prop_assert_eq!(verdict.state == State::Failed, spent && !cancel_requested);
        prop_assert_eq!((verdict.attempt, verdict.crashes), (attempt.saturating_sub(1), crashes));
    }
}
