//! Why: the reasons a task waits.

use super::tasks::once;
use super::{Bench, Engine};
use queue_core::outcome::Outcome;
use queue_core::queue::{Queue, Serves, Waits};
use queue_core::sidecar::Registration;

pub fn why_names_the_reason_a_task_waits<E: Engine>() {
    let bench = Bench::<E>::default();
    let run_at = bench.later(1_000);
    let delayed = bench.add(once("delayed").run_at(run_at));
    let waits = |id| bench.queue.waits_in_file(id).unwrap();
    assert_eq!(
        waits(delayed),
        [Waits::Time {
            run_at,
            retry: false
        }]
    );
    let elsewhere = bench.add(once("elsewhere").queue("other"));
    let first = bench.shell("first");
    let second = bench.shell("second");
    let urgent = bench.add(once("urgent").priority(1));
    bench.add(once("elsewhere").priority(9).queue("third"));
    assert_eq!(waits(urgent), []);
    let behind = |tasks| Waits::Behind {
        tasks,
        ageing: None,
    };
    assert_eq!(waits(first), [behind(1)]);
    assert_eq!(waits(second), [behind(2)]);
    bench.queue.set_paused("default", true).unwrap();
    let since = bench.now();
    assert_eq!(waits(urgent), [Waits::Paused { since }]);
    let expected = [Waits::Paused { since }, behind(1)];
    assert_eq!(waits(first), expected);
    assert_eq!(waits(elsewhere), []);
}

pub fn a_task_between_attempts_waits_for_its_retry<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    assert_eq!(bench.queue.waits_in_file(id).unwrap(), [], "it runs");
    bench.settle(claim, Outcome::Exited { code: 1 });
    let run_at = bench.task(id).run_at.unwrap();
    let expected = [Waits::Time {
        run_at,
        retry: true,
    }];
    assert_eq!(bench.queue.waits_in_file(id).unwrap(), expected);
    bench.queue.cancel(&[id]).unwrap();
    assert_eq!(bench.queue.waits_in_file(id).unwrap(), [], "it has ended");
}

pub fn waits_for_names_a_task_that_no_worker_serves<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let waits = || bench.queue.waits_for(id).unwrap();
    assert_eq!(waits(), [Waits::Unserved]);
    let serves = |queue: &str, commands| Serves::new(queue).commands(commands).handlers(["task"]);
    let register = |serves| Registration::new(&bench.queue, 1, serves).unwrap();
    let _elsewhere = register(serves("other", true));
    let _handlers = register(serves("default", false));
    assert_eq!(waits(), [Waits::Unserved]);
    let worker = register(serves("default", true));
    assert_eq!(waits(), []);
    // Its lock shows that it has died.
    drop(worker);
    assert_eq!(waits(), [Waits::Unserved]);
    bench.claim_only();
    assert_eq!(waits(), [], "it runs");
}
