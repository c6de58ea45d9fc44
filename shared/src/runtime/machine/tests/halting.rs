//! A worker that stops at the first task that fails.

use super::super::super::end::{End, Ending};
use super::super::super::protocol::{Config, Event, Halt};
use super::super::Machine;
use super::{at, claimed, ended, limit, signals, started, starts};
use crate::outcome::Settled;
use crate::state::State;

fn halting(halt: Halt, ids: &[i64]) -> Machine {
    let config = Config {
        slots: ids.len(),
        halt: Some(halt),
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    machine.step(at(0), []);
    let step = machine.step(at(0), [claimed(ids.iter().copied())]);
    assert_eq!(starts(&step), ids);
    machine.step(at(0), ids.iter().map(|id| started(*id, 0)));
    machine
}

fn recorded(state: State) -> Event {
    Event::Settled(Ok(vec![Settled::Recorded(state)]))
}

/// The settle of the failed task claimed the next one, which started after all.
#[test]
fn nothing_is_claimed_with_the_record_of_a_failure() {
    let mut machine = halting(Halt::Soon, &[1]);
    let step = machine.step(at(1), [ended(1, End::Exited(1))]);
    assert_eq!(limit(&step), None);
    let step = machine.step(at(1), [recorded(State::Failed)]);
    assert_eq!(limit(&step), None);
    assert!(step.finished);
}

#[test]
fn a_failure_that_is_retried_and_a_success_stop_nothing() {
    for (end, state) in [
        (End::Exited(1), State::Scheduled),
        (End::Exited(0), State::Succeeded),
    ] {
        let mut machine = halting(Halt::Now, &[1]);
        let first = machine.step(at(1), [ended(1, end)]);
        let second = machine.step(at(1), [recorded(state)]);
        assert!(!second.finished);
        assert!(limit(&first).or(limit(&second)).is_some(), "{state}");
    }
}

#[test]
fn running_tasks_finish_after_a_soft_halt_however_long_they_take() {
    let mut machine = halting(Halt::Soon, &[1, 2]);
    machine.step(at(1), [ended(1, End::Exited(1))]);
    machine.step(at(1), [recorded(State::Failed)]);
    let step = machine.step(at(900), []);
    assert!(!step.finished && signals(&step).is_empty());
    machine.step(at(900), [ended(2, End::Exited(0))]);
    assert!(machine.step(at(900), [recorded(State::Succeeded)]).finished);
}

#[test]
fn running_tasks_are_ended_by_a_hard_halt() {
    let mut machine = halting(Halt::Now, &[1, 2]);
    machine.step(at(1), [ended(1, End::Exited(1))]);
    let step = machine.step(at(1), [recorded(State::Failed)]);
    assert!(!step.finished);
    assert_eq!(signals(&step), [(2, Ending::Terminate)]);
    let step = machine.step(at(10_000), []);
    assert_eq!(signals(&step), [(2, Ending::Kill)]);
}
