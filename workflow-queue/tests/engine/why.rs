//! What is said of tasks that their limit keeps back.

use queue_core::queue::{Queue, Waits};

use crate::limit::{by_key, limit_key};
use crate::{Bench, Workflows};

#[test]
fn a_task_kept_back_by_its_limit_says_so() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow(vec![
        by_key("a", b"k"),
        by_key("b", b"k"),
        by_key("c", b"k"),
    ]);
    bench.claim_only();
    let expected = |ahead| Waits::Limit {
        name: b"k".to_vec(),
        running: 1,
        bound: Some(1),
        ahead,
    };
    let waits = |id| bench.queue.waits_for(id).unwrap();
    assert_eq!(waits(ids[1]), [expected(0)]);
    assert_eq!(waits(ids[2]), [expected(1)]);
    bench.queue.reprioritize(&[ids[2]], 1).unwrap();
    assert_eq!(
        (waits(ids[1]), waits(ids[2])),
        (vec![expected(1)], vec![expected(0)])
    );
    let details = bench.queue.details(ids[1]).unwrap().unwrap();
    assert_eq!(details.limit_key.as_deref(), Some(&b"k"[..]));
}

/// Bug: a task whose key has a free slot that another task of its handler queue is offered was said to wait
/// for its limit. Loss: `why` showed a limit as reached under which nothing ran, and whoever raised
/// it changed nothing. Fix: what runs and what may is told, and how many are before it, those that
/// wait like it included.
#[test]
fn a_task_behind_another_that_is_offered_the_slot_does_not_blame_the_limit() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow(vec![
        by_key("a", b"k"),
        by_key("b", b"k"),
        by_key("c", b"k"),
    ]);
    for (ahead, id) in ids.iter().enumerate().skip(1) {
        let expected = Waits::Limit {
            name: b"k".to_vec(),
            running: 0,
            bound: Some(1),
            ahead: ahead as u64,
        };
        assert_eq!(bench.queue.waits_for(*id).unwrap(), [expected]);
    }
}
