//! The bound on starts per period.

use queue_core::claim::ClaimRequest;
use queue_core::queue::{Queue, Waits};
use queue_core::task::NewTask;
use queue_testing::conformance::{OTHER, WORKER};
use workflow_queue::{Limit, Rate};

use crate::Bench;
use crate::limit::{limit_queue, set};

#[test]
fn no_more_tasks_of_a_queue_start_than_its_rate() {
    let bench = Bench::default();
    bench
        .queue
        .enqueue(vec![NewTask::shell("t", "true"); 50])
        .unwrap();
    let rate = Rate {
        starts: 10,
        period_ms: 1000,
    };
    limit_queue(&bench, None, Some(rate));
    assert_eq!(bench.claim(50).len(), 10);
    let request = ClaimRequest::new(WORKER, 50).commands(true);
    let none = bench.queue.claim(&request).unwrap();
    assert_eq!(none.tasks, []);
    let next = none.next_due.unwrap();
    assert!(next > bench.now() && next <= bench.later(101), "{next:?}");
    bench.advance(500);
    assert_eq!(bench.claim(50).len(), 5);
    bench.clock.jump(-3_600_000);
    assert_eq!(bench.claim(50), []);
    bench.advance(1000);
    assert_eq!(
        bench.claim(50).len(),
        10,
        "a clock set back costs one period at most"
    );
    bench.advance(1000);
    let one_by_one: usize = (0..12).map(|_| bench.claim(1).len()).sum();
    assert_eq!(one_by_one, 10);
    limit_queue(&bench, None, Some(Rate { starts: 0, ..rate }));
    assert_eq!(bench.claim(50), []);
}

#[test]
fn a_rate_set_again_begins_with_a_full_bucket() {
    let bench = Bench::default();
    bench
        .queue
        .enqueue(vec![NewTask::shell("t", "true"); 50])
        .unwrap();
    let rate = |period_ms| {
        Some(Rate {
            starts: 10,
            period_ms,
        })
    };
    limit_queue(&bench, None, rate(1_000));
    assert_eq!(bench.claim(50).len(), 10);
    limit_queue(&bench, None, rate(60_000));
    assert_eq!(bench.claim(50).len(), 10);
    bench.advance(5_000);
    assert_eq!(bench.claim(50), []);
    bench.advance(1_001);
    assert_eq!(bench.claim(50).len(), 1);
    assert_eq!(bench.queue.limits().unwrap()[0].rate, rate(60_000));
}

#[test]
fn starts_in_one_queue_do_not_count_in_another() {
    let bench = Bench::default();
    let rate = Some(Rate {
        starts: 1,
        period_ms: 60_000,
    });
    set(&bench, "other", None, rate);
    limit_queue(&bench, None, rate);
    bench.shell("here");
    bench.add(NewTask::shell("there", "true").queue("other"));
    assert_eq!(bench.claim(5).len(), 1);
    let other = ClaimRequest::new(OTHER, 5).commands(true).queues("other");
    assert_eq!(bench.queue.claim(&other).unwrap().tasks.len(), 1);
}

#[test]
fn why_tells_when_a_rate_allows_the_next_start() {
    let bench = Bench::default();
    let rate = |starts| {
        Limit::queue("default").rate(Rate {
            starts,
            period_ms: 60_000,
        })
    };
    let waits = |id| bench.queue.waits_in_file(id).unwrap();
    let of_rate = |more_at| Waits::Rate {
        name: b"default".to_vec(),
        more_at,
    };
    let ids = [bench.shell("one"), bench.shell("two")];
    bench.queue.set_limit(&rate(1)).unwrap();
    assert_eq!(waits(ids[0]), []);
    assert_eq!(bench.claim(2).len(), 1);
    let [Waits::Rate { more_at, .. }] = waits(ids[1])[..] else {
        panic!("{:?}", waits(ids[1]));
    };
    let wait = more_at.unwrap().since(bench.now());
    assert!((60_000..=60_001).contains(&wait), "{wait}");
    bench.advance(wait.unsigned_abs());
    assert_eq!(waits(ids[1]), []);
    bench.queue.set_limit(&rate(0)).unwrap();
    assert_eq!(waits(ids[1]), [of_rate(None)]);
}
