//! Edges: conditions, propagation, refusals.

use queue_core::error::Error;
use queue_core::outcome::{Outcome, Reason};
use queue_core::queue::{Invariant, Queue, Waits};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::workflow::{Condition, Standing};
use queue_testing::conformance::{Engine, WORKER};
use workflow_queue::{Edge, WorkflowTask};

use crate::{Bench, FAILED, Workflows, once, task};

/// Brings a waiting task to this end.
fn bring(bench: &Bench, id: TaskId, end: State) {
    match end {
        State::Succeeded => bench.end(id, Outcome::Succeeded),
        State::Failed => bench.end(id, FAILED),
        State::Cancelled => {
            bench.queue.cancel(&[id]).unwrap();
        }
        State::Skipped | State::Scheduled | State::Blocked | State::Queued | State::Running | _ => {
            unreachable!("not an end to be brought about")
        }
    }
}

#[test]
fn a_workflow_has_the_id_of_its_first_task() {
    let bench = Bench::default();
    let workflow = |id| bench.queue.details(id).unwrap().unwrap().workflow;
    for size in 2..4 {
        let ids = bench.flow(vec![task("a"); size]);
        assert!(ids.iter().all(|id| workflow(*id) == Some(ids[0])));
        assert_eq!(workflow(bench.shell("alone")), None);
        assert_eq!(workflow(bench.flow(vec![task("alone")])[0]), None);
        let plain = vec![NewTask::shell("plain", "true"); 3];
        assert_eq!(workflow(bench.queue.enqueue(plain).unwrap()[0].id), None);
    }
}

#[test]
fn a_released_task_wakes_an_idle_worker_and_is_queued_once_due() {
    let bench = Bench::default();
    let mut due = task("due").after("a", Condition::Success);
    due.task.run_at = Some(bench.later(1_000));
    let ids = bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        due,
    ]);
    let claim = bench.claim_only();
    let idle = bench.idle_worker();
    bench.advance(1_000);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(idle.received(), [Signal::Tasks]);
    assert_eq!(bench.states(&ids[1..]), [State::Queued; 2]);
}

#[test]
fn a_skipped_task_names_the_dependency_it_was_skipped_for() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), task("b").after("a", Condition::Success)]);
    bench.end(ids[0], FAILED);
    let expected = Waits::Dependency {
        task: ids[0],
        state: State::Failed,
        condition: Condition::Success,
    };
    let waits = bench.queue.waits_in_file(ids[1]).unwrap();
    assert!(waits.contains(&expected), "{waits:?}");
}

#[test]
fn each_condition_is_met_by_its_own_ends() {
    for end in [State::Succeeded, State::Failed, State::Cancelled] {
        for condition in Condition::ALL {
            let bench = Bench::default();
            let ids = bench.flow(vec![
                once("first"),
                task("second").after("first", condition),
                task("third").after("second", Condition::Success),
                task("whatever").after("second", Condition::Any),
            ]);
            assert_eq!(bench.states(&ids[1..]), [State::Blocked; 3]);
            bring(&bench, ids[0], end);
            let expected = match condition.standing(end) {
                Standing::Met => [State::Queued, State::Blocked, State::Blocked],
                Standing::Open | Standing::Impossible => {
                    [State::Skipped, State::Skipped, State::Queued]
                }
            };
            assert_eq!(bench.states(&ids[1..]), expected, "{condition} after {end}");
        }
    }
}

#[test]
fn a_skipped_task_has_a_reason() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), task("b").after("a", Condition::Success)]);
    bench.end(ids[0], FAILED);
    let skipped = bench.task(ids[1]);
    assert_eq!(skipped.reason, Some(Reason::Dependency));
    assert_eq!(skipped.finished_at, Some(bench.now()));
}

#[test]
fn a_task_starts_only_when_its_last_condition_is_met() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("join")
            .after("good", Condition::Success)
            .after("bad", Condition::Failure)
            .after("either", Condition::Any),
        task("good"),
        once("bad"),
        task("either"),
    ]);
    for (id, end) in [(1, Outcome::Succeeded), (2, FAILED)] {
        bench.end(ids[id], end);
        assert_eq!(bench.state(ids[0]), State::Blocked);
    }
    bench.end(ids[3], Outcome::Succeeded);
    assert_eq!(bench.state(ids[0]), State::Queued);
}

#[test]
fn a_failed_attempt_that_will_be_retried_does_not_end_the_task() {
    let bench = Bench::default();
    let ids = bench.flow(vec![task("a"), task("b").after("a", Condition::Any)]);
    bench.end(ids[0], FAILED);
    assert_eq!(bench.states(&ids), [State::Scheduled, State::Blocked]);
}

#[test]
fn the_last_crash_of_a_task_skips_dependents_on_its_success() {
    let bench = Bench::default();
    let mut first = task("a");
    first.task.options.max_crashes = 1;
    let ids = bench.flow(vec![
        first,
        task("b").after("a", Condition::Success),
        task("c").after("a", Condition::Failure),
    ]);
    assert_eq!(bench.claim_as(WORKER, 1).len(), 1);
    bench.queue.reap(WORKER).unwrap();
    assert_eq!(
        bench.states(&ids),
        [State::Failed, State::Skipped, State::Queued]
    );
}

#[test]
fn a_dependent_waits_for_its_own_run_at_too() {
    let bench = Bench::default();
    let mut late = task("late").after("first", Condition::Success);
    late.task.run_at = Some(bench.later(60_000));
    let ids = bench.flow(vec![task("first"), late]);
    assert_eq!(bench.state(ids[1]), State::Blocked);
    assert_eq!(bench.drain(), ids[..1]);
    assert_eq!(bench.state(ids[1]), State::Scheduled);
    bench.advance(60_000);
    assert_eq!(bench.drain(), ids[1..]);
}

#[test]
fn dependencies_that_have_ended_count_at_once() {
    let bench = Bench::default();
    let good = bench.ended(NewTask::shell("good", "true"), Outcome::Succeeded);
    let bad = bench.ended(once("bad").task, FAILED);
    let ids = bench.flow(vec![
        task("a")
            .after(good, Condition::Success)
            .after(bad, Condition::Failure),
        task("b").after(bad, Condition::Success),
        task("c")
            .after("b", Condition::Any)
            .after("a", Condition::Success),
        task("d").after("b", Condition::Success),
    ]);
    let expected = [
        State::Queued,
        State::Skipped,
        State::Blocked,
        State::Skipped,
    ];
    assert_eq!(bench.states(&ids), expected);
    assert_eq!(bench.drain(), [ids[0], ids[2]]);
}

#[test]
fn a_dependency_on_a_running_task_waits_for_it() {
    let bench = Bench::default();
    bench.shell("running");
    let claim = bench.claim_only();
    let ids = bench.flow(vec![task("after").after(claim.task, Condition::Success)]);
    assert_eq!(bench.state(ids[0]), State::Blocked);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.state(ids[0]), State::Queued);
}

#[test]
fn a_submission_with_one_bad_edge_leaves_nothing() {
    let bench = Bench::default();
    let bad = vec![
        vec![task("a"), task("b").after(TaskId(99), Condition::Any)],
        vec![
            task("a").after("b", Condition::Any),
            task("b").after("a", Condition::Any),
        ],
        vec![task("a"), task("b").after("nobody", Condition::Any)],
    ];
    for tasks in bad {
        let error = bench.queue.enqueue_workflow(tasks).unwrap_err();
        assert!(
            matches!(error, Error::Invalid { .. } | Error::NotFound { .. }),
            "{error}"
        );
        assert_eq!(bench.queue.stats().unwrap().total(), 0);
    }
}

#[test]
fn why_names_the_dependencies_a_task_waits_for() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Any),
        task("c")
            .after("a", Condition::Success)
            .after("b", Condition::Failure),
    ]);
    bench.end(ids[0], Outcome::Succeeded);
    let expected = Waits::Dependency {
        task: ids[1],
        state: State::Queued,
        condition: Condition::Failure,
    };
    assert_eq!(bench.queue.waits_in_file(ids[2]).unwrap(), [expected]);
    assert_eq!(bench.queue.dependencies(ids[2]).unwrap().len(), 2);
    assert_eq!(bench.queue.dependents(ids[0]).unwrap().len(), 2);
}

#[test]
fn a_claim_tells_whether_its_task_depends_on_others() {
    let bench = Bench::default();
    let alone = bench.shell("alone");
    let ids = bench.flow(vec![
        task("first"),
        task("second").after("first", Condition::Success),
        task("linked"),
    ]);
    bench
        .queue
        .add_dependencies(vec![link(ids[2], alone, Condition::Any)])
        .unwrap();
    let mut told = Vec::new();
    // A single task is claimed by a statement of its own.
    let mut run = |at_once| {
        for claimed in bench.claim(at_once) {
            told.push((claimed.claim.task, claimed.depends));
            bench.settle(claimed.claim, Outcome::Succeeded);
        }
    };
    run(1);
    run(1);
    run(10);
    let late = bench.flow(vec![task("late").after(alone, Condition::Success)]);
    run(1);
    let expected = [
        (alone, false),
        (ids[0], false),
        (ids[1], true),
        (ids[2], true),
        (late[0], true),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_dependent_reads_the_output_of_its_dependencies() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        once("b"),
        task("c")
            .after("a", Condition::Success)
            .after("b", Condition::Failure),
    ]);
    let claims = bench.claim(2);
    bench.settle_with(claims[0].claim, Outcome::Succeeded, Some("o2\nhi"));
    bench.settle(claims[1].claim, FAILED);
    let inputs = bench.queue.inputs(ids[2]).unwrap();
    let read: Vec<_> = inputs
        .iter()
        .map(|input| {
            (
                input.task.name.as_str(),
                input.condition,
                input.output.is_some(),
            )
        })
        .collect();
    assert_eq!(
        read,
        [
            ("a", Condition::Success, true),
            ("b", Condition::Failure, false)
        ]
    );
    assert_eq!(bench.queue.inputs(ids[0]).unwrap(), []);
}

#[test]
fn a_wide_fan_opens_and_closes() {
    let bench = Bench::default();
    let width = 5_000;
    let mut tasks = vec![task("open")];
    let mut close = task("close");
    for index in 1..=width {
        tasks.push(task("middle").after(0_usize, Condition::Success));
        close = close.after(index, Condition::Success);
    }
    tasks.push(close);
    let ids = bench.flow(tasks);
    let order = bench.drain();
    assert_eq!(order.len(), width + 2);
    assert_eq!((order.first(), order.last()), (ids.first(), ids.last()));
}

#[test]
fn a_workflow_submitted_again_under_its_keys_is_stored_once() {
    let bench = Bench::default();
    let flow = || {
        let keyed = |mut task: WorkflowTask, key: &str| {
            task.task = task.task.key(key);
            task
        };
        vec![
            keyed(task("b").after("a", Condition::Success), "kb"),
            keyed(task("a"), "ka"),
            keyed(task("c").after("b", Condition::Success), "kc"),
        ]
    };
    let ids = bench.flow(flow());
    assert_eq!(bench.flow(flow()), ids);
    bench.end(ids[1], Outcome::Succeeded);
    assert_eq!(bench.flow(flow()), ids);
    assert_eq!(bench.queue.stats().unwrap().total(), 3);
    assert_eq!(bench.drain(), [ids[0], ids[2]]);
}

#[test]
fn two_tasks_of_one_key_in_a_workflow_are_one_task() {
    let bench = Bench::default();
    let keyed = |name: &str| WorkflowTask::from(NewTask::shell(name, "true").key("same"));
    let ids = bench.flow(vec![
        keyed("a"),
        keyed("b"),
        task("c")
            .after("a", Condition::Success)
            .after("b", Condition::Success),
    ]);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(bench.drain(), [ids[0], ids[2]]);
    let circle = vec![
        keyed("x").after("z", Condition::Any),
        WorkflowTask::from(NewTask::shell("y", "true").key("other")).after("z", Condition::Any),
        task("z").after("w", Condition::Any),
        WorkflowTask::from(NewTask::shell("w", "true").key("other")),
    ];
    let error = bench.queue.enqueue_workflow(circle).unwrap_err();
    assert!(error.to_string().contains("in a circle"), "{error}");
}

fn link(dependent: TaskId, on: TaskId, condition: Condition) -> Edge {
    Edge {
        dependent,
        on,
        condition,
    }
}

#[test]
fn a_waiting_task_can_be_made_to_wait_for_further_tasks() {
    let bench = Bench::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| bench.shell(name));
    bench
        .queue
        .add_dependencies(vec![link(a, b, Condition::Success)])
        .unwrap();
    bench
        .queue
        .add_dependencies(vec![
            link(a, b, Condition::Success),
            link(a, c, Condition::Any),
        ])
        .unwrap();
    assert_eq!(bench.state(a), State::Blocked);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
    assert_eq!(bench.drain(), [b, c, a]);
}

#[test]
fn an_added_edge_that_cannot_be_met_skips_and_a_met_one_changes_nothing() {
    let bench = Bench::default();
    let done = bench.ended(NewTask::shell("done", "true"), Outcome::Succeeded);
    let [a, b] = ["a", "b"].map(|name| bench.shell(name));
    bench
        .queue
        .add_dependencies(vec![link(a, done, Condition::Success)])
        .unwrap();
    bench
        .queue
        .add_dependencies(vec![link(b, done, Condition::Failure)])
        .unwrap();
    assert_eq!(bench.states(&[a, b]), [State::Queued, State::Skipped]);
}

#[test]
fn edges_are_not_added_to_running_or_ended_tasks() {
    let bench = Bench::default();
    let running = bench.shell("running");
    let claim = bench.claim_only();
    let other = bench.shell("other");
    let refused = |dependent, on| {
        let links = vec![link(dependent, on, Condition::Any)];
        bench.queue.add_dependencies(links).unwrap_err().to_string()
    };
    assert!(refused(running, other).contains("is running"));
    bench.settle(claim, Outcome::Succeeded);
    assert!(refused(running, other).contains("has succeeded"));
    assert!(refused(other, other).contains("depends on itself"));
    assert!(refused(other, TaskId(77)).contains("no task 77"));
    assert!(refused(TaskId(77), other).contains("no task 77"));
    assert_eq!(bench.state(other), State::Queued);
}

#[test]
fn a_cycle_across_submissions_is_refused() {
    let bench = Bench::default();
    let another = bench.another();
    let ids = bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Any),
        task("c").after("b", Condition::Any),
    ]);
    let error = another
        .add_dependencies(vec![link(ids[0], ids[2], Condition::Any)])
        .unwrap_err();
    assert!(
        error.to_string().contains("cannot wait for task 3"),
        "{error}"
    );
    let [x, y] = ["x", "y"].map(|name| bench.shell(name));
    bench
        .queue
        .add_dependencies(vec![link(x, y, Condition::Any)])
        .unwrap();
    another
        .add_dependencies(vec![link(y, x, Condition::Any)])
        .unwrap_err();
    assert_eq!(bench.drain(), [ids[0], y, ids[1], x, ids[2]]);
}

#[test]
fn tasks_can_join_a_workflow_in_the_callers_transaction() {
    let bench = Bench::default();
    let flow = || vec![task("a"), task("b").after("a", Condition::Success)];
    crate::Workflow::transaction(&bench.path(), false, |tx| {
        let _ = bench.queue.enqueue_workflow_in(tx, flow()).unwrap();
    });
    assert_eq!(bench.queue.stats().unwrap().total(), 0);
    crate::Workflow::transaction(&bench.path(), true, |tx| {
        let _ = bench.queue.enqueue_workflow_in(tx, flow()).unwrap();
    });
    assert_eq!(bench.drain().len(), 2);
}
