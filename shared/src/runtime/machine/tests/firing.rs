//! Times at which a worker fires schedules.

use super::super::super::protocol::{Action, Config, Event, Step};
use super::super::Machine;
use super::{at, claimed, wall_at};
use crate::claim::Claims;
use crate::clock::BootTime;
use crate::error::Error;

fn fires(step: &Step) -> bool {
    step.actions
        .iter()
        .any(|action| matches!(action, Action::Fire))
}

fn machine(drain: bool) -> Machine {
    let config = Config {
        drain,
        ..Config::default()
    };
    Machine::new(config, at(0))
}

#[test]
fn a_worker_fires_at_its_start_and_then_at_the_time_it_was_told() {
    let mut machine = machine(false);
    assert!(fires(&machine.step(at(0), [])));
    let next = Event::Fired(Ok(Some(at(700).wall)));
    let step = machine.step(at(10), [next, claimed([])]);
    assert!(!fires(&step));
    assert_eq!(step.wake_at, Some(BootTime(700)));
    assert!(!fires(&machine.step(at(699), [])));
    assert!(fires(&machine.step(at(700), [])));
}

#[test]
fn a_worker_without_a_free_slot_fires_too() {
    let mut machine = machine(false);
    machine.step(at(0), []);
    machine.step(at(1), [Event::Fired(Ok(Some(at(500).wall))), claimed([1])]);
    assert!(fires(&machine.step(at(500), [])));
}

#[test]
fn an_earlier_time_that_a_claim_finds_counts() {
    let mut machine = machine(false);
    machine.step(at(0), []);
    let earlier = Event::Claimed(Ok(Claims {
        next_firing: Some(at(100).wall),
        ..Claims::default()
    }));
    machine.step(at(1), [Event::Fired(Ok(Some(at(500).wall))), earlier]);
    assert!(fires(&machine.step(at(100), [])));
}

#[test]
fn a_change_of_the_file_and_a_clock_set_back_have_the_file_asked_again() {
    let mut machine = machine(false);
    machine.step(at(0), []);
    machine.step(at(1), [Event::Fired(Ok(None)), claimed([])]);
    machine.step(at(100), [Event::Counter(Ok(0))]);
    machine.step(at(200), [Event::Fired(Ok(None))]);
    assert!(!fires(&machine.step(at(300), [Event::Counter(Ok(0))])));
    assert!(fires(&machine.step(at(400), [Event::Counter(Ok(1))])));
    machine.step(at(500), [Event::Fired(Ok(None))]);
    assert!(fires(&machine.step(wall_at(600, -60_000), [])));
}

#[test]
fn a_refused_call_is_repeated_after_a_pause() {
    let mut machine = machine(false);
    machine.step(at(0), []);
    let refused = Event::Fired(Err(Error::Busy {
        what: "busy".to_owned(),
    }));
    machine.step(at(1), [refused, claimed([])]);
    assert!(!fires(&machine.step(at(1_000), [])));
    assert!(fires(&machine.step(at(1_001), [])));
}

#[test]
fn a_worker_that_drains_or_stops_fires_nothing() {
    let mut draining = machine(true);
    assert!(!fires(&draining.step(at(0), [])));
    let mut stopping = machine(false);
    stopping.step(at(0), []);
    stopping.step(at(1), [Event::Fired(Ok(Some(at(500).wall))), claimed([1])]);
    stopping.step(at(2), [Event::Stop]);
    assert!(!fires(&stopping.step(at(600), [])));
}
