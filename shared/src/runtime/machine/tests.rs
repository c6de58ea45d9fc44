//! Tests of the machine alone: events in, actions out.

mod during_calls;
mod firing;
mod halting;
mod polls;
mod refusals;
mod serving;
mod shortage;
mod stopping;

use super::super::end::{End, Ended, Ending};
use super::super::leases::LeaseNotice;
use super::super::protocol::{Action, Config, Event, Step, WorkerEvent};
use super::Machine;
use crate::claim::{Claim, ClaimedTask, Claims, Held, WorkerId};
use crate::clock::{BootTime, Now, Timestamp};
use crate::error::Error;
use crate::options::TaskOptions;
use crate::outcome::{Outcome, Settled};
use crate::state::State;
use crate::task::{TaskId, Work};
use crate::usage::Usage;

fn at(millis: i64) -> Now {
    Now {
        wall: Timestamp(1_000_000 + millis),
        boot: BootTime(millis),
    }
}

fn task(id: i64) -> ClaimedTask {
    ClaimedTask {
        claim: Claim {
            task: TaskId(id),
            token: 1,
            worker: WorkerId(9),
        },
        queue: "default".into(),
        name: format!("task {id}"),
        work: Work::Shell("true".to_owned()),
        priority: 0,
        attempt: 1,
        options: TaskOptions {
            timeout_ms: Some(1_000),
            ..TaskOptions::default()
        },
        depends: false,
    }
}

fn claimed(ids: impl IntoIterator<Item = i64>) -> Event {
    Event::Claimed(Ok(Claims {
        tasks: ids.into_iter().map(task).collect(),
        ..Claims::default()
    }))
}

fn started(id: i64, millis: i64) -> Event {
    Event::Started {
        claim: task(id).claim,
        at: BootTime(millis),
    }
}

/// End after all requests before.
fn ended(id: i64, end: End) -> Event {
    Event::Ended(Ended {
        claim: task(id).claim,
        end,
        at: BootTime(i64::MAX),
        output: None,
        usage: Usage::default(),
    })
}

fn busy() -> Error {
    Error::Busy {
        what: String::new(),
    }
}

/// Machine that has read everything once and wants to claim.
fn machine(slots: usize) -> Machine {
    let config = Config {
        slots,
        ..Config::default()
    };
    let mut machine = Machine::new(config, at(0));
    let step = machine.step(at(0), []);
    assert_eq!(limit(&step), Some(slots));
    machine
}

/// Machine that runs these tasks, with one slot for each.
fn running(ids: &[i64]) -> Machine {
    let mut machine = machine(ids.len());
    let step = machine.step(at(0), [claimed(ids.iter().copied())]);
    assert_eq!(starts(&step), ids);
    machine.step(at(0), ids.iter().map(|id| started(*id, 0)));
    machine
}

fn limit(step: &Step) -> Option<usize> {
    step.actions.iter().find_map(|action| {
        if let Action::Claim(slots) | Action::SettleAndClaim { slots, .. } = action {
            Some(slots.limit)
        } else {
            None
        }
    })
}

fn starts(step: &Step) -> Vec<i64> {
    let started = step.actions.iter().filter_map(|action| {
        if let Action::Start(task) = action {
            Some(task.claim.task.0)
        } else {
            None
        }
    });
    started.collect()
}

fn signals(step: &Step) -> Vec<(i64, Ending)> {
    let signals = step.actions.iter().filter_map(|action| {
        if let Action::Signal { claim, ending, .. } = action {
            Some((claim.task.0, *ending))
        } else {
            None
        }
    });
    signals.collect()
}

fn outcomes(step: &Step) -> Vec<Outcome> {
    let settlements = step.actions.iter().filter_map(|action| {
        if let Action::Settle(settlements) | Action::SettleAndClaim { settlements, .. } = action {
            Some(settlements.iter().map(|own| own.outcome.clone()))
        } else {
            None
        }
    });
    settlements.flatten().collect()
}

fn idle(step: &Step) -> Option<bool> {
    step.actions.iter().find_map(|action| {
        if let Action::SetIdle(idle) = action {
            Some(*idle)
        } else {
            None
        }
    })
}

#[test]
fn a_claim_asks_for_as_many_tasks_as_there_are_free_slots() {
    let mut machine = machine(3);
    let step = machine.step(at(0), [claimed([1, 2])]);
    assert_eq!(starts(&step), [1, 2]);
    assert_eq!(limit(&step), Some(1));
}

#[test]
fn an_idle_worker_marks_itself_and_claims_once_more() {
    let mut machine = machine(1);
    let step = machine.step(at(0), [claimed([])]);
    assert_eq!((idle(&step), limit(&step)), (Some(true), Some(1)));
    let step = machine.step(at(0), [claimed([])]);
    assert_eq!((idle(&step), limit(&step)), (None, None));
    let step = machine.step(at(1), [Event::TasksWaiting]);
    assert_eq!(limit(&step), Some(1));
}

#[test]
fn a_full_worker_removes_its_mark_and_passes_the_wake_on() {
    let mut machine = machine(1);
    machine.step(at(0), [claimed([])]);
    let step = machine.step(at(0), [claimed([1])]);
    assert_eq!(idle(&step), Some(false));
    let passes = |action: &Action| matches!(action, Action::WakeAnother);
    assert!(step.actions.iter().any(passes));
    assert_eq!(limit(&step), None);
    let step = self::machine(1).step(at(0), [Event::Stop]);
    assert!(step.actions.iter().any(passes), "so does one that stops");
}

#[test]
fn ended_tasks_are_settled_in_one_call() {
    let mut machine = running(&[1, 2, 3]);
    let events = [ended(1, End::Exited(0)), ended(2, End::Signalled(9))];
    let step = machine.step(at(5), events);
    let expected = [Outcome::Succeeded, Outcome::Signalled { signal: 9 }];
    assert_eq!(outcomes(&step), expected);
    assert_eq!(
        limit(&step),
        Some(2),
        "what that leaves is asked for with it"
    );
    let both = |action: &Action| matches!(action, Action::SettleAndClaim { .. });
    assert!(step.actions.iter().any(both));
}

#[test]
fn a_claim_after_a_refused_settle_is_repeated_and_reviewed_if_the_commit_is_unknown() {
    let mut machine = running(&[1, 2]);
    machine.step(at(5), [ended(1, End::Exited(0))]);
    let refused = Event::Settled(Err(busy()));
    let step = machine.step(at(5), [refused, Event::NotClaimed { unknown: false }]);
    assert_eq!(
        limit(&step),
        None,
        "its slot is free only once that is recorded"
    );
    let later = Now {
        boot: step.wake_at.unwrap(),
        ..at(5)
    };
    assert_eq!(limit(&machine.step(later, [])), Some(1));
    let unknown = Error::CommitUnknown {
        source: "test".into(),
    };
    let dark = [
        Event::Settled(Err(unknown)),
        Event::NotClaimed { unknown: true },
    ];
    let step = machine.step(later, dark);
    let lists = |action: &Action| matches!(action, Action::ListClaims);
    assert!(step.actions.iter().any(lists));
}

#[test]
fn a_refused_settle_is_repeated_until_it_is_recorded() {
    let mut machine = running(&[1]);
    machine.step(at(5), [ended(1, End::Exited(0))]);
    let step = machine.step(at(5), [Event::Settled(Err(busy()))]);
    assert_eq!(outcomes(&step), []);
    let again = step.wake_at.unwrap();
    assert!(again > at(5).boot);
    let later = Now {
        boot: again,
        ..at(5)
    };
    let step = machine.step(later, []);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
    assert_eq!(
        limit(&step),
        None,
        "the claim that went with it is not answered yet"
    );
    let recorded = vec![Settled::Recorded(State::Succeeded)];
    let step = machine.step(later, [Event::Settled(Ok(recorded)), claimed([2])]);
    assert_eq!(starts(&step), [2]);
}

#[test]
fn a_timeout_terminates_then_kills() {
    let mut machine = running(&[1]);
    assert_eq!(signals(&machine.step(at(999), [])), []);
    let step = machine.step(at(1_000), []);
    assert_eq!(signals(&step), [(1, Ending::Terminate)]);
    let grace = Config::default().grace;
    let end = BootTime(1_000).after(grace);
    let step = machine.step(at(end.0), []);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    let step = machine.step(at(end.0), [ended(1, End::Signalled(9))]);
    assert_eq!(outcomes(&step), [Outcome::TimedOut]);
}

#[test]
fn a_lost_claim_is_killed_and_not_reported() {
    let mut machine = running(&[1]);
    let step = machine.step(at(1), [Event::CancelRequested]);
    let asks = |action: &Action| matches!(action, Action::CheckClaims(_));
    assert!(step.actions.iter().any(asks));
    let step = machine.step(at(1), [Event::ClaimsChecked(Ok(vec![Held::Lost]))]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    let step = machine.step(at(2), [ended(1, End::Signalled(9))]);
    assert_eq!(outcomes(&step), []);
    let lost = |action: &Action| {
        matches!(
            action,
            Action::Report(WorkerEvent::Ended { state: None, .. })
        )
    };
    assert!(step.actions.iter().any(lost));
}

#[test]
fn a_notice_of_the_lease_keeper_ends_a_task() {
    let mut machine = running(&[1, 2]);
    let told = |id, held| Event::Lease(LeaseNotice::Changed(task(id).claim, held));
    let step = machine.step(at(1), [told(1, Held::Lost), told(2, Held::CancelRequested)]);
    assert_eq!(signals(&step), [(1, Ending::Kill), (2, Ending::Terminate)]);
    let step = machine.step(at(2), [told(3, Held::Lost)]);
    assert_eq!(signals(&step), [], "one that has ended is passed over");
}

#[test]
fn a_task_whose_claim_may_be_lost_is_returned_unstarted() {
    let mut machine = running(&[1]);
    assert!(machine.works_at(task(1).claim));
    let step = machine.step(at(1), [Event::Unconfirmed(task(1).claim)]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    assert!(machine.works_at(task(1).claim), "until that is recorded");
    let settled = Settled::Recorded(State::Queued);
    machine.step(at(2), [Event::Settled(Ok(vec![settled]))]);
    assert!(!machine.works_at(task(1).claim));
}

#[test]
fn a_task_starts_once_its_inputs_are_written_unless_it_was_told_to_end() {
    let mut machine = running(&[1, 2]);
    let prepared = |id| Event::Prepared(Box::new(task(id)));
    let step = machine.step(at(1), [prepared(1)]);
    assert_eq!(starts(&step), [1]);
    let told = Event::Lease(LeaseNotice::Changed(task(2).claim, Held::CancelRequested));
    let step = machine.step(at(2), [told, prepared(2)]);
    assert_eq!(starts(&step), [0; 0]);
    let step = machine.step(at(3), [ended(2, End::Unstarted), prepared(3)]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
    assert_eq!(starts(&step), [0; 0], "nobody claimed it");
}

#[test]
fn a_large_step_back_of_the_clock_is_reported_once() {
    let mut machine = machine(1);
    let reported = |step: &Step| {
        let reports = step.actions.iter().filter_map(|action| {
            if let Action::Report(WorkerEvent::ClockSetBack { by }) = action {
                Some(by.as_millis())
            } else {
                None
            }
        });
        reports.collect::<Vec<_>>()
    };
    assert_eq!(reported(&machine.step(wall_at(10, -4_990), [])), [0; 0]);
    let step = machine.step(wall_at(20, -90_000), []);
    assert_eq!(reported(&step), [85_020]);
    assert_eq!(reported(&machine.step(wall_at(30, -89_990), [])), [0; 0]);
}

#[test]
fn tasks_of_a_claim_with_an_unknown_commit_are_returned() {
    let mut machine = machine(2);
    let unknown = Error::CommitUnknown {
        source: "test".into(),
    };
    let step = machine.step(at(0), [Event::Claimed(Err(unknown))]);
    assert_eq!(limit(&step), None);
    let later = at(step.wake_at.unwrap().0);
    let step = machine.step(later, []);
    let lists = |action: &Action| matches!(action, Action::ListClaims);
    assert!(step.actions.iter().any(lists));
    let step = machine.step(later, [Event::OwnClaims(Ok(vec![task(1).claim]))]);
    assert_eq!(outcomes(&step), [Outcome::Returned]);
}

#[test]
fn a_task_that_comes_due_is_claimed_then_and_not_before() {
    let mut machine = machine(1);
    machine.step(at(0), [claimed([])]);
    let claims = Claims {
        tasks: Vec::new(),
        next_due: Some(at(300).wall),
        ..Claims::default()
    };
    let step = machine.step(at(0), [Event::Claimed(Ok(claims)), Event::Counter(Ok(1))]);
    assert!(
        limit(&step).is_some(),
        "the counter was read for the first time"
    );
    let claims = Claims {
        tasks: Vec::new(),
        next_due: Some(at(300).wall),
        ..Claims::default()
    };
    let step = machine.step(at(0), [Event::Claimed(Ok(claims))]);
    assert_eq!(step.wake_at, Some(at(300).boot));
    assert_eq!(limit(&machine.step(at(299), [])), None);
    assert_eq!(limit(&machine.step(at(300), [])), Some(1));
}

/// A task that came due just when another ended caused a second claim in the same step, before the answer
/// to the first, which might fill every slot: more tasks than slots ran.
#[test]
fn a_step_claims_once_even_if_a_task_comes_due_when_another_ends() {
    let mut machine = machine(2);
    machine.step(at(0), []);
    let claims = |ids: &[i64]| {
        Event::Claimed(Ok(Claims {
            tasks: ids.iter().copied().map(task).collect(),
            next_due: Some(at(300).wall),
            ..Claims::default()
        }))
    };
    machine.step(at(1), [claims(&[1])]);
    machine.step(at(2), [started(1, 2), claims(&[])]);
    let events = [ended(1, End::Exited(0)), Event::TasksWaiting];
    let step = machine.step(at(300), events);
    let claims =
        |action: &&Action| matches!(action, Action::Claim { .. } | Action::SettleAndClaim { .. });
    assert_eq!(step.actions.iter().filter(claims).count(), 1, "{step:?}");
}

/// Time with a wall clock that differs from boot time.
fn wall_at(boot: i64, wall: i64) -> Now {
    Now {
        wall: at(wall).wall,
        ..at(boot)
    }
}

#[test]
fn a_due_task_follows_the_wall_clock_wherever_it_jumps() {
    let due = |at: Now| {
        Event::Claimed(Ok(Claims {
            tasks: Vec::new(),
            next_due: Some(at.wall),
            ..Claims::default()
        }))
    };
    let idle = |machine: &mut Machine| {
        machine.step(at(0), [claimed([])]);
        machine.step(at(0), [due(at(60_000))])
    };
    let mut ahead = machine(1);
    let step = idle(&mut ahead);
    let polled = step.wake_at.unwrap();
    assert!(polled < at(60_000).boot, "it looks at the clock meanwhile");
    let step = ahead.step(wall_at(polled.0, 90_000), []);
    assert_eq!(limit(&step), Some(1), "its time came with the jump");

    let mut back = machine(1);
    idle(&mut back);
    let step = back.step(wall_at(50_000, 0), []);
    assert_eq!(limit(&step), Some(1), "the engine gives retries a new time");
    assert_eq!(
        limit(&back.step(wall_at(50_000, 0), [due(at(60_000))])),
        None
    );
    let step = back.step(wall_at(60_000, 10_000), []);
    assert_eq!(limit(&step), None, "its time lies ahead again");
    let step = back.step(wall_at(110_000, 60_000), []);
    assert_eq!(limit(&step), Some(1));
}

#[test]
fn a_timeout_does_not_follow_the_wall_clock() {
    let mut machine = running(&[1]);
    let in_2099 = 2_300_000_000_000;
    assert_eq!(signals(&machine.step(wall_at(999, in_2099), [])), []);
    assert_eq!(
        signals(&machine.step(wall_at(1_000, -in_2099), [])),
        [(1, Ending::Terminate)]
    );
}
