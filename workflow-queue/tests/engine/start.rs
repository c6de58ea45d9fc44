//! Start and edit beside dependencies, limits and time limits.

use std::time::Duration;

use queue_core::outcome::Outcome;
use queue_core::queue::{Change, Edit, Queue};
use queue_core::state::State;
use queue_core::workflow::Condition;
use workflow_queue::{Limit, Settings, WorkflowTask};

use crate::verify::broken;
use crate::{Bench, FAILED, Workflows, task};

fn by_key(name: &str) -> WorkflowTask {
    task(name).settings(Settings::new().limit_key(b"disk"))
}

fn one_at_a_time(bench: &Bench) {
    let limit = Limit::key(b"disk").concurrency(1);
    bench.queue.set_limit(&limit).unwrap();
}

#[test]
fn a_start_leaves_dependencies_and_limits_alone() {
    let bench = Bench::default();
    one_at_a_time(&bench);
    let later = |mut task: WorkflowTask| {
        task.task = task.task.run_at(bench.later(100_000));
        task
    };
    let ids = bench.flow(vec![
        task("a"),
        later(task("b").after("a", Condition::Success)),
        by_key("c"),
        later(by_key("d")),
    ]);
    let changes = bench.queue.start(&[ids[1], ids[3]]).unwrap();
    assert_eq!(changes, [Change::Done(State::Blocked); 2]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    let states = [State::Queued, State::Blocked, State::Queued, State::Blocked];
    assert_eq!(bench.states(&ids), states);
    bench.end(ids[0], Outcome::Succeeded);
    bench.end(ids[2], Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Queued);
    assert_eq!(bench.state(ids[3]), State::Queued);
}

#[test]
fn a_task_put_off_leaves_its_slot_to_the_next() {
    let bench = Bench::default();
    one_at_a_time(&bench);
    let ids = bench.flow(vec![by_key("a"), by_key("b")]);
    let later = Edit::new().run_at(Some(bench.later(1_000)));
    let changes = bench.queue.edit(&ids[..1], &later).unwrap();
    assert_eq!(changes, [Change::Done(State::Scheduled)]);
    assert_eq!(bench.claim_only().task, ids[1]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.advance(1_000);
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.state(ids[0]), State::Blocked);
    let now = Edit::new().run_at(None).priority(3);
    let changes = bench.queue.edit(&ids[..1], &now).unwrap();
    assert_eq!(changes, [Change::Done(State::Blocked)]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn the_time_limits_of_a_task_that_has_not_started_move_with_its_time() {
    let bench = Bench::default();
    let limited = task("a").settings(
        Settings::new()
            .start_within(Duration::from_secs(1))
            .finish_within(Duration::from_secs(5)),
    );
    let ids = bench.flow(vec![limited]);
    let later = Edit::new().run_at(Some(bench.later(60_000)));
    bench.queue.edit(&ids, &later).unwrap();
    bench.advance(30_000);
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.state(ids[0]), State::Scheduled, "it is not late");
    bench.queue.start(&ids).unwrap();
    bench.advance(900);
    bench.settle(bench.claim_only(), FAILED);
    let put_off = Edit::new().run_at(Some(bench.later(60_000)));
    bench.queue.edit(&ids, &put_off).unwrap();
    bench.advance(5_000);
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.state(ids[0]), State::Failed, "its deadline stands");
    assert_eq!(broken(&bench), Vec::<&str>::new());
}
