//! Tasks that several verbs are tried on.

use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

use super::{Bench, Engine};

/// A task with one attempt.
pub(super) fn once(name: &str) -> NewTask {
    NewTask::shell(name, "true").options(TaskOptions::new().max_attempts(1))
}

/// A task in each state that the core schema has, in the order of [`State::ALL`].
pub(super) fn one_in_each<E: Engine>(bench: &Bench<E>) -> [(State, TaskId); 6] {
    let good = bench.ended(once("good"), Outcome::Succeeded);
    let bad = bench.ended(once("bad"), Outcome::TimedOut);
    let running = bench.shell("running");
    bench.claim_only();
    let cancelled = bench.shell("cancelled");
    bench.queue.cancel(&[cancelled]).unwrap();
    let queued = bench.shell("queued");
    let scheduled = bench.add(once("scheduled").run_at(bench.later(1_000)));
    [
        (State::Scheduled, scheduled),
        (State::Queued, queued),
        (State::Running, running),
        (State::Succeeded, good),
        (State::Failed, bad),
        (State::Cancelled, cancelled),
    ]
}
