use std::sync::Barrier;

use super::tasks::once;
use super::{Bench, Engine};
use queue_core::ServedQueues;
use queue_core::clock::Timestamp;
use queue_core::error::Error;
use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::{Enqueued, ListQuery, Queue};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::{
    DEFAULT_QUEUE, MAX_ARGUMENT_BYTES, MAX_KEY_BYTES, MAX_NAME_BYTES, NewTask, TaskId, Work,
};

pub fn enqueue_gives_rising_ids_in_the_order_given<E: Engine>() {
    let bench = Bench::<E>::default();
    let names = ["one", "two", "three"];
    let tasks = names.map(|name| NewTask::shell(name, "true")).to_vec();
    let enqueued = bench.queue.enqueue(tasks).unwrap();
    let expected = [1, 2, 3].map(|id| Enqueued {
        id: TaskId(id),
        existed: false,
    });
    assert_eq!(enqueued, expected);
    for (name, enqueued) in names.iter().zip(enqueued) {
        assert_eq!(bench.task(enqueued.id).name, *name);
    }
    assert_eq!(bench.shell("four"), TaskId(4));
}

pub fn enqueueing_no_tasks_does_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.queue.enqueue(Vec::new()).unwrap(), []);
    assert_eq!(bench.queue.last_id().unwrap(), None);
}

pub fn a_task_reads_back_as_enqueued<E: Engine>() {
    let bench = Bench::<E>::default();
    let options = TaskOptions::new()
        .max_attempts(7)
        .timeout_ms(1_500)
        .cwd("/tmp/ä b")
        .env("NAME", "with = and\nnewline")
        .fatal_codes([2]);
    let works = [
        Work::Shell("printf '%s' \"ünï 🦀\"".to_owned()),
        Work::Argv(vec!["echo".to_owned(), String::new(), "a b".to_owned()]),
        Work::Handler {
            handler: "träge".to_owned(),
            payload: vec![0, 255, 10],
        },
    ];
    for (index, work) in works.into_iter().enumerate() {
        let new = NewTask::of("名前 \u{1b}[31m", work)
            .priority(-5)
            .queue("größe")
            .key(vec![0, 254, u8::try_from(index).unwrap()])
            .run_at(bench.later(60_000))
            .options(options.clone());
        let id = bench.add(new.clone());
        let task = bench.task(id);
        assert_eq!(
            (&task.name, &task.work, &task.queue),
            (&new.name, &new.work, &new.queue)
        );
        assert_eq!(
            (task.priority, &task.key, &task.options),
            (new.priority, &new.key, &new.options)
        );
        assert_eq!((task.run_at, task.created_at), (new.run_at, bench.now()));
        assert_eq!((task.state, task.attempt), (State::Scheduled, 0));
        assert_eq!((task.token, task.worker), (0, None));
    }
}

pub fn a_task_keeps_a_run_at_in_the_past<E: Engine>() {
    let bench = Bench::<E>::default();
    let past = Timestamp(bench.now().0 - 5_000);
    // The queue id of the second is known, so that one statement may do.
    for _ in 0..2 {
        let id = bench.add(NewTask::shell("past", "true").run_at(past));
        assert_eq!(bench.task(id).run_at, Some(past));
        assert_eq!(bench.state(id), State::Queued);
    }
}

pub fn a_task_is_scheduled_only_while_its_time_lies_ahead<E: Engine>() {
    let bench = Bench::<E>::default();
    let now = bench.now();
    let at = |millis| NewTask::shell("at", "true").run_at(Timestamp(now.0 + millis));
    assert_eq!(bench.state(bench.add(at(1))), State::Scheduled);
    assert_eq!(bench.state(bench.add(at(0))), State::Queued);
    assert_eq!(bench.state(bench.add(at(-1))), State::Queued);
}

pub fn a_taken_key_returns_the_first_task<E: Engine>() {
    let bench = Bench::<E>::default();
    let first = bench.add(NewTask::shell("first", "true").key("k"));
    let again = vec![NewTask::shell("second", "false").key("k")];
    let expected = Enqueued {
        id: first,
        existed: true,
    };
    assert_eq!(bench.queue.enqueue(again).unwrap(), [expected]);
    assert_eq!(bench.task(first).name, "first");
    assert_eq!(bench.queue.stats().unwrap().total(), 1);
}

pub fn a_key_given_twice_in_one_batch_makes_one_task<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add(NewTask::shell("old", "true").key("old"));
    let keyed = |key: &str| NewTask::shell(key, "true").key(key);
    let tasks = vec![
        keyed("new"),
        keyed("old"),
        NewTask::shell("none", "true"),
        keyed("new"),
    ];
    let enqueued = bench.queue.enqueue(tasks).unwrap();
    let seen: Vec<_> = enqueued.iter().map(|one| (one.id.0, one.existed)).collect();
    assert_eq!(seen, [(2, false), (1, true), (3, false), (2, true)]);
}

pub fn a_key_stays_taken_when_its_task_has_ended<E: Engine>() {
    let bench = Bench::<E>::default();
    let keyed = || NewTask::shell("once", "true").key("once");
    let id = bench.ended(keyed(), Outcome::Succeeded);
    let enqueued = bench.queue.enqueue(vec![keyed()]).unwrap()[0];
    assert_eq!((enqueued.id, enqueued.existed), (id, true));
    assert_eq!(bench.claim(10), []);
}

pub fn one_key_enqueued_by_many_at_once_makes_one_task<E: Engine>() {
    const THREADS: usize = 8;
    let bench = Bench::<E>::default();
    let handles = [&bench.queue, &bench.another()];
    let start = Barrier::new(THREADS);
    let run = |index: usize| {
        start.wait();
        let batch = (0..20).map(|key| NewTask::shell("same", "true").key(format!("k{key}")));
        handles[index % 2].enqueue(batch.collect()).unwrap()
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|index| scope.spawn(move || run(index)))
            .collect::<Vec<_>>();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for key in 0..20 {
        let ids: Vec<_> = results.iter().map(|result| result[key].id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "one id for one key");
        let made = results.iter().filter(|result| !result[key].existed);
        assert_eq!(made.count(), 1, "one caller made the task");
    }
    assert_eq!(bench.queue.stats().unwrap().total(), 20);
}

pub fn one_invalid_task_rejects_the_whole_batch<E: Engine>() {
    let bench = Bench::<E>::default();
    let tasks = vec![NewTask::shell("fine", "true"), NewTask::shell("", "true")];
    let error = bench.queue.enqueue(tasks).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("task 2 of 2"), "{error}");
    assert_eq!(bench.queue.last_id().unwrap(), None);
    assert_eq!(bench.queue.list(&page()).unwrap(), []);
}

fn page() -> ListQuery {
    ListQuery::new().limit(10)
}

pub fn a_task_beyond_a_limit_is_refused_and_leaves_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    let fine = || NewTask::shell("fine", "true");
    let named = |name: String| NewTask::shell(name, "true");
    let refused = [
        named(String::new()),
        named(" \t".to_owned()),
        named("a\0b".to_owned()),
        named("x".repeat(MAX_NAME_BYTES + 1)),
        NewTask::shell("empty", ""),
        NewTask::shell("nul", "true\0"),
        NewTask::shell("long", "x".repeat(MAX_ARGUMENT_BYTES + 1)),
        NewTask::argv("none", Vec::<String>::new()),
        NewTask::argv("empty", [""]),
        NewTask::handler("", "payload"),
        fine().queue(""),
        fine().queue("x".repeat(MAX_NAME_BYTES + 1)),
        fine().key(""),
        fine().key(vec![0; MAX_KEY_BYTES + 1]),
        fine().run_at(Timestamp(-1)),
        fine().run_at(Timestamp(Timestamp::MAX.0 + 1)),
        fine().options(TaskOptions::new().max_attempts(0)),
        fine().options(TaskOptions::new().timeout_ms(u64::MAX)),
    ];
    for task in refused {
        let error = bench.queue.enqueue(vec![task.clone()]).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{task:?}: {error}");
    }
    assert_eq!(bench.queue.last_id().unwrap(), None);
    assert_eq!(bench.queue_names(), [DEFAULT_QUEUE]);
}

pub fn a_task_exactly_at_a_limit_is_stored_whole<E: Engine>() {
    let bench = Bench::<E>::default();
    let name = "ü".repeat(MAX_NAME_BYTES / 2);
    let command = format!("true {}", "x".repeat(MAX_ARGUMENT_BYTES - 5));
    let lowest = NewTask::shell(&name, &command)
        .priority(i32::MIN)
        .queue(&name)
        .key(vec![255; MAX_KEY_BYTES])
        .run_at(Timestamp::MAX);
    let task = bench.task(bench.add(lowest));
    assert_eq!((&task.name, &task.queue), (&name, &name));
    assert_eq!(
        (task.priority, task.run_at),
        (i32::MIN, Some(Timestamp::MAX))
    );
    assert_eq!(task.work, Work::Shell(command));
    let highest = NewTask::handler("big", vec![7; 1 << 20]).priority(i32::MAX);
    let task = bench.task(bench.add(highest));
    assert_eq!(task.priority, i32::MAX);
    assert_eq!(task.work.to_payload().len(), 1 << 20);
}

pub fn many_tasks_are_enqueued_in_one_call<E: Engine>() {
    let bench = Bench::<E>::default();
    let task = |index: usize| {
        NewTask::shell(format!("t{index}"), "true").queue(format!("q{}", index % 50))
    };
    let enqueued = bench.queue.enqueue((0..2_000).map(task).collect()).unwrap();
    assert!(enqueued.iter().map(|one| one.id.0).eq(1..=2_000));
    let stats = bench.queue.stats().unwrap();
    assert_eq!(stats.count(State::Queued), 2_000);
    let mut queues = bench.queue.queues().unwrap();
    queues.retain(|queue| queue.name != DEFAULT_QUEUE);
    assert_eq!(queues.len(), 50);
    assert!(queues.iter().all(|queue| queue.queued == 40));
}

/// workflow-queue woke no worker for a task with a delay; the task began at an idle worker's next
/// poll, up to two seconds late. Now one worker is woken, and sleeps until the task is due.
/// Any idle worker was woken. If it could not run the task, the right one waited for its poll.
pub fn a_task_wakes_an_idle_worker_that_can_run_it<E: Engine>() {
    let bench = Bench::<E>::default();
    let idle = [
        bench.idle_worker_of("a".into(), ""),
        bench.idle_worker_of("b".into(), ""),
        bench.idle_worker_of("b".into(), "mail"),
    ];
    let woken = || idle.each_ref().map(|worker| worker.received().len());
    let at_b = |task: NewTask| task.queue("b");
    for _ in 0..4 {
        bench.add(at_b(once("t")));
        assert_eq!(woken(), [0, 1, 0]);
        bench.add(at_b(NewTask::handler("mail", "")));
        assert_eq!(woken(), [0, 0, 1]);
        bench.add(once("elsewhere"));
        assert_eq!(woken(), [0, 0, 0]);
    }
    let both = vec![once("t").queue("a"), at_b(once("t")), at_b(once("t"))];
    bench.queue.enqueue(both).unwrap();
    assert_eq!(woken(), [1, 1, 0]);
    let later = bench.later(60_000);
    bench.add(at_b(once("later").run_at(later)));
    assert_eq!(woken()[1], 1, "it sleeps until the task is due");
    let every = bench.idle_worker_of(ServedQueues::all([]), "");
    bench.add(once("elsewhere"));
    assert_eq!(woken(), [0, 0, 0]);
    assert_eq!(every.received(), [Signal::Tasks]);
}

pub fn a_task_due_now_or_later_wakes_an_idle_worker<E: Engine>() {
    let bench = Bench::<E>::default();
    let idle = bench.idle_worker();
    let later = || NewTask::shell("later", "true").run_at(bench.later(300));
    let submissions = [
        vec![NewTask::shell("now", "true")],
        vec![later()],
        vec![later(), later()],
    ];
    for tasks in submissions {
        bench.queue.enqueue(tasks.clone()).unwrap();
        assert_eq!(idle.received(), [Signal::Tasks], "{tasks:?}");
        let (_, wake) = E::transaction(&bench.path(), true, |tx| {
            bench.queue.enqueue_in(tx, &tasks).unwrap()
        });
        assert_eq!(idle.received(), []);
        wake.fire();
        assert_eq!(idle.received(), [Signal::Tasks], "{tasks:?}");
    }
}
