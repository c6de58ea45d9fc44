use super::{Bench, Engine, OTHER, settlement};
use queue_core::claim::Claim;
use queue_core::error::Error;
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, NewTask};

fn tasks() -> Vec<NewTask> {
    vec![
        NewTask::shell("one", "true").key("one"),
        NewTask::shell("two", "true").queue("new queue"),
    ]
}

pub fn tasks_enqueued_in_a_transaction_appear_with_its_commit<E: Engine>() {
    let bench = Bench::<E>::default();
    let (enqueued, wake) = E::transaction(&bench.path(), true, |tx| {
        let answer = bench.queue.enqueue_in(tx, &tasks()).unwrap();
        assert_eq!(
            bench.queue.stats().unwrap().total(),
            0,
            "not before the commit"
        );
        answer
    });
    wake.fire();
    assert_eq!(bench.queue.stats().unwrap().total(), 2);
    assert_eq!(bench.claim_ids(5), [enqueued[0].id]);
    assert_eq!(bench.task(enqueued[1].id).queue, "new queue");
    let again = bench.queue.enqueue(tasks()).unwrap();
    assert_eq!((again[0].id, again[0].existed), (enqueued[0].id, true));
    assert!(!again[1].existed);
}

pub fn a_rolled_back_transaction_leaves_no_task<E: Engine>() {
    let bench = Bench::<E>::default();
    E::transaction(&bench.path(), false, |tx| {
        let (_, _wake) = bench.queue.enqueue_in(tx, &tasks()).unwrap();
    });
    assert_eq!(bench.queue.last_id().unwrap(), None);
    assert_eq!(bench.queue_names(), [DEFAULT_QUEUE]);
    let enqueued = bench.queue.enqueue(tasks()).unwrap();
    assert!(enqueued.iter().all(|one| !one.existed));
    assert_eq!(bench.task(enqueued[1].id).queue, "new queue");
}

pub fn an_invalid_task_is_refused_in_a_transaction_too<E: Engine>() {
    let bench = Bench::<E>::default();
    let mut tasks = tasks();
    tasks[1].name.clear();
    let error = E::transaction(&bench.path(), true, |tx| {
        bench.queue.enqueue_in(tx, &tasks).unwrap_err()
    });
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert_eq!(bench.queue.last_id().unwrap(), None);
}

pub fn a_settle_commits_or_rolls_back_with_its_transaction<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    let success = [settlement(claim, Outcome::Succeeded, Some("o2\nhi"))];
    for (commit, state) in [(false, State::Running), (true, State::Succeeded)] {
        let settled = E::transaction(&bench.path(), commit, |tx| {
            bench.queue.settle_in(tx, &success).unwrap().0
        });
        assert_eq!(settled, [Settled::Recorded(State::Succeeded)]);
        assert_eq!(bench.state(id), state);
    }
    let settled = bench.settle(claim, Outcome::TimedOut);
    assert_eq!(
        settled,
        Settled::Recorded(State::Succeeded),
        "settled already"
    );
    assert!(bench.queue.output(id).unwrap().is_some());
}

pub fn a_settle_in_a_transaction_is_fenced<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    let stolen = [settlement(
        Claim {
            worker: OTHER,
            ..claim
        },
        Outcome::Succeeded,
        None,
    )];
    let settled = E::transaction(&bench.path(), true, |tx| {
        bench.queue.settle_in(tx, &stolen).unwrap().0
    });
    assert_eq!(settled, [Settled::ClaimLost]);
    assert_eq!(bench.state(id), State::Running);
}

pub fn a_task_scheduled_in_a_transaction_is_claimed_when_due<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.claim(1), []);
    let task = [NewTask::shell("soon", "true").run_at(bench.later(50))];
    let (enqueued, wake) = E::transaction(&bench.path(), true, |tx| {
        bench.queue.enqueue_in(tx, &task).unwrap()
    });
    wake.fire();
    bench.advance(50);
    assert_eq!(bench.claim_ids(1), [enqueued[0].id]);
}

pub fn a_transaction_on_another_file_is_refused<E: Engine>() {
    let bench = Bench::<E>::default();
    let elsewhere = Bench::<E>::default();
    bench.shell("task");
    let claim = bench.claim_only();
    E::transaction(&elsewhere.path(), true, |tx| {
        let error = bench.queue.enqueue_in(tx, &tasks()).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        let success = [settlement(claim, Outcome::Succeeded, None)];
        let error = bench.queue.settle_in(tx, &success).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    });
    assert_eq!(elsewhere.queue.last_id().unwrap(), None);
    assert_eq!(bench.state(claim.task), State::Running);
}
