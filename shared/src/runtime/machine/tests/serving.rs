//! A worker of several queues.

use std::sync::Arc;

use super::super::super::protocol::{Action, ClaimSlots, Config, Event, Step};
use super::super::Machine;
use super::{at, ended, limit, starts, task};
use crate::claim::{ClaimedTask, Claims};
use crate::outcome::Settled;
use crate::runtime::end::End;
use crate::served::{ServedQueue, ServedQueues};
use crate::state::State;

/// Machine with four slots, of which two are kept for mail.
fn machine() -> Machine {
    let config = Config {
        slots: 4,
        ..Config::default()
    };
    let mail = ServedQueue::new("mail").reserving(2);
    let served = ServedQueues::named([mail, ServedQueue::new("build")]);
    Machine::new(config, at(0)).serving(served)
}

fn slots(step: &Step) -> Option<&ClaimSlots> {
    step.actions.iter().find_map(|action| {
        if let Action::Claim(slots) | Action::SettleAndClaim { slots, .. } = action {
            Some(slots)
        } else {
            None
        }
    })
}

fn claimed(tasks: &[(i64, &str)], left: bool) -> Event {
    let task = |(id, queue): &(i64, &str)| ClaimedTask {
        queue: Arc::from(*queue),
        ..task(*id)
    };
    Event::Claimed(Ok(Claims {
        tasks: tasks.iter().map(task).collect(),
        after: Some("build".into()),
        left,
        ..Claims::default()
    }))
}

fn wakes(step: &Step) -> usize {
    let wakes = |action: &&Action| matches!(action, Action::WakeAnother);
    step.actions.iter().filter(wakes).count()
}

#[test]
fn slots_in_use_of_a_queue_are_not_kept_again() {
    let mut machine = machine();
    let first = machine.step(at(0), []);
    let slots_of = |step: &Step| slots(step).cloned().unwrap();
    assert_eq!(slots_of(&first).kept, [2, 0]);
    let step = machine.step(
        at(0),
        [claimed(&[(1, "mail"), (2, "build"), (3, "build")], true)],
    );
    let expected = ClaimSlots {
        limit: 1,
        free: 1,
        kept: vec![1, 0],
        after: Some("build".into()),
    };
    assert_eq!(slots_of(&step), expected);
}

/// The worker is marked as idle for the sake of the kept slots. Without the note that tasks were
/// left, it would claim them only at its next poll.
#[test]
fn a_task_that_was_left_is_claimed_once_a_shared_slot_is_free() {
    let mut machine = machine();
    machine.step(at(0), []);
    let step = machine.step(at(0), [claimed(&[(1, "build"), (2, "build")], true)]);
    assert_eq!((starts(&step), wakes(&step)), (vec![1, 2], 1));
    let step = machine.step(at(0), [claimed(&[], true)]);
    assert_eq!(limit(&step), None, "only slots of mail are free");
    assert_eq!(
        wakes(&step),
        0,
        "two such workers would wake each other for ever"
    );
    let step = machine.step(at(1), [ended(1, End::Exited(0))]);
    assert_eq!(slots(&step).map(|slots| slots.free), Some(3));
    let settled = Event::Settled(Ok(vec![Settled::Recorded(State::Succeeded)]));
    let step = machine.step(at(1), [settled, claimed(&[(3, "build")], false)]);
    assert_eq!(starts(&step), [3]);
    let step = machine.step(at(1), [claimed(&[], false)]);
    assert_eq!(limit(&step), None);
    let step = machine.step(at(2), [ended(2, End::Exited(0))]);
    assert_eq!(limit(&step), None, "nothing was left");
}

fn registers(step: &Step) -> Option<u32> {
    step.actions.iter().find_map(|action| {
        if let Action::Register(slots) = action {
            Some(*slots)
        } else {
            None
        }
    })
}

#[test]
fn more_slots_are_filled_at_once_and_registered_until_that_is_recorded() {
    let mut machine = super::running(&[1]);
    machine.step(at(0), [super::claimed([])]);
    let step = machine.step(at(5), [Event::Slots(3)]);
    assert_eq!((limit(&step), registers(&step)), (Some(2), Some(3)));
    let refused = Event::Registered(Err(super::busy()));
    let step = machine.step(at(5), [refused, super::claimed([2])]);
    assert_eq!(registers(&step), None);
    let again = step.wake_at.unwrap();
    let step = machine.step(at(again.0), []);
    assert_eq!(registers(&step), Some(3));
    machine.step(at(again.0), [Event::Registered(Ok(0))]);
    assert_eq!(registers(&machine.step(at(again.0 + 9_000), [])), None);
}

#[test]
fn running_tasks_beyond_fewer_slots_go_on_and_are_not_replaced() {
    let mut machine = super::running(&[1, 2, 3]);
    let step = machine.step(at(5), [Event::Slots(1)]);
    assert_eq!((super::signals(&step), registers(&step)), (vec![], Some(1)));
    for id in [1, 2] {
        let step = machine.step(at(6), [ended(id, End::Exited(0))]);
        assert_eq!(limit(&step), None, "{id} had a slot too many");
        let settled = Event::Settled(Ok(vec![Settled::Recorded(State::Succeeded)]));
        assert_eq!(limit(&machine.step(at(6), [settled])), None);
    }
    let step = machine.step(at(7), [ended(3, End::Exited(0))]);
    assert_eq!(limit(&step), Some(1));
}

#[test]
fn fewer_slots_than_queues_keep_are_refused() {
    let mut machine = machine();
    machine.step(at(0), []);
    for slots in [0, 1, 2, 4] {
        let step = machine.step(at(1), [Event::Slots(slots)]);
        assert_eq!(registers(&step), None, "{slots}");
    }
    assert_eq!(registers(&machine.step(at(1), [Event::Slots(3)])), Some(3));
}
