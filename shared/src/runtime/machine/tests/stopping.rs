//! How a worker ends: told to, drained, or because its file became unusable.

use super::super::super::executor::{End, Ending};
use super::super::super::protocol::{Action, Config, Event, Step};
use super::super::Machine;
use super::{at, claimed, ended, limit, outcomes, running, signals};
use crate::clock::BootTime;
use crate::error::Error;
use crate::outcome::{Outcome, Settled};
use crate::state::State;

#[test]
fn a_stopping_worker_hands_back_within_its_grace_time() {
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
    let looks = |action: &Action| matches!(action, Action::LookForRest);
    assert!(step.actions.iter().any(looks));
    let step = machine.step(at(0), [Event::Rest(Ok(true))]);
    assert!(!step.finished, "another worker has something left");
    let step = machine.step(at(500), [Event::Counter(Ok(2))]);
    assert!(limit(&step).is_some());
    let step = machine.step(at(500), [claimed([])]);
    assert!(step.actions.iter().any(looks));
    assert!(machine.step(at(500), [Event::Rest(Ok(false))]).finished);
}

/// It used to learn of that only at its next poll.
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
    let looks = |action: &Action| matches!(action, Action::LookForRest);
    let listens = |step: &Step| {
        step.actions.iter().find_map(|action| {
            if let Action::Listen(listening) = action {
                Some(*listening)
            } else {
                None
            }
        })
    };
    let step = machine.step(at(1), [Event::Rest(Ok(true))]);
    assert_eq!(listens(&step), Some(true));
    assert!(
        step.actions.iter().any(looks),
        "the last task may have ended between the look and the listening"
    );
    let step = machine.step(at(1), [Event::Rest(Ok(true))]);
    assert!(!step.actions.iter().any(looks), "now it waits");
    let step = machine.step(at(2), [Event::TasksSettled]);
    assert!(step.actions.iter().any(looks));
    let step = machine.step(at(2), [Event::Rest(Ok(true)), Event::TasksWaiting]);
    assert_eq!((listens(&step), limit(&step)), (None, Some(1)));
    let step = machine.step(at(3), [claimed([1])]);
    assert_eq!(listens(&step), Some(false), "it has a task of its own");
}
