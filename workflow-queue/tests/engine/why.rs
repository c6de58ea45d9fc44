//! The reasons given for tasks that wait for a limit.

use queue_core::queue::{Queue, Waits};

use crate::limit::{by_key, limit_key};
use crate::{Bench, Workflows};

#[test]
fn why_names_the_limit_a_task_waits_for() {
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
    let waits = |id| bench.queue.waits_in_file(id).unwrap();
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

/// Bug: if the free slot of a key was offered to another task of the handler queue, `why` said that
/// a task waits for its limit. Loss: it showed a limit as reached under which nothing ran, and
/// raising the limit changed nothing. Fix: `why` shows the running tasks, the limit, and the number
/// of tasks ahead.
#[test]
fn why_does_not_name_the_limit_for_a_task_behind_another() {
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
        assert_eq!(bench.queue.waits_in_file(*id).unwrap(), [expected]);
    }
}
