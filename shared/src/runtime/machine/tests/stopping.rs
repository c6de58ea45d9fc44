//! Ends of a worker: stopped, drained, or because its file became unusable.

use std::time::Duration;

use super::super::super::drain::{Hold, NextDue, Obstacle, Remaining};
use super::super::super::end::{End, Ending};
use super::super::super::protocol::{Action, Config, Event, Step, WorkerEvent};
use super::super::Machine;
use super::{at, claimed, ended, idle, limit, outcomes, running, signals, starts, task};
use crate::claim::Claims;
use crate::clock::BootTime;
use crate::error::Error;
use crate::outcome::{Outcome, Settled};
use crate::state::State;
use crate::task::TaskId;

fn recorded() -> Event {
    Event::Settled(Ok(vec![Settled::Recorded(State::Succeeded)]))
}

#[test]
fn a_stopping_worker_returns_its_tasks_within_its_grace_time() {
    let mut machine = running(&[1, 2]);
    let step = machine.step(at(10), [Event::Stop]);
    assert_eq!(signals(&step), [], "tasks may finish first");
    let step = machine.step(at(20), [ended(1, End::Exited(0))]);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
    let recorded = vec![Settled::Recorded(State::Succeeded)];
    let step = machine.step(at(20), [Event::Settled(Ok(recorded))]);
    assert_eq!(limit(&step), None);
    let end = BootTime(10).after(Config::default().grace);
    let mut seen = Vec::new();
    let mut now = at(900);
    while seen.len() < 2 {
        let step = machine.step(now, []);
        seen.extend(signals(&step));
        now = at(step.wake_at.unwrap().0.max(now.boot.0 + 1));
        assert!(now.boot <= end.after(Config::default().poll), "{seen:?}");
    }
    assert_eq!(seen, [(2, Ending::Terminate), (2, Ending::Kill)]);
    assert!(now.boot <= end.after(Config::default().poll));
}

#[test]
fn a_second_stop_ends_everything_at_once() {
    let mut machine = running(&[1]);
    let step = machine.step(at(10), [Event::Stop, Event::Stop]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    let step = machine.step(at(11), [ended(1, End::Signalled(9))]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    let recorded = vec![Settled::Recorded(State::Queued)];
    let step = machine.step(at(11), [Event::Settled(Ok(recorded))]);
    assert!(step.finished);
    assert!(machine.take_error().is_none());
}

#[test]
fn an_unusable_database_ends_the_worker_after_its_children() {
    let mut machine = running(&[1]);
    let broken = Error::invalid("broken");
    let step = machine.step(at(1), [Event::Counter(Err(broken))]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    assert!(!step.finished);
    assert!(machine.step(at(2), [ended(1, End::Signalled(9))]).finished);
    assert!(machine.take_error().is_some());
}

#[test]
fn a_draining_worker_ends_when_nothing_is_left_anywhere() {
    let config = Config {
        drain: true,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    machine.step(at(0), []);
    machine.step(at(0), [claimed([])]);
    let step = machine.step(at(0), [claimed([])]);
    let looks = |action: &Action| matches!(action, Action::CheckRemaining);
    assert!(step.actions.iter().any(looks));
    let step = machine.step(at(0), [Event::Remaining(Ok(Remaining::Proceeds))]);
    assert!(!step.finished, "another worker has something left");
    let step = machine.step(at(500), [Event::Counter(Ok(2))]);
    assert!(limit(&step).is_some());
    let step = machine.step(at(500), [claimed([])]);
    assert!(step.actions.iter().any(looks));
    assert!(
        machine
            .step(at(500), [Event::Remaining(Ok(Remaining::Nothing))])
            .finished
    );
}

/// Before, it noticed only at its next poll.
#[test]
fn a_draining_worker_ends_as_soon_as_another_one_has_settled_the_last_task() {
    let config = Config {
        drain: true,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    for event in [None, Some(claimed([])), Some(claimed([]))] {
        machine.step(at(0), event);
    }
    let looks = |action: &Action| matches!(action, Action::CheckRemaining);
    let listens = |step: &Step| {
        step.actions.iter().find_map(|action| {
            if let Action::Listen(listening) = action {
                Some(*listening)
            } else {
                None
            }
        })
    };
    let step = machine.step(at(1), [Event::Remaining(Ok(Remaining::Proceeds))]);
    assert_eq!(listens(&step), Some(true));
    assert!(
        step.actions.iter().any(looks),
        "the last task may have ended between the look and the listening"
    );
    let step = machine.step(at(1), [Event::Remaining(Ok(Remaining::Proceeds))]);
    assert!(!step.actions.iter().any(looks), "now it waits");
    let step = machine.step(at(2), [Event::TasksSettled]);
    assert!(step.actions.iter().any(looks));
    let step = machine.step(
        at(2),
        [
            Event::Remaining(Ok(Remaining::Proceeds)),
            Event::TasksWaiting,
        ],
    );
    assert_eq!((listens(&step), limit(&step)), (None, Some(1)));
    let step = machine.step(at(3), [claimed([1])]);
    assert_eq!(listens(&step), Some(false), "it has a task of its own");
}

/// Signals to the task with their times, after a stop request at 10.
fn ended_by_a_stop(grace: Duration) -> Vec<(i64, Ending)> {
    let config = Config {
        grace,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    machine.step(at(0), []);
    let mut endless = task(1);
    endless.options.timeout_ms = None;
    let claims = Claims {
        tasks: vec![endless],
        next_due: None,
        ..Claims::default()
    };
    machine.step(at(0), [Event::Claimed(Ok(claims))]);
    let mut now = at(10);
    let mut step = machine.step(now, [Event::Stop]);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let next = step.wake_at.unwrap().0;
        assert!((now.boot.0 + 1..60_000).contains(&next), "{next} {seen:?}");
        now = at(next);
        step = machine.step(now, []);
        let ending = signals(&step).into_iter().map(|(_, ending)| ending);
        seen.extend(ending.map(|ending| (now.boot.0, ending)));
    }
    seen
}

#[test]
fn the_last_part_of_the_grace_time_lies_between_term_and_kill() {
    let ends = |term, kill| [(term, Ending::Terminate), (kill, Ending::Kill)];
    assert_eq!(
        ended_by_a_stop(Duration::from_secs(10)),
        ends(8_010, 10_010)
    );
    assert_eq!(ended_by_a_stop(Duration::from_secs(1)), ends(510, 1_010));
}

#[test]
fn outcomes_of_a_stop_may_be_recorded_for_five_seconds_after_the_kill() {
    let mut machine = running(&[1]);
    machine.step(at(0), [Event::Stop]);
    let stubborn = Config::default().grace + Duration::from_secs(4);
    let end = BootTime(0).after(stubborn).0;
    machine.step(at(8_000), []);
    machine.step(at(10_000), []);
    machine.step(at(end), [ended(1, End::Signalled(9))]);
    let step = machine.step(at(end), [Event::Settled(Err(super::busy()))]);
    assert!(!step.finished);
    assert!(!machine.step(at(end + 4_999), []).finished);
    assert!(machine.step(at(end + 5_000), []).finished);
}

/// It left its command running, and its outcome to recovery.
#[test]
fn a_worker_that_was_stopped_before_it_could_kill_waits_for_the_end() {
    let mut machine = running(&[1]);
    machine.step(at(0), [Event::Stop]);
    machine.step(at(8_000), []);
    let step = machine.step(at(10_000), []);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    assert_eq!(step.wake_at, Some(BootTime(10_000)));
    // The signal is sent only now.
    assert!(!machine.step(at(60_000), []).finished);
    assert!(!machine.attend(at(60_001), []).finished);
    let step = machine.step(at(60_002), [ended(1, End::Signalled(9))]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    assert!(machine.step(at(60_003), [recorded()]).finished);
}

/// No signal ends a process that waits for a device.
#[test]
fn a_command_that_does_not_die_is_waited_for_no_longer_than_the_last_writes() {
    let mut machine = running(&[1]);
    machine.step(at(0), [Event::Stop]);
    machine.step(at(8_000), []);
    machine.step(at(10_000), []);
    let step = machine.step(at(10_001), []);
    assert!(!step.finished && step.wake_at.unwrap() <= BootTime(15_001));
    assert!(machine.step(at(15_001), []).finished);
}

#[test]
fn each_stop_request_is_reported_with_the_number_of_running_tasks() {
    let told = |step: &Step| {
        step.actions.iter().find_map(|action| {
            if let Action::Report(WorkerEvent::Stopping { running, at_once }) = action {
                Some((*running, *at_once))
            } else {
                None
            }
        })
    };
    let mut machine = running(&[1, 2]);
    assert_eq!(told(&machine.step(at(1), [Event::Stop])), Some((2, false)));
    assert_eq!(told(&machine.step(at(2), [Event::Stop])), Some((2, true)));
    assert_eq!(told(&machine.step(at(3), [Event::Stop])), Some((2, true)));
}

#[test]
fn tasks_claimed_before_the_stop_are_returned_and_no_wake_is_kept() {
    let mut machine = super::machine(1);
    machine.step(at(0), [claimed([])]);
    let step = machine.step(at(1), [Event::TasksWaiting]);
    assert_eq!(limit(&step), Some(1));
    let step = machine.step(at(2), [Event::Stop]);
    assert_eq!(idle(&step), Some(false));
    let step = machine.step(at(3), [claimed([1])]);
    assert_eq!((starts(&step), idle(&step)), (Vec::new(), None));
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    let recorded = vec![Settled::Recorded(State::Queued)];
    let step = machine.step(at(3), [Event::Settled(Ok(recorded))]);
    assert!(step.finished && step.wake_at.is_none());
    assert!(!machine.has_drained(), "it was told to");
}

#[test]
fn a_stopping_worker_does_not_wake_for_tasks_that_come_due() {
    let due = || {
        Event::Claimed(Ok(Claims {
            tasks: vec![task(1)],
            next_due: Some(at(300).wall),
            ..Claims::default()
        }))
    };
    let mut machine = super::machine(2);
    let step = machine.step(at(0), [due()]);
    assert_eq!(starts(&step), [1]);
    let step = machine.step(at(0), [claimed([])]);
    assert!(step.wake_at > Some(at(300).boot), "the last answer counts");
    let mut machine = super::machine(2);
    machine.step(at(0), [due()]);
    let step = machine.step(at(1), [super::started(1, 0), Event::Stop]);
    assert_eq!(step.wake_at, Some(at(1_000).boot), "that is its timeout");
    assert_eq!(limit(&machine.step(at(300), [])), None);
}

#[test]
fn only_a_worker_that_found_no_task_left_has_drained() {
    let machine = |drain| {
        let config = Config {
            drain,
            ..Config::default()
        };
        let mut machine = Machine::new(config, at(0));
        for event in [None, Some(claimed([])), Some(claimed([]))] {
            machine.step(at(0), event);
        }
        machine
    };
    let mut drained = machine(true);
    assert!(!drained.has_drained());
    assert!(
        drained
            .step(at(1), [Event::Remaining(Ok(Remaining::Nothing))])
            .finished
    );
    assert!(drained.has_drained());
    let mut lasting = machine(false);
    assert!(
        !lasting
            .step(at(1), [Event::Remaining(Ok(Remaining::Nothing))])
            .finished
    );
    assert!(!lasting.has_drained());
    let mut stopped = machine(true);
    let step = stopped.step(
        at(1),
        [Event::Remaining(Ok(Remaining::Nothing)), Event::Stop],
    );
    assert!(step.finished && !stopped.has_drained());
    let mut broken = machine(true);
    let events = [
        Event::Remaining(Ok(Remaining::Nothing)),
        Event::Counter(Err(Error::invalid("broken"))),
    ];
    assert!(broken.step(at(1), events).finished && !broken.has_drained());
}

/// Drained machine that has read the remaining tasks.
fn looked(rest: Remaining) -> (Machine, Step) {
    let config = Config {
        drain: true,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    for event in [None, Some(claimed([])), Some(claimed([]))] {
        machine.step(at(0), event);
    }
    let step = machine.step(at(1), [Event::Remaining(Ok(rest))]);
    (machine, step)
}

fn told(step: &Step) -> Vec<&WorkerEvent> {
    let mut told = Vec::new();
    for action in &step.actions {
        if let Action::Report(event) = action {
            told.push(event);
        }
    }
    told
}

/// It waited for hours without a report, and for ever if nobody resumed the queue.
#[test]
fn a_draining_worker_reports_a_long_wait_once_and_leaves_tasks_that_need_a_person() {
    let due = |millis| {
        let at = at(millis).wall;
        let name = "later".to_owned();
        let task = TaskId(7);
        NextDue { task, name, at }
    };
    let (_, step) = looked(Remaining::Due(due(60_001)));
    assert!(!step.finished && told(&step).is_empty(), "it is a minute");
    let (mut machine, step) = looked(Remaining::Due(due(60_002)));
    assert!(!step.finished);
    assert_eq!(told(&step), [&WorkerEvent::Waiting(due(60_002))]);
    let step = machine.step(at(2), [Event::Remaining(Ok(Remaining::Due(due(90_000))))]);
    assert!(told(&step).is_empty(), "it is said once");
    let obstacles = vec![Obstacle {
        what: Hold::Paused,
        queue: "default".to_owned(),
        tasks: 1,
        task: TaskId(7),
    }];
    let (machine, step) = looked(Remaining::Held(obstacles.clone()));
    assert!(step.finished && machine.has_drained());
    assert_eq!(told(&step), [&WorkerEvent::Left(obstacles)]);
}

#[test]
fn a_draining_worker_out_of_work_reads_the_remaining_tasks_and_repeats_a_refused_read() {
    let looks = |step: &Step| {
        let looks = |action: &Action| matches!(action, Action::CheckRemaining);
        step.actions.iter().any(looks)
    };
    let config = Config {
        drain: true,
        slots: 2,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    assert!(!looks(&machine.step(at(0), [])), "it wants to claim");
    assert!(!looks(&machine.step(at(0), [claimed([1])])));
    assert!(!looks(&machine.step(at(0), [claimed([])])), "it runs one");
    let step = machine.step(at(1), [ended(1, End::Exited(0))]);
    assert!(!looks(&step), "one is not recorded yet");
    assert!(looks(&machine.step(at(1), [recorded()])));
    assert!(looks(
        &machine.step(at(2), [Event::Remaining(Err(super::busy()))])
    ));
    assert!(!looks(&machine.step(at(3), [])), "it waits for the answer");
    let mut lasting = running(&[1]);
    lasting.step(at(1), [ended(1, End::Exited(0))]);
    for event in [recorded(), claimed([]), claimed([])] {
        assert!(!looks(&lasting.step(at(1), [event])));
    }
}

#[test]
fn the_first_error_is_the_one_that_ended_the_worker() {
    let mut machine = running(&[1]);
    let broken = |what: &str| Event::Counter(Err(Error::invalid(what)));
    machine.step(at(1), [broken("the first"), broken("the second")]);
    let error = machine.take_error().unwrap().to_string();
    assert!(error.contains("the first"), "{error}");
}
