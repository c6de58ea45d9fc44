//! Calls that the file refused.

use super::super::super::end::{End, Ended, Ending};
use super::super::super::leases::LeaseNotice;
use super::super::super::protocol::{Action, Event, Step, WorkerEvent};
use super::super::Machine;
use super::{
    at, busy, claimed, ended, limit, machine, outcomes, running, signals, started, starts, task,
};
use crate::claim::{Claims, Held};
use crate::clock::{BootTime, Now};
use crate::error::Error;
use crate::outcome::{Outcome, Settled, Settlement};
use crate::output::{Output, Stream};
use crate::state::State;
use crate::task::Work;
use crate::usage::Usage;

fn unknown() -> Error {
    Error::CommitUnknown {
        source: "test".into(),
    }
}

fn lists(step: &Step) -> bool {
    let lists = |action: &Action| matches!(action, Action::ListClaims);
    step.actions.iter().any(lists)
}

fn settles(step: &Step) -> bool {
    !outcomes(step).is_empty()
}

fn recorded() -> Event {
    Event::Settled(Ok(vec![Settled::Recorded(State::Succeeded)]))
}

/// Refuses a call `COUNT` times. Returns the milliseconds until it was made again each time, if the
/// machine is stepped only at its wake times.
fn pauses<const COUNT: usize>(
    machine: &mut Machine,
    now: &mut Now,
    refusal: impl Fn() -> Event,
    is_made: impl Fn(&Step) -> bool,
) -> [i64; COUNT] {
    std::array::from_fn(|_| {
        let from = now.boot.0;
        let mut step = machine.step(*now, [refusal()]);
        while !is_made(&step) {
            let next = step.wake_at.unwrap();
            assert!(next > now.boot, "it would turn without a pause");
            assert!(next.0 - from < 10_000, "it is not made again");
            *now = at(next.0);
            step = machine.step(*now, []);
        }
        now.boot.0 - from
    })
}

const LONGER_EACH_TIME: [i64; 8] = [20, 40, 80, 160, 320, 640, 1_000, 1_000];

#[test]
fn a_refused_claim_is_made_again_after_a_longer_pause_each_time_until_one_is_answered() {
    let mut machine = machine(1);
    let mut now = at(0);
    let refusal = || Event::Claimed(Err(busy()));
    let made = |step: &Step| limit(step).is_some();
    let found: [i64; 8] = pauses(&mut machine, &mut now, refusal, made);
    assert_eq!(found, LONGER_EACH_TIME);
    let step = machine.step(now, [claimed([])]);
    assert!(made(&step), "it marked itself idle and looks once more");
    assert_eq!(pauses(&mut machine, &mut now, refusal, made), [20, 40]);
}

#[test]
fn a_refused_settle_is_made_again_after_a_longer_pause_each_time_until_one_is_answered() {
    let mut machine = running(&[1]);
    let mut now = at(0);
    let refusal = || Event::Settled(Err(busy()));
    machine.step(now, [ended(1, End::Exited(0))]);
    let found: [i64; 8] = pauses(&mut machine, &mut now, refusal, settles);
    assert_eq!(found, LONGER_EACH_TIME);
    let step = machine.step(now, [recorded(), claimed([2])]);
    assert_eq!(starts(&step), [2]);
    assert!(settles(&machine.step(now, [ended(2, End::Exited(0))])));
    assert_eq!(pauses(&mut machine, &mut now, refusal, settles), [20, 40]);
}

#[test]
fn a_refused_review_of_claims_is_repeated_after_a_longer_pause_each_time() {
    let mut machine = machine(1);
    let mut now = at(0);
    let refused = || Event::Claimed(Err(unknown()));
    assert_eq!(pauses(&mut machine, &mut now, refused, lists), [20]);
    let refusal = || Event::OwnClaims(Err(busy()));
    let found = pauses(&mut machine, &mut now, refusal, lists);
    assert_eq!(found, [40, 80, 160, 320, 640, 1_000]);
    let answer = Event::OwnClaims(Ok(Vec::new()));
    assert!(!lists(&machine.step(now, [answer])));
}

#[test]
fn after_an_unknown_commit_nothing_is_claimed_before_the_review_of_claims() {
    let mut machine = running(&[1, 2]);
    machine.step(at(0), [ended(1, End::Exited(0))]);
    machine.step(at(0), [recorded(), Event::Claimed(Err(unknown()))]);
    assert_eq!(limit(&machine.step(at(19), [])), None);
    let step = machine.step(at(20), [ended(2, End::Exited(0))]);
    let position = |wanted: fn(&Action) -> bool| step.actions.iter().position(wanted);
    let settle = position(|action| matches!(action, Action::Settle(_)));
    let look = position(|action| matches!(action, Action::ListClaims));
    let claim = position(|action| matches!(action, Action::Claim(_)));
    assert!(settle.is_some() && settle < look && look < claim);
}

#[test]
fn a_review_of_claims_returns_no_running_or_unsettled_task() {
    let mut machine = running(&[1, 2]);
    machine.step(at(1), [ended(1, End::Exited(0))]);
    let dark = [
        Event::Settled(Err(unknown())),
        Event::NotClaimed { unknown: true },
    ];
    machine.step(at(1), dark);
    let claims = [1, 2, 3].map(|id| task(id).claim).to_vec();
    let step = machine.step(at(21), [Event::OwnClaims(Ok(claims))]);
    assert_eq!(outcomes(&step), [Outcome::Succeeded, Outcome::Returned]);
}

#[test]
fn a_claim_that_was_certainly_not_made_needs_no_review() {
    let mut machine = running(&[1]);
    machine.step(at(1), [ended(1, End::Exited(0))]);
    let refused = [
        Event::Settled(Err(busy())),
        Event::NotClaimed { unknown: false },
    ];
    machine.step(at(1), refused);
    assert!(!lists(&machine.step(at(2_000), [])));
    let mut machine = self::machine(1);
    machine.step(at(0), [Event::Claimed(Err(busy()))]);
    let step = machine.step(at(2_000), []);
    assert_eq!((lists(&step), limit(&step)), (false, Some(1)));
}

#[test]
fn a_refusal_is_reported_and_ends_nothing() {
    let told = |step: &Step| {
        let told = step.actions.iter().filter_map(|action| {
            if let Action::Report(WorkerEvent::Refused { message, .. }) = action {
                Some(message.clone())
            } else {
                None
            }
        });
        told.collect::<Vec<_>>()
    };
    for error in [busy, unknown] {
        let mut machine = running(&[1]);
        let step = machine.step(at(1), [Event::Counter(Err(error()))]);
        assert_eq!(told(&step), [error().fact()]);
        assert_eq!((signals(&step), step.finished), (Vec::new(), false));
        assert!(machine.take_error().is_none());
    }
    let notice = Event::Lease(LeaseNotice::Refused {
        message: "the lease keeper's".to_owned(),
        remedy: None,
    });
    assert_eq!(
        told(&machine(1).step(at(1), [notice])),
        ["the lease keeper's"]
    );
}

#[test]
fn a_refused_check_of_claims_is_repeated_at_the_next_poll() {
    let asks = |step: &Step| {
        let asks = |action: &Action| matches!(action, Action::CheckClaims(_));
        step.actions.iter().any(asks)
    };
    let mut machine = running(&[1]);
    assert!(asks(&machine.step(at(1), [Event::Counter(Ok(7))])));
    let held = Event::ClaimsChecked(Ok(vec![Held::Held]));
    assert!(!asks(&machine.step(at(1), [held])));
    assert!(!asks(&machine.step(at(2), [Event::Counter(Ok(7))])));
    assert!(asks(&machine.step(at(3), [Event::Counter(Ok(8))])));
    machine.step(at(3), [Event::ClaimsChecked(Err(busy()))]);
    assert!(asks(&machine.step(at(4), [Event::Counter(Ok(8))])));
}

#[test]
fn a_promoted_file_stops_the_worker_and_lets_its_tasks_finish() {
    let promoted = || {
        Event::Claimed(Err(Error::Promoted {
            path: "tasks.db".into(),
        }))
    };
    let mut machine = machine(2);
    machine.step(at(0), [claimed([1])]);
    let step = machine.step(at(1), [promoted()]);
    assert_eq!((signals(&step), limit(&step)), (Vec::new(), None));
    let step = machine.step(at(2), [promoted()]);
    assert_eq!(signals(&step), [], "it has stopped already");
    let step = machine.step(at(3), [ended(1, End::Exited(0))]);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
    assert!(machine.step(at(3), [recorded()]).finished);
    assert!(matches!(machine.take_error(), Some(Error::Promoted { .. })));
}

#[test]
fn a_worker_that_cannot_record_what_it_ran_gives_up_five_seconds_after_the_last_kill() {
    let mut machine = running(&[1]);
    let step = machine.step(at(10), [Event::Stop, Event::Stop]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    machine.step(at(10), [ended(1, End::Signalled(9))]);
    let step = machine.step(at(10), [Event::Settled(Err(busy()))]);
    assert!(!step.finished);
    assert!(!machine.step(at(5_009), []).finished);
    assert!(machine.step(at(5_010), []).finished);
    assert!(machine.take_error().unwrap().is_busy());
}

/// Machine that runs a task of a handler.
fn running_handler() -> Machine {
    let mut machine = machine(1);
    let mut of_handler = task(1);
    of_handler.work = Work::Handler {
        handler: "slow".to_owned(),
        payload: Vec::new(),
    };
    let claims = Claims {
        tasks: vec![of_handler],
        next_due: None,
        ..Claims::default()
    };
    machine.step(at(0), [Event::Claimed(Ok(claims))]);
    machine
}

/// Bug: the outcome of a handler that returned late after its worker was told to end at once was not
/// recorded, though the file would have taken it. Loss: a task that had succeeded counted as ended
/// by its worker's death, and ran again. Fix: the time to record begins when the last task has
/// ended.
#[test]
fn a_handler_that_returns_late_is_still_recorded() {
    let mut machine = running_handler();
    machine.step(at(10), [Event::Stop, Event::Stop]);
    assert!(!machine.step(at(2_009), []).finished);
    let returned = ended(1, End::Handler(Outcome::Succeeded));
    let step = machine.step(at(2_009), [returned]);
    assert!(!step.finished);
    assert_eq!(outcomes(&step), [Outcome::Succeeded]);
    machine.step(at(2_009), [Event::Settled(Err(busy()))]);
    assert!(!machine.step(at(7_008), []).finished);
    assert!(machine.step(at(7_009), []).finished);
}

#[test]
fn a_handler_that_does_not_return_is_left_when_the_grace_time_is_over() {
    let mut machine = running_handler();
    machine.step(at(10), [Event::Stop]);
    let step = machine.step(at(8_010), []);
    assert_eq!(signals(&step), [(1, Ending::Terminate)]);
    assert!(!machine.step(at(10_009), []).finished);
    assert!(machine.step(at(10_010), []).finished);
    assert_eq!(machine.left_running().len(), 1);
    assert!(machine.take_error().is_none());
}

#[test]
fn a_handler_has_two_seconds_to_return_after_a_second_stop() {
    let mut machine = running_handler();
    let step = machine.step(at(10), [Event::Stop, Event::Stop]);
    assert_eq!(signals(&step), [(1, Ending::Kill)]);
    machine.step(at(10), []);
    assert_eq!(machine.deadline(), Some(BootTime(2_010)));
    assert!(!machine.step(at(2_009), []).finished);
    assert!(machine.step(at(2_010), []).finished);
}

#[test]
fn a_worker_goes_on_beside_a_handler_that_ignores_its_timeout() {
    let mut machine = running_handler();
    machine.step(at(0), [started(1, 0)]);
    assert_eq!(
        signals(&machine.step(at(1_000), [])),
        [(1, Ending::Terminate)]
    );
    assert_eq!(signals(&machine.step(at(11_000), [])), [(1, Ending::Kill)]);
    assert!(!machine.step(at(60_000), []).finished);
    assert!(!machine.step(at(60_000), [Event::Stop]).finished);
    assert!(machine.step(at(68_000), []).finished);
}

fn gone(is_lost: bool) -> Error {
    Error::Gone {
        path: "q.db".into(),
        what: "it, or the folder beside it, was deleted".to_owned(),
        is_lost,
        remedy: None,
    }
}

/// A worker went on silently with a file that had been deleted. Now it stops as if it had been
/// asked to, and reports the tasks it ran meanwhile.
#[test]
fn a_file_that_is_gone_stops_the_worker_and_ends_nothing_that_runs() {
    let mut machine = running(&[1, 2]);
    let step = machine.step(at(0), [Event::Counter(Err(gone(true)))]);
    assert_eq!(signals(&step), []);
    assert!(machine.is_stopping() && !step.finished);
    let step = machine.step(at(10), [ended(1, End::Exited(0))]);
    assert!(
        settles(&step),
        "the folder beside it may be all that is gone"
    );
    let step = machine.step(at(20), [Event::Settled(Err(gone(true)))]);
    assert_eq!(signals(&step), []);
    assert!(!step.finished);
    let step = machine.step(at(30), [ended(2, End::Exited(3))]);
    assert!(step.finished);
    assert_eq!(machine.unrecorded().len(), 2);
    assert!(matches!(machine.take_error(), Some(Error::Gone { .. })));
}

#[test]
fn an_idle_worker_whose_file_is_gone_ends_at_once() {
    let mut machine = machine(1);
    let step = machine.step(at(0), [Event::Counter(Err(gone(true)))]);
    assert!(step.finished);
    assert!(matches!(machine.take_error(), Some(Error::Gone { .. })));
}

#[test]
fn outcomes_are_recorded_when_only_the_folder_is_gone() {
    let mut machine = running(&[1]);
    machine.step(at(0), [Event::Counter(Err(gone(false)))]);
    machine.step(at(10), [ended(1, End::Exited(0))]);
    let step = machine.step(at(20), [recorded()]);
    assert!(step.finished);
    assert_eq!(machine.unrecorded(), []);
}

/// The outcome of a task was recorded in a file that had just been deleted, and lost without a
/// report.
#[test]
fn outcomes_recorded_since_the_last_check_are_lost_with_the_file() {
    for is_lost in [true, false] {
        let mut machine = running(&[1, 2, 3]);
        machine.step(at(100), [ended(1, End::Exited(0))]);
        machine.step(at(110), [recorded()]);
        let step = machine.step(at(2_000), [ended(2, End::Exited(0))]);
        assert!(asks_for_counter(&step));
        // The answer may come from a check a second ago, when the first was recorded already.
        machine.step(at(2_010), [recorded(), Event::Counter(Ok(1))]);
        assert!(asks_for_counter(&machine.step(at(4_000), [])));
        machine.step(at(4_010), [Event::Counter(Err(gone(is_lost)))]);
        let unrecorded = machine.unrecorded();
        let tasks: Vec<i64> = unrecorded.iter().map(|one| one.claim.task.0).collect();
        let expected: &[i64] = if is_lost { &[2, 3] } else { &[3] };
        assert_eq!(tasks, expected);
    }
}

fn asks_for_counter(step: &Step) -> bool {
    let asks = |action: &Action| matches!(action, Action::ReadCounter);
    step.actions.iter().any(asks)
}

/// Outcomes that came while a disk was full were kept with up to 16 KiB of output each, for up to
/// 10,000 slots.
#[test]
fn kept_outputs_are_bounded_and_no_task_is_claimed_meanwhile() {
    const TASKS: usize = 2_000;
    let ids: Vec<i64> = (1..).take(TASKS).collect();
    let mut machine = running(&ids);
    let mut output = Output::default();
    output.push(Stream::Stdout, &[b'a'; 8 << 10]);
    output.push(Stream::Stderr, &[b'z'; 7 << 10]);
    let with_output = |id: &i64| {
        Event::Ended(Ended {
            claim: task(*id).claim,
            end: End::Exited(0),
            at: BootTime(10),
            output: Some(output.clone()),
            usage: Usage::default(),
        })
    };
    // Half of the tasks have ended.
    let step = machine.step(at(20), ids[..TASKS / 2].iter().map(with_output));
    assert!(settles(&step));
    let refused = || {
        [
            Event::Settled(Err(busy())),
            Event::NotClaimed { unknown: false },
        ]
    };
    let step = machine.step(at(20), refused());
    assert_eq!(limit(&step), None, "what is kept leaves no room for more");
    let step = machine.step(at(40), ids[TASKS / 2..].iter().map(with_output));
    let Some(settlements) = step.actions.iter().find_map(settled) else {
        panic!("it is tried again");
    };
    assert_eq!(settlements.len(), TASKS);
    let kept = |one: &Settlement| one.output.clone().unwrap();
    let bytes: usize = settlements.iter().map(|one| kept(one).0.len()).sum();
    assert!(bytes < (8 << 20) + TASKS * (3 << 10), "{bytes}");
    assert_eq!(kept(&settlements[0]), output);
    let mut short = Output::default();
    short.push(Stream::Stdout, &[b'a'; 1 << 10]);
    short.push_omitted(13 << 10);
    short.push(Stream::Stderr, &[b'z'; 1 << 10]);
    assert_eq!(kept(&settlements[TASKS - 1]), short);
    let recorded = vec![Settled::Recorded(State::Succeeded); TASKS];
    let unasked = Event::NotClaimed { unknown: false };
    let step = machine.step(at(50), [Event::Settled(Ok(recorded)), unasked]);
    assert_eq!(limit(&step), Some(TASKS));
}

fn settled(action: &Action) -> Option<&Vec<Settlement>> {
    if let Action::Settle(settlements) | Action::SettleAndClaim { settlements, .. } = action {
        Some(settlements)
    } else {
        None
    }
}
