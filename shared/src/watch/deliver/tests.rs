use std::sync::Arc;

use proptest::prelude::*;

use super::{
    Action, Deliveries, HookChange, HookProgress, Input, LONGEST_DELAY, Letter, MOST_TRIES, delay,
};
use crate::clock::Timestamp;
use crate::journal::{Cursor, EventKind};

const HOOK: i64 = 7;

fn at(seq: i64) -> Cursor {
    let mut cursor = Cursor::start(0);
    cursor.seq = seq;
    cursor
}

fn letter(seq: i64) -> Arc<Letter> {
    Arc::new(Letter {
        after: at(seq),
        kind: EventKind::Failed,
        id: format!("0-{seq}"),
        body: String::new(),
    })
}

/// A file with one hook, whose every change is recorded at once.
struct File {
    machine: Deliveries,
    stored: HookProgress,
    now: Timestamp,
    /// Chosen events, and the end of the log.
    events: Vec<i64>,
    end: i64,
    under_way: Option<Arc<Letter>>,
    again: Option<i64>,
    taken: Vec<i64>,
    dead: Vec<i64>,
}

impl File {
    fn new(events: &[i64], end: i64) -> Self {
        Self {
            machine: Deliveries::default(),
            stored: HookProgress::new(HOOK, at(0)),
            now: Timestamp(1_000_000),
            events: events.to_vec(),
            end,
            under_way: None,
            again: None,
            taken: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Steps until nothing is to be done; returns the time of the next step.
    fn run(&mut self, first: Vec<Input>) -> Option<Timestamp> {
        let mut inputs = first;
        loop {
            let step = self.machine.step(self.now, inputs);
            if step.actions.is_empty() {
                return step.wake;
            }
            let answers = step.actions.into_iter();
            inputs = answers.filter_map(|action| self.perform(action)).collect();
        }
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Read { hook, after } => {
                let chosen = self.events.iter().filter(|seq| **seq > after.seq);
                Some(Input::Read {
                    hook,
                    letters: chosen.map(|seq| letter(*seq)).collect(),
                    end: at(self.end.max(after.seq)),
                    is_last: true,
                })
            }
            Action::Deliver { letter, .. } => {
                assert!(self.under_way.is_none() && self.again.is_none());
                let latest = self.now.after(LONGEST_DELAY);
                let is_early = |at: Timestamp| at > self.now && at <= latest;
                assert!(!self.stored.next_try_at.is_some_and(is_early));
                self.under_way = Some(letter);
                None
            }
            Action::DeliverAgain { letter, .. } => {
                assert!(self.under_way.is_none() && self.again.is_none());
                self.again = Some(letter);
                None
            }
            Action::Record { hook, from, change } => Some(Input::Recorded {
                hook,
                is_current: from == self.stored.at && self.record(change),
            }),
        }
    }

    fn record(&mut self, change: HookChange) -> bool {
        match change {
            HookChange::Passed(to) => self.stored.at = to,
            HookChange::Delivered(to) => {
                self.taken.push(to.seq);
                self.stored = HookProgress::new(HOOK, to);
            }
            HookChange::Failed {
                failures,
                next_try_at,
                ..
            } => {
                self.stored.failures = failures;
                self.stored.next_try_at = Some(next_try_at);
            }
            HookChange::Buried { letter, .. } => {
                self.dead.push(letter.after.seq);
                self.stored = HookProgress::new(HOOK, letter.after);
            }
            HookChange::Redelivered(_) | HookChange::Kept { .. } => self.stored.wanted = None,
        }
        true
    }

    fn look(&mut self) -> Option<Timestamp> {
        self.run(vec![Input::Hooks(vec![self.stored])])
    }

    fn end(&mut self, result: Result<(), &str>) -> Option<Timestamp> {
        self.under_way = None;
        self.again = None;
        let result = result.map_err(str::to_owned);
        self.run(vec![Input::Ended { hook: HOOK, result }])
    }

    fn under_way(&self) -> Option<i64> {
        Some(self.under_way.as_ref()?.after.seq)
    }
}

#[test]
fn events_are_delivered_one_after_the_other_and_the_position_follows() {
    let mut file = File::new(&[3, 5], 9);
    file.look();
    assert_eq!((file.under_way(), file.stored.at), (Some(3), at(0)));
    file.look();
    assert_eq!(file.under_way(), Some(3), "one at a time");
    file.end(Ok(()));
    assert_eq!((file.under_way(), file.stored.at), (Some(5), at(3)));
    let wake = file.end(Ok(()));
    assert_eq!((file.under_way(), file.stored.at), (None, at(5)));
    // The events after it are none of its own, and the position passes them some seconds later.
    file.now = wake.unwrap();
    file.look();
    assert_eq!(file.stored.at, at(9));
    file.events.push(12);
    file.end = 12;
    file.look();
    assert_eq!(file.under_way(), Some(12));
}

#[test]
fn a_delivery_that_fails_is_tried_again_later_and_later_and_is_given_up() {
    let mut file = File::new(&[3, 5], 5);
    file.look();
    let start = file.now;
    for failures in 1..MOST_TRIES {
        let wake = file.end(Err("no")).unwrap();
        assert_eq!(wake, file.now.after(delay(failures)));
        assert_eq!((file.stored.failures, file.stored.at), (failures, at(0)));
        file.look();
        assert_eq!(file.under_way(), None, "it waits");
        file.now = wake;
        file.look();
        assert_eq!(file.under_way(), Some(3));
    }
    assert_eq!(file.now.since(start), 127_000);
    file.end(Err("no"));
    assert_eq!((file.dead.clone(), file.under_way()), (vec![3], Some(5)));
    assert_eq!((file.stored.failures, file.stored.next_try_at), (0, None));
}

#[test]
fn delays_double_up_to_five_minutes() {
    let seconds: Vec<u64> = (1..12).map(|failures| delay(failures).as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(delay(1_000).as_secs(), 300);
}

#[test]
fn a_new_deliverer_goes_on_with_the_failures_and_the_time_of_the_one_before() {
    let mut file = File::new(&[3], 3);
    file.look();
    let wake = file.end(Err("no")).unwrap();
    file.machine = Deliveries::default();
    assert_eq!(file.look(), Some(wake));
    assert_eq!(file.under_way(), None);
    file.now = wake;
    file.look();
    file.end(Err("no"));
    assert_eq!(file.stored.failures, 2);
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_up_a_try() {
    let mut file = File::new(&[3], 3);
    file.look();
    file.end(Err("no"));
    file.now = Timestamp(0);
    file.look();
    assert_eq!(file.under_way(), Some(3));
}

#[test]
fn a_paused_hook_delivers_nothing_and_goes_on_where_it_was() {
    let mut file = File::new(&[3, 5], 5);
    file.look();
    file.stored.is_paused = true;
    file.look();
    assert_eq!(file.end(Ok(())), None);
    assert_eq!((file.under_way(), file.stored.at), (None, at(3)));
    let mut resumed = HookProgress::new(HOOK, at(3));
    resumed.is_paused = false;
    file.stored = resumed;
    file.look();
    assert_eq!(file.under_way(), Some(5));
}

#[test]
fn a_hook_that_was_set_back_during_a_delivery_delivers_again() {
    let mut file = File::new(&[3, 5], 5);
    file.look();
    file.end(Ok(()));
    assert_eq!(file.under_way(), Some(5));
    file.stored.at = at(0);
    file.look();
    assert_eq!(file.under_way(), Some(5), "one at a time");
    file.end(Ok(()));
    assert_eq!((file.under_way(), file.stored.at), (Some(3), at(0)));
    // The same, if the result is recorded before anybody has read the new position.
    file.stored.at = at(4);
    file.end(Ok(()));
    assert_eq!(file.stored.at, at(4));
    file.look();
    assert_eq!((file.under_way(), file.taken.clone()), (Some(5), vec![3]));
}

#[test]
fn the_result_of_a_removed_hook_is_dropped() {
    let mut file = File::new(&[3], 3);
    file.look();
    assert_eq!(file.run(vec![Input::Hooks(Vec::new())]), None);
    file.end(Ok(()));
    assert_eq!((file.stored.at, file.taken.len()), (at(0), 0));
}

#[test]
fn a_dead_letter_is_delivered_again_between_two_tries() {
    let mut file = File::new(&[3], 3);
    file.look();
    file.end(Err("no"));
    file.stored.wanted = Some(11);
    file.look();
    assert_eq!((file.again, file.under_way()), (Some(11), None));
    file.end(Ok(()));
    assert_eq!((file.again, file.stored.wanted), (None, None));
    assert_eq!((file.stored.failures, file.stored.at), (1, at(0)));
}

proptest! {
    /// Deliverers end at any moment, results and records get lost with them; hooks are paused and go on.
    #[test]
    fn every_event_is_taken_or_dead_and_first_in_order(
        gaps in prop::collection::vec(1..4_i64, 1..12),
        acts in prop::collection::vec(0..6_u8, 0..200),
    ) {
        let mut events = Vec::new();
        for gap in gaps {
            events.push(events.last().copied().unwrap_or(0) + gap);
        }
        let end = events.last().copied().unwrap_or(0) + 1;
        let mut file = File::new(&events, end);
        // All that reached the target, taken or not recorded any more.
        let mut reached: Vec<i64> = Vec::new();
        let mut act = |file: &mut File, act: u8| {
            let wake = file.look();
            match act {
                0 => {
                    // Killed after the target took it.
                    reached.extend(file.under_way());
                    file.machine = Deliveries::default();
                    file.under_way = None;
                }
                1 => file.stored.is_paused = true,
                2 => file.stored.is_paused = false,
                3 => file.now = wake.unwrap_or(file.now).max(file.now),
                4 if file.under_way.is_some() => {
                    file.end(Err("no"));
                }
                _ if file.under_way.is_some() => {
                    reached.extend(file.under_way());
                    file.end(Ok(()));
                }
                _ => {}
            }
        };
        for one in acts {
            act(&mut file, one);
        }
        file.stored.is_paused = false;
        for _ in 0..2 * events.len() * 20 {
            act(&mut file, 5);
            act(&mut file, 3);
        }
        let mut all: Vec<i64> = [file.taken.clone(), file.dead.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(&all, &events);
        let mut first = Vec::new();
        for seq in reached {
            if !first.contains(&seq) {
                first.push(seq);
            }
        }
        prop_assert!(first.is_sorted());
    }
}
