//! Times at which a worker reads the counter, checks its peers and claims tasks.

use std::time::Duration;

use super::super::super::end::End;
use super::super::super::protocol::{Action, Config, Event, Step};
use super::super::Machine;
use super::{at, claimed, ended, limit, outcomes, running, wall_at};
use crate::claim::Claims;
use crate::clock::Timestamp;
use crate::outcome::{Outcome, Settled};
use crate::state::State;

fn does(step: &Step, wanted: impl Fn(&Action) -> bool) -> bool {
    step.actions.iter().any(wanted)
}

fn reads_counter(step: &Step) -> bool {
    does(step, |action| matches!(action, Action::ReadCounter))
}

fn looks_at_peers(step: &Step) -> bool {
    does(step, |action| matches!(action, Action::LookAtPeers))
}

/// Times at which it reads the counter, and at which it checks its peers, if stepped only at its
/// wake times.
fn times(poll: Duration, until: i64) -> (Vec<i64>, Vec<i64>) {
    let config = Config {
        poll,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    let (mut counter, mut peers) = (Vec::new(), Vec::new());
    let mut now = 0;
    while now < until {
        let step = machine.step(at(now), []);
        if reads_counter(&step) {
            counter.push(now);
        }
        if looks_at_peers(&step) {
            peers.push(now);
        }
        assert!(step.wake_at > Some(at(now).boot));
        now = step.wake_at.unwrap().0;
    }
    (counter, peers)
}

#[test]
fn the_counter_is_read_at_every_poll_and_with_every_check_of_peers() {
    let (counter, peers) = times(Duration::from_millis(800), 4_500);
    assert_eq!(counter, [0, 800, 1_600, 2_000, 2_800, 3_600, 4_000]);
    assert_eq!(peers, [0, 2_000, 4_000]);
    let (counter, peers) = times(Duration::from_secs(60), 5_000);
    assert_eq!(
        (counter, peers),
        (vec![0, 2_000, 4_000], vec![0, 2_000, 4_000])
    );
}

#[test]
fn peers_are_checked_at_once_when_they_change_and_soon_when_another_process_recovers_one() {
    let mut machine = running(&[1]);
    assert!(!looks_at_peers(&machine.step(at(500), [])));
    assert!(looks_at_peers(
        &machine.step(at(500), [Event::PeersChanged])
    ));
    let step = machine.step(at(500), [Event::PeerTaken]);
    assert!(!looks_at_peers(&step));
    assert_eq!(step.wake_at, Some(at(600).boot));
    assert!(!looks_at_peers(&machine.step(at(599), [])));
    assert!(looks_at_peers(&machine.step(at(600), [])));
}

#[test]
fn a_changed_counter_causes_a_claim_and_a_check_of_running_tasks() {
    let asks = |step: &Step| does(step, |action| matches!(action, Action::CheckClaims(_)));
    let mut machine = super::machine(2);
    let step = machine.step(at(0), [Event::Counter(Ok(1))]);
    assert!(!asks(&step), "nothing runs");
    machine.step(at(0), [claimed([1])]);
    machine.step(at(0), [claimed([])]);
    machine.step(at(0), [claimed([])]);
    let step = machine.step(at(1), [Event::Counter(Ok(1))]);
    assert_eq!((asks(&step), limit(&step)), (false, None));
    let step = machine.step(at(2), [Event::Counter(Ok(2))]);
    assert_eq!((asks(&step), limit(&step)), (true, Some(1)));
}

#[test]
fn no_more_than_a_batch_is_claimed_at_a_time() {
    let config = Config {
        slots: 5,
        batch: 2,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    assert_eq!(limit(&machine.step(at(0), [])), Some(2));
    let step = machine.step(at(0), [claimed([1, 2])]);
    assert_eq!(limit(&step), Some(2), "a full batch: more may wait");
    let step = machine.step(at(0), [claimed([3, 4])]);
    assert_eq!(limit(&step), Some(1), "a slot is left");
}

#[test]
fn a_task_that_returns_to_the_queue_causes_a_claim_and_one_that_ended_does_not() {
    for (state, expected) in [
        (State::Queued, Some(1)),
        (State::Scheduled, Some(1)),
        (State::Failed, None),
        (State::Succeeded, None),
    ] {
        let mut machine = running(&[1]);
        // The claim that goes with the settle finds nothing, twice: then the worker is marked as
        // idle.
        machine.step(at(1), [ended(1, End::Exited(1))]);
        let recorded = || Event::Settled(Ok(vec![Settled::Recorded(state)]));
        machine.step(at(1), [Event::Settled(Ok(Vec::new())), claimed([])]);
        machine.step(at(1), [claimed([])]);
        let step = machine.step(at(2), [recorded()]);
        assert_eq!(limit(&step), expected, "{state:?}");
    }
}

#[test]
fn a_task_that_could_not_be_started_is_settled_as_not_started() {
    let mut machine = running(&[1]);
    let event = |id| Event::NotStarted {
        claim: super::task(id).claim,
        error: "no such directory".to_owned().into(),
    };
    let step = machine.step(at(1), [event(2)]);
    assert_eq!(outcomes(&step), [], "nobody claimed it");
    let step = machine.step(at(1), [event(1)]);
    let message = "no such directory".to_owned();
    assert_eq!(outcomes(&step), [Outcome::NotStarted { message }]);
}

/// An engine whose clock lags behind returns a due time that has passed for the worker, and does
/// not claim the task yet.
#[test]
fn a_due_task_that_was_not_claimed_is_claimed_after_a_pause() {
    let due = |millis| {
        Event::Claimed(Ok(Claims {
            tasks: Vec::new(),
            next_due: Some(at(millis).wall),
            ..Claims::default()
        }))
    };
    let mut machine = super::machine(1);
    machine.step(at(0), [claimed([])]);
    let step = machine.step(at(50), [due(40)]);
    assert_eq!(limit(&step), None);
    assert_eq!(step.wake_at, Some(at(70).boot));
    assert_eq!(limit(&machine.step(at(69), [])), None);
    assert_eq!(limit(&machine.step(at(70), [])), Some(1));
}

#[test]
fn a_small_step_back_of_the_clock_causes_no_claim() {
    let back = |by: i64| {
        let mut machine = super::machine(1);
        machine.step(at(0), [claimed([])]);
        machine.step(at(0), [claimed([])]);
        let now = wall_at(10, 10 - by);
        assert_eq!(now.wall, Timestamp(at(10).wall.0 - by));
        let step = machine.step(now, []);
        (
            limit(&step),
            does(&step, |action| matches!(action, Action::Report(_))),
        )
    };
    assert_eq!(back(5_000), (None, false));
    assert_eq!(back(5_001), (Some(1), true));
    assert_eq!(back(-90_000), (None, false));
}
