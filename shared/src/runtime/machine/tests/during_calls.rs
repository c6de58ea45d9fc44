//! Events while a call on the file is under way.

use super::super::super::end::{End, Ended, Ending};
use super::super::super::protocol::{Action, Event, Step, WorkerEvent};
use super::{at, busy, claimed, ended, limit, outcomes, running, signals, started, starts, task};
use crate::clock::BootTime;
use crate::outcome::{Outcome, Settled};
use crate::state::State;
use crate::usage::Usage;

fn ended_at(id: i64, millis: i64) -> Event {
    Event::Ended(Ended {
        claim: task(id).claim,
        end: End::Exited(0),
        at: BootTime(millis),
        output: None,
        usage: Usage::default(),
    })
}

fn recorded(count: usize) -> Event {
    Event::Settled(Ok(vec![Settled::Recorded(State::Succeeded); count]))
}

/// Reported durations in milliseconds.
fn took(step: &Step) -> Vec<u128> {
    let took = step.actions.iter().filter_map(|action| {
        if let Action::Report(WorkerEvent::Ended { took, .. }) = action {
            Some(took.as_millis())
        } else {
            None
        }
    });
    took.collect()
}

/// Bug: while the file was held, ends of commands were not taken in, and the first look afterwards
/// judged them by its own time. Loss: a task of one second that had exited with 0 ended as failed
/// by its timeout, or ran twice. Fix: ends are taken in while a call is under way.
#[test]
fn a_command_that_ends_while_the_file_is_held_is_not_judged_by_when_the_file_is_free() {
    let mut machine = running(&[1, 2]);
    let step = machine.step(at(500), [ended_at(1, 500)]);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
    let step = machine.attend(at(900), [ended_at(2, 900)]);
    assert!(step.actions.is_empty(), "nothing is asked of the file");
    let step = machine.step(at(4_500), [recorded(1)]);
    assert_eq!(took(&step), [500]);
    assert_eq!(
        outcomes(&step),
        [Outcome::Succeeded],
        "only the other is left"
    );
    assert_eq!(took(&machine.step(at(4_501), [recorded(1)])), [900]);
}

#[test]
fn an_end_seen_together_with_its_deadline_counts() {
    let mut machine = running(&[1]);
    assert_eq!(machine.deadline(), Some(BootTime(1_000)));
    let step = machine.attend(at(60_000), [ended_at(1, 400)]);
    assert_eq!(signals(&step), []);
    assert_eq!(
        outcomes(&machine.step(at(60_000), [])),
        [Outcome::Succeeded]
    );
}

/// Bug: the end of a command's output is awaited, and a request in that time counted as the reason
/// why the command had ended. Loss: a task that had succeeded timed out, or ran again after a stop.
/// Fix: only a request before the end counts.
#[test]
fn a_request_after_an_end_does_not_change_the_outcome() {
    let mut machine = running(&[1, 2]);
    let step = machine.step(at(1_000), []);
    assert_eq!(signals(&step).len(), 2, "both are over their time");
    let step = machine.attend(at(1_500), [ended_at(1, 999), ended_at(2, 1_000)]);
    assert!(step.actions.is_empty());
    let step = machine.step(at(1_500), []);
    assert_eq!(outcomes(&step), [Outcome::Succeeded, Outcome::TimedOut]);
    let mut machine = running(&[1]);
    machine.step(at(500), [Event::Stop, Event::Stop]);
    let step = machine.step(at(600), [ended_at(1, 499)]);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
}

#[test]
fn timeouts_and_requests_to_stop_do_not_wait_for_the_file() {
    let mut machine = running(&[1, 2]);
    machine.step(at(900), [ended(2, End::Exited(0))]);
    let step = machine.attend(at(1_000), []);
    assert_eq!(signals(&step), [(1, Ending::Terminate)]);
    let step = machine.attend(at(1_001), [Event::Stop, Event::Stop]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    assert!(!step.finished);
    let step = machine.attend(at(1_002), [ended(1, End::Signalled(9))]);
    assert!(!step.finished && step.wake_at == Some(BootTime(6_002)));
    assert!(machine.attend(at(6_002), []).finished, "its time is over");
    let left: Vec<_> = machine
        .unrecorded()
        .into_iter()
        .map(|one| one.outcome)
        .collect();
    assert_eq!(left, [Some(Outcome::Succeeded), Some(Outcome::TimedOut)]);
}

#[test]
fn tasks_claimed_while_the_worker_was_told_to_stop_are_returned() {
    let mut machine = super::machine(2);
    machine.attend(at(1), [Event::Stop]);
    let step = machine.step(at(2), [claimed([1])]);
    assert_eq!(starts(&step), [] as [i64; 0]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    assert_eq!(limit(&step), None);
}

#[test]
fn outcomes_that_come_while_others_are_refused_are_kept_in_order() {
    let mut machine = running(&[1, 2]);
    machine.step(at(10), [ended_at(1, 10)]);
    machine.attend(at(20), [ended_at(2, 20)]);
    let step = machine.step(at(30), [Event::Settled(Err(busy()))]);
    assert!(outcomes(&step).is_empty(), "a pause first");
    let step = machine.step(at(60), []);
    assert_eq!(outcomes(&step).len(), 2);
    assert_eq!(took(&machine.step(at(61), [recorded(2)])), [10, 20]);
}

#[test]
fn a_timeout_counts_from_the_start_of_the_task() {
    let mut machine = super::machine(1);
    let step = machine.step(at(0), [claimed([1])]);
    assert_eq!(starts(&step), [1]);
    assert_eq!(machine.deadline(), None);
    let step = machine.step(at(5_000), [started(1, 4_990)]);
    let told = |action: &Action| matches!(action, Action::Report(WorkerEvent::Started { .. }));
    assert!(step.actions.iter().any(told));
    assert_eq!(machine.deadline(), Some(BootTime(5_990)));
    machine.step(at(5_200), [ended_at(1, 5_090)]);
    assert_eq!(took(&machine.step(at(5_201), [recorded(1)])), [100]);
}

#[test]
fn a_command_that_survives_its_kill_is_left_behind_and_reported() {
    let mut machine = running(&[1]);
    let step = machine.step(at(10), [Event::Stop, Event::Stop]);
    assert_eq!(step.wake_at, Some(BootTime(10)));
    assert!(machine.step(at(10), []).wake_at > Some(BootTime(10)));
    assert!(!machine.step(at(5_009), []).finished);
    assert!(machine.step(at(5_010), []).finished);
    let left = machine.unrecorded();
    assert_eq!((left.len(), &left[0].outcome), (1, &None));
}

#[test]
fn a_short_grace_time_leaves_a_second_for_the_last_writes() {
    use super::super::super::protocol::Config;
    use std::time::Duration;
    let config = Config {
        grace: Duration::ZERO,
        ..Config::default()
    };
    let mut machine = super::Machine::new(config, at(0));
    machine.step(at(0), []);
    machine.step(at(0), [claimed([1]), started(1, 0)]);
    machine.step(at(10), [Event::Stop, Event::Stop]);
    machine.step(at(20), [ended(1, End::Signalled(9))]);
    assert!(
        !machine
            .step(at(1_019), [Event::Settled(Err(busy()))])
            .finished
    );
    assert!(machine.step(at(1_020), []).finished);
}

/// Bug: a worker that was stopped for long and then continued took its deadlines for passed, and
/// left executions that it had ended at that moment. Loss: processes without a worker. Fix: the
/// time to record outcomes begins with the KILL.
#[test]
fn a_worker_that_was_suspended_gives_tasks_that_it_kills_late_time_to_be_recorded() {
    let mut machine = running(&[1]);
    machine.step(at(10), [Event::Stop]);
    machine.step(at(8_010), []);
    let step = machine.step(at(600_000), []);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    assert!(!step.finished);
    let step = machine.step(at(600_001), [ended(1, End::Signalled(9))]);
    assert!(!step.finished && !outcomes(&step).is_empty());
}
