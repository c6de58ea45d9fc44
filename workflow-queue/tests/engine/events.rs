//! The event log: which change leaves which event, the order and the positions, retention, and counts of
//! earlier times.

use std::path::Path;

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::journal::{Actor, Cursor, EventKind};
use queue_core::maintenance::restore;
use queue_core::outcome::Outcome;
use queue_core::queue::{Edit, PruneRequest, Queue as _, WorkerInfo};
use queue_core::settings::FileSetting;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::workflow::Condition;
use rusqlite::Connection;
use workflow_queue::{Limit, LimitKind, SqliteOptions, WorkflowQueue, WorkflowTask};

use crate::verify::broken;
use crate::{Bench, Workflows as _, task};

/// The kinds of the events of the log after a position, and the position after them.
pub(crate) fn kinds_after(bench: &Bench, cursor: Cursor) -> (Vec<&'static str>, Cursor) {
    let page = bench.queue.events_after(&cursor, 1_000).unwrap();
    assert!(page.is_last);
    let stored = page.events.iter().filter(|(_, event)| event.seq.is_some());
    let kinds = stored.map(|(_, event)| event.kind.name()).collect();
    (kinds, page.next.unwrap_or(cursor))
}

/// The kinds of the events that a change leaves.
fn left_by<T>(bench: &Bench, change: impl FnOnce(&WorkflowQueue) -> T) -> Vec<&'static str> {
    let before = bench.queue.events_end().unwrap();
    change(&bench.queue);
    assert_eq!(broken(bench), Vec::<&str>::new());
    kinds_after(bench, before).0
}

fn history(bench: &Bench, id: TaskId) -> Vec<&'static str> {
    let events = bench.queue.history(id).unwrap().unwrap();
    events.iter().map(|event| event.kind.name()).collect()
}

#[test]
fn a_log_begins_with_its_file() {
    let bench = Bench::default();
    assert_eq!(kinds_after(&bench, Cursor::start(0)).0, ["log.began"]);
}

#[test]
fn every_change_of_a_waiting_task_leaves_its_event() {
    let bench = Bench::default();
    let id = bench.add(NewTask::shell("a", "true"));
    let ids = [id];
    let far = Timestamp(bench.queue.now().wall.0 + 1_000_000);
    assert_eq!(
        left_by(&bench, |queue| queue.hold(&ids).unwrap()),
        ["task.held"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.release(&ids).unwrap()),
        ["task.released"]
    );
    let edit = Edit::new().name("b").run_at(Some(far));
    assert_eq!(
        left_by(&bench, |queue| queue.edit(&ids, &edit).unwrap()),
        ["task.edited"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.start(&ids).unwrap()),
        ["task.hastened"]
    );
    let urgent = |queue: &WorkflowQueue| queue.reprioritize(&ids, 7).unwrap();
    assert_eq!(left_by(&bench, urgent), ["task.reprioritized"]);
    assert_eq!(
        left_by(&bench, |queue| queue.cancel(&ids).unwrap()),
        ["task.cancelled"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.retry(&ids).unwrap()),
        ["task.retried"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.withdraw(&ids, "why").unwrap()),
        ["task.cancelled"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.rerun(&ids, false).unwrap()),
        ["task.copied"]
    );
    assert_eq!(
        left_by(&bench, |queue| queue.withdraw(&ids, "new").unwrap()),
        ["task.edited"]
    );
    // A change that changes nothing leaves none.
    assert_eq!(left_by(&bench, |queue| queue.hold(&ids).unwrap()), [""; 0]);
    let edited = bench.queue.history(id).unwrap().unwrap();
    let edited = edited
        .iter()
        .find(|event| event.kind == EventKind::Edited)
        .unwrap();
    assert_eq!(
        edited.data.as_deref(),
        Some(r#"{"fields":["name","run_at"]}"#)
    );
}

#[test]
fn every_change_of_the_file_leaves_its_event() {
    let bench = Bench::default();
    let queue = &bench.queue;
    assert_eq!(
        left_by(&bench, |_| queue.set_paused("mail", true).unwrap()),
        ["queue.paused"]
    );
    assert_eq!(
        left_by(&bench, |_| queue.set_paused("mail", true).unwrap()),
        [""; 0]
    );
    assert_eq!(
        left_by(&bench, |_| queue.set_paused("mail", false).unwrap()),
        ["queue.resumed"]
    );
    let mut limit = Limit::new(LimitKind::Queue("mail".to_owned()));
    limit.concurrency = Some(3);
    assert_eq!(
        left_by(&bench, |_| queue.set_limit(&limit).unwrap()),
        ["limit.set"]
    );
    limit.concurrency = None;
    assert_eq!(
        left_by(&bench, |_| queue.set_limit(&limit).unwrap()),
        ["limit.removed"]
    );
    assert_eq!(
        left_by(&bench, |_| queue.set_limit(&limit).unwrap()),
        [""; 0]
    );
    let set = |_: &WorkflowQueue| {
        queue
            .change_setting(FileSetting::LogSize, Some(1 << 20))
            .unwrap()
    };
    assert_eq!(left_by(&bench, set), ["setting.changed"]);
    assert_eq!(left_by(&bench, set), [""; 0]);
    let worker = WorkerInfo::new(WorkerId(7), 1, "boot");
    assert_eq!(
        left_by(&bench, |_| queue.register(&worker).unwrap()),
        ["worker.registered"]
    );
    assert_eq!(
        left_by(&bench, |_| queue.deregister(worker.id).unwrap()),
        ["worker.ended"]
    );
    assert_eq!(
        left_by(&bench, |_| queue.deregister(worker.id).unwrap()),
        [""; 0]
    );
    queue.register(&worker).unwrap();
    assert_eq!(
        left_by(&bench, |_| queue.reap(worker.id).unwrap()),
        ["worker.died"]
    );
}

#[test]
fn a_history_tells_all_executions_of_a_task_and_those_of_others_stay_apart() {
    let bench = Bench::default();
    bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        task("c").after("b", Condition::Any),
    ]);
    bench.settle(bench.claim_only(), Outcome::Returned);
    bench.settle(bench.claim_only(), Outcome::Exited { code: 7 });
    bench.advance(2_000);
    let claim = bench.claim_only();
    bench.queue.reap(claim.worker).unwrap();
    let claim = bench.claim_only();
    bench.queue.cancel(&[claim.task]).unwrap();
    let all = [
        "task.enqueued",
        "task.started",
        "task.returned",
        "task.started",
        "task.retrying",
        "task.started",
        "task.crashed",
    ];
    let running = [&all[..], &["task.cancel-requested", "task.started"]].concat();
    assert_eq!(history(&bench, TaskId(1)), running);
    bench.settle(claim, Outcome::Signalled { signal: 15 });
    let ended = ["task.cancel-requested", "task.started", "task.cancelled"];
    assert_eq!(history(&bench, TaskId(1)), [&all[..], &ended].concat());
    assert_eq!(
        history(&bench, TaskId(2)),
        ["task.enqueued", "task.skipped"]
    );
    assert_eq!(history(&bench, TaskId(3)), ["task.enqueued"]);
    assert_eq!(bench.queue.history(TaskId(4)).unwrap(), None);
    assert_eq!(bench.queue.attempts(TaskId(1)).unwrap().len(), 3);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn a_task_that_is_skipped_as_it_is_enqueued_has_an_event_of_that() {
    let bench = Bench::default();
    bench.flow(vec![task("a")]);
    bench.queue.cancel(&[TaskId(1)]).unwrap();
    bench.flow(vec![
        WorkflowTask::shell("b", "true").after(TaskId(1), Condition::Success),
    ]);
    assert_eq!(
        history(&bench, TaskId(2)),
        ["task.enqueued", "task.skipped"]
    );
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

/// An event that is committed apart from its change would tell of changes that were refused.
#[test]
fn a_refused_change_leaves_no_event() {
    let bench = Bench::default();
    let first = bench.add(NewTask::shell("a", "true"));
    let second = bench.add(NewTask::handler("h", b""));
    let before = bench.queue.events_end().unwrap();
    let edit = Edit::new().shell_command("false");
    bench.queue.edit(&[first, second], &edit).unwrap_err();
    assert_eq!(bench.queue.events_end().unwrap(), before);
}

#[test]
fn events_are_never_changed_by_accident() {
    let bench = Bench::default();
    let connection = Connection::open(bench.queue.path()).unwrap();
    let refused = connection
        .execute("UPDATE queue_events SET at = 1", [])
        .unwrap_err();
    assert!(
        refused.to_string().contains("events are never changed"),
        "{refused}"
    );
}

#[test]
fn old_events_are_deleted_but_for_the_last_and_those_of_open_tasks() {
    let bench = Bench::default();
    bench
        .queue
        .change_setting(FileSetting::Retain, Some(3_600_000))
        .unwrap();
    let first = bench.add(NewTask::shell("a", "true"));
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    let held = bench.add(NewTask::shell("b", "true"));
    bench.queue.hold(&[held]).unwrap();
    bench.settle(
        {
            bench.add(NewTask::shell("c", "true"));
            bench.claim_only()
        },
        Outcome::Succeeded,
    );
    let early = bench.queue.events_end().unwrap();
    assert_eq!(bench.queue.trim_log().unwrap(), 0);
    bench.advance(3_601_000);
    // Beginning, setting and the first success; the hold stays, and all after it.
    assert_eq!(bench.queue.trim_log().unwrap(), 3);
    assert_eq!(bench.queue.log_keeper().unwrap(), Some(held));
    assert_eq!(broken(&bench), Vec::<&str>::new());
    assert_eq!(history(&bench, first), ["task.enqueued"]);
    let mut begun = Cursor::start(0);
    begun.seq = 1;
    let page = bench.queue.events_after(&begun, 100).unwrap();
    assert_eq!(page.missed, 2);
    bench.queue.cancel(&[held]).unwrap();
    assert_eq!(bench.queue.log_keeper().unwrap(), None);
    assert_eq!(bench.queue.trim_log().unwrap(), 2);
    assert_eq!(bench.queue.trim_log().unwrap(), 0);
    bench.advance(3_601_000);
    assert_eq!(bench.queue.trim_log().unwrap(), 0);
    assert_eq!(bench.queue.events_end().unwrap().seq, early.seq + 1);
    let refused = bench.queue.counts_at(Timestamp(1)).unwrap_err().to_string();
    assert!(refused.contains("the event log begins at"), "{refused}");
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn counts_of_earlier_times_are_those_that_were_seen_then() {
    let bench = Bench::default();
    let mut seen = Vec::new();
    let note = |bench: &Bench| {
        let stats = bench.queue.stats().unwrap();
        let count = |state| i64::try_from(stats.count(state)).unwrap();
        let waiting = [State::Scheduled, State::Blocked, State::Queued].map(count);
        let at = bench.queue.now().wall;
        bench.advance(1);
        let ended = [
            State::Running,
            State::Succeeded,
            State::Failed,
            State::Cancelled,
        ];
        (
            at,
            waiting.iter().sum::<i64>(),
            ended.map(count),
            count(State::Skipped),
        )
    };
    seen.push(note(&bench));
    bench.flow(vec![task("a"), task("b").after("a", Condition::Success)]);
    seen.push(note(&bench));
    let claim = bench.claim_only();
    seen.push(note(&bench));
    bench.settle(
        claim,
        Outcome::HandlerFailed {
            message: "no".to_owned(),
            fatal: true,
        },
    );
    seen.push(note(&bench));
    bench.queue.retry_downstream(&[TaskId(1)]).unwrap();
    seen.push(note(&bench));
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    let claim = bench.claim_only();
    seen.push(note(&bench));
    bench.queue.reap(claim.worker).unwrap();
    bench.queue.cancel(&[TaskId(2)]).unwrap();
    seen.push(note(&bench));
    bench.add(NewTask::shell("c", "true"));
    bench.advance(10);
    let request = PruneRequest::new(bench.queue.now().wall);
    assert_eq!(bench.queue.prune(&request).unwrap(), 2);
    seen.push(note(&bench));
    for (at, waiting, [running, succeeded, failed, cancelled], skipped) in seen {
        let counts = bench.queue.counts_at(at).unwrap();
        let found = (
            counts.waiting,
            [
                counts.running,
                counts.succeeded,
                counts.failed,
                counts.cancelled,
            ],
            counts.skipped,
        );
        assert_eq!(
            found,
            (waiting, [running, succeeded, failed, cancelled], skipped),
            "{at:?}"
        );
    }
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

/// The log did not tell of the task that takes the highest id, so that sums over all events were wrong.
#[test]
fn the_log_of_a_restored_file_tells_of_the_task_that_takes_the_highest_id() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("q.db"), folder.path().join("copy.db"));
    let options = || OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| {
        WorkflowQueue::open_with(path, SqliteOptions::new().unwrap().open(options))
    };
    let queue = open(&path, options()).unwrap();
    queue.enqueue(vec![NewTask::shell("a", "true")]).unwrap();
    queue.database().backup(&copy, false).unwrap();
    queue.enqueue(vec![NewTask::shell("b", "true"); 3]).unwrap();
    drop(queue);
    restore(&path, &copy, &options(), open).unwrap();
    let queue = open(&path, options()).unwrap();
    let holds = || {
        let invariants = queue.verify().unwrap();
        invariants.iter().all(workflow_queue::Invariant::holds)
    };
    let taken = [TaskId(4)];
    assert!(holds());
    queue.retry(&taken).unwrap();
    assert!(holds());
    queue.cancel(&taken).unwrap();
    queue.enqueue(vec![NewTask::shell("c", "true")]).unwrap();
    let request = PruneRequest::new(Timestamp(queue.now().wall.0 + 1_000));
    assert_eq!(queue.prune(&request).unwrap(), 1);
    assert!(holds());
}

/// An end of the log that was lost with a damaged part of the file left numbers that were given out again,
/// and tasks that named events of others.
#[test]
fn the_numbers_of_a_lost_end_of_the_log_are_not_given_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("q.db"), folder.path().join("copy.db"));
    let options = || OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| {
        WorkflowQueue::open_with(path, SqliteOptions::new().unwrap().open(options))
    };
    let queue = open(&path, options()).unwrap();
    let tasks = queue.enqueue(vec![NewTask::shell("a", "true"); 2]).unwrap();
    queue.hold(&[tasks[0].id]).unwrap();
    queue.hold(&[tasks[1].id]).unwrap();
    let lost = queue.events_end().unwrap().seq;
    queue.database().backup(&copy, false).unwrap();
    drop(queue);
    let damaged = Connection::open(&copy).unwrap();
    let delete = "DELETE FROM queue_events WHERE seq >= ?1";
    assert_eq!(damaged.execute(delete, [lost - 1]).unwrap(), 2);
    drop(damaged);

    restore(&path, &copy, &options(), open).unwrap();
    let queue = open(&path, options()).unwrap();
    queue.release(&[tasks[0].id]).unwrap();
    assert_eq!(queue.events_end().unwrap().seq, lost + 2);
    queue.repair().unwrap();
    for invariant in queue.verify().unwrap() {
        assert!(invariant.holds(), "{invariant:?}");
    }
}

#[test]
fn a_change_that_somebody_asked_for_tells_who_and_through_what() {
    let folder = tempfile::tempdir().unwrap();
    let actor = Actor::new("billing", 7);
    let open = OpenOptions::new(Durability::Fast).unwrap().actor(actor);
    let options = SqliteOptions::new().unwrap().open(open);
    let queue = WorkflowQueue::open_with(folder.path().join("q.db"), options).unwrap();
    let task = queue.enqueue(vec![NewTask::shell("a", "true")]).unwrap()[0];
    queue.hold(&[task.id]).unwrap();
    queue.set_paused("mail", true).unwrap();
    let log = queue.events_after(&Cursor::start(0), 100).unwrap().events;
    let data = |kind| {
        let event = log.iter().find(|(_, event)| event.kind == kind);
        event.and_then(|(_, event)| event.data.clone())
    };
    let asked = r#""through":"billing","uid":7}"#;
    assert_eq!(data(EventKind::Held), Some(format!("{{{asked}")));
    let paused = format!(r#"{{"queue":"mail",{asked}"#);
    assert_eq!(data(EventKind::QueuePaused), Some(paused));
    assert_eq!(data(EventKind::LogBegan), None);
}
