use super::{Findings, Hold, MOST_READS, Outlook, Prospects, Remaining, unchanged};
use crate::clock::Timestamp;
use crate::queue::Waits;
use crate::state::State;
use crate::task::TaskId;

fn own() -> Prospects {
    Prospects {
        is_own: true,
        is_served: true,
        ..Prospects::default()
    }
}

fn waiting(waits: Waits) -> Prospects {
    let mut prospects = own();
    prospects.add(&[waits]);
    prospects
}

fn limit(bound: u64) -> Waits {
    Waits::Limit {
        name: b"k".to_vec(),
        running: 0,
        bound: Some(bound),
        ahead: 0,
    }
}

/// A drain ended while a task was queued: the check read the queued tasks before another worker's
/// settle admitted it, and the blocked ones after.
#[test]
fn remaining_tasks_are_read_again_if_others_write_meanwhile() {
    let reads = |counters: &[i64]| {
        let (mut counters, mut reads) = (counters.iter(), 0);
        let counter = || Ok(*counters.next().unwrap());
        let remaining = unchanged(counter, || {
            reads += 1;
            Ok(Remaining::Nothing)
        });
        (remaining.unwrap(), reads)
    };
    assert_eq!(reads(&[1, 1]), (Remaining::Nothing, 1));
    assert_eq!(reads(&[1, 2, 2]), (Remaining::Nothing, 2));
    assert_eq!(reads(&[1, 2, 3, 4]), (Remaining::Proceeds, MOST_READS));
}

#[test]
fn tasks_that_proceed_by_themselves_differ_from_those_that_need_a_person() {
    let since = Timestamp(1);
    let at = Timestamp(9);
    let queued = |prospects: &Prospects| prospects.outlook(State::Queued, None, "h");
    assert_eq!(queued(&own()), Outlook::Proceeds);
    assert_eq!(queued(&waiting(limit(1))), Outlook::Proceeds);
    let held = |what| Outlook::Held(what);
    assert_eq!(queued(&waiting(limit(0))), held(Hold::Limit(b"k".to_vec())));
    let paused = waiting(Waits::Paused { since });
    assert_eq!(queued(&paused), held(Hold::Paused));
    assert_eq!(
        paused.outlook(State::Scheduled, Some(at), ""),
        held(Hold::Paused)
    );
    assert_eq!(paused.outlook(State::Running, None, ""), Outlook::Proceeds);
    assert_eq!(
        own().outlook(State::Scheduled, Some(at), ""),
        Outlook::Due(at)
    );
    let rate = |more_at| Waits::Rate {
        name: b"q".to_vec(),
        more_at,
    };
    assert_eq!(queued(&waiting(rate(Some(at)))), Outlook::Proceeds);
    assert_eq!(
        queued(&waiting(rate(None))),
        held(Hold::Limit(b"q".to_vec()))
    );
    let nobody = Prospects::default();
    assert_eq!(queued(&nobody), held(Hold::Unserved("h".to_owned())));
    let others = Prospects {
        is_served: true,
        ..Prospects::default()
    };
    assert_eq!(queued(&others), Outlook::NotOurs);
    assert_eq!(others.outlook(State::Running, None, "h"), Outlook::NotOurs);
}

#[test]
fn the_first_due_task_is_waited_for_before_held_tasks_are_left() {
    let task = |id| (TaskId(id), "name", "queue");
    let mut findings = Findings::default();
    assert_eq!(Findings::default().remaining(), Remaining::Nothing);
    findings.add(task(3), Outlook::Held(Hold::Paused));
    findings.add(task(2), Outlook::Held(Hold::Paused));
    let Remaining::Held(obstacles) = std::mem::take(&mut findings).remaining() else {
        panic!("it is held");
    };
    assert_eq!((obstacles[0].tasks, obstacles[0].task), (2, TaskId(2)));
    findings.obstacles = obstacles;
    findings.add(task(4), Outlook::Due(Timestamp(9)));
    findings.add(task(5), Outlook::Due(Timestamp(7)));
    findings.add(task(6), Outlook::Due(Timestamp(8)));
    assert_eq!(findings.due.as_ref().map(|due| due.task), Some(TaskId(5)));
    findings.add(task(7), Outlook::Proceeds);
    assert_eq!(findings.remaining(), Remaining::Proceeds);
}
