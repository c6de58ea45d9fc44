//! Queues.

use super::tasks::once;
use super::{Bench, Engine};
use queue_core::queue::Queue;
use queue_core::task::NewTask;

pub fn queues_count_waiting_tasks_by_handler<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![once("t").queue("b"); 3]).unwrap();
    bench.add(once("later").queue("b").run_at(bench.later(1)));
    bench.add(NewTask::handler("print", "").queue("a"));
    bench.add(NewTask::handler("mail", "").queue("a"));
    bench.queue.set_paused("a", true).unwrap();
    let since = Some(bench.now());
    let mut queues = bench.queue.queues().unwrap();
    queues.retain(|queue| queue.queued > 0);
    let counts = queues.iter().map(|queue| {
        let (name, handler) = (queue.name.as_str(), queue.handler.as_str());
        (name, handler, queue.paused_at, queue.queued)
    });
    let expected = [
        ("a", "mail", since, 1),
        ("a", "print", since, 1),
        ("b", "", None, 3),
    ];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}
