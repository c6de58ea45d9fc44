//! Queues.

use super::{Bench, Engine};
use queue_core::options::TaskOptions;
use queue_core::queue::{Queue, QueueInfo};
use queue_core::task::NewTask;

fn once(name: &str) -> NewTask {
    NewTask::shell(name, "true").options(TaskOptions {
        max_attempts: 1,
        ..TaskOptions::default()
    })
}

pub fn queues_name_every_lane_and_what_waits_in_it<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![once("t").queue("b"); 3]).unwrap();
    bench.add(once("later").queue("b").run_at(bench.later(1)));
    bench.add(NewTask::handler("print", "").queue("a"));
    bench.add(NewTask::handler("mail", "").queue("a"));
    bench.queue.set_paused("a", true).unwrap();
    let lane = |name: &str, handler: &str, paused_at, queued| QueueInfo {
        name: name.to_owned(),
        handler: handler.to_owned(),
        paused_at,
        queued,
    };
    let since = Some(bench.now());
    let mut lanes = bench.queue.queues().unwrap();
    lanes.retain(|lane| lane.queued > 0);
    let expected = [
        lane("a", "mail", since, 1),
        lane("a", "print", since, 1),
        lane("b", "", None, 3),
    ];
    assert_eq!(lanes, expected);
}
