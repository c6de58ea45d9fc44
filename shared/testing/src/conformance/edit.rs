//! Edit.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine};
use queue_core::error::Error;
use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::{Change, Edit, Queue};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId, Work};
use rusqlite::Connection;

pub fn an_edited_task_runs_as_it_says_now<E: Engine>() {
    let bench = Bench::<E>::default();
    let options = TaskOptions::new().env("A", "1").env("B", "2").shell("bash");
    let task = NewTask::shell("old", "false").key("k").options(options);
    let id = bench.add(task);
    let edit = Edit::new()
        .name("new")
        .argv(["echo", "it's"])
        .priority(7)
        .timeout_ms(Some(5_000))
        .max_attempts(9)
        .max_crashes(2)
        .backoff_ms(400_000)
        .cwd("/")
        .fatal_codes([9])
        .env("A", None)
        .env("B", Some("3".to_owned()))
        .env("C", Some("4".to_owned()));
    let edited = Change::Done(State::Queued);
    assert_eq!(bench.queue.edit(&[id], &edit).unwrap(), [edited]);
    let claimed = bench.claim(5).remove(0);
    let expected = TaskOptions::new()
        .max_attempts(9)
        .max_crashes(2)
        .backoff_ms(400_000)
        .max_backoff_ms(400_000)
        .timeout_ms(5_000)
        .cwd("/")
        .env("B", "3")
        .env("C", "4")
        .fatal_codes([9]);
    assert_eq!(claimed.options, expected);
    let argv = ["echo", "it's"].map(str::to_owned).to_vec();
    assert_eq!((&*claimed.name, claimed.work), ("new", Work::Argv(argv)));
    assert_eq!(claimed.priority, 7);
    assert_eq!(
        bench.task(id).key.as_deref(),
        Some(&b"k"[..]),
        "its key stays"
    );
}

pub fn an_edit_of_nothing_changes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(once("task").run_at(bench.later(100)).priority(3));
    let before = bench.task(id);
    let changes = bench.queue.edit(&[id], &Edit::new()).unwrap();
    assert_eq!(changes, [Change::Done(State::Scheduled)]);
    assert_eq!(bench.task(id), before);
}

pub fn an_edited_time_decides_the_state<E: Engine>() {
    let bench = Bench::<E>::default();
    let [id, held] = ["task", "held"].map(|name| bench.shell(name));
    bench.queue.hold(&[held]).unwrap();
    let later = Edit::new().run_at(Some(bench.later(1_000)));
    let changes = bench.queue.edit(&[id, held], &later).unwrap();
    let [scheduled, blocked] = [State::Scheduled, State::Blocked].map(Change::Done);
    assert_eq!(changes, [scheduled, blocked]);
    assert_eq!(bench.claim(5), []);
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(5), [id]);
    let changes = bench
        .queue
        .edit(&[held], &Edit::new().run_at(None))
        .unwrap();
    assert_eq!(changes, [blocked]);
    assert_eq!(bench.task(held).run_at, None);
    bench.queue.release(&[held]).unwrap();
    bench.queue.edit(&[held], &later).unwrap();
    assert_eq!(bench.claim_ids(5), [held], "that time has passed");
}

pub fn an_edit_tells_what_it_found<E: Engine>() {
    let bench = Bench::<E>::default();
    for (state, id) in one_in_each(&bench) {
        let before = bench.task(id);
        let edit = Edit::new().name("edited").priority(9);
        let changes = bench.queue.edit(&[id, TaskId(99)], &edit).unwrap();
        let waits = state.is_waiting();
        let first = if waits {
            Change::Done(state)
        } else {
            Change::Refused(state)
        };
        assert_eq!(changes, [first, Change::NotFound]);
        assert_eq!(bench.task(id).name == "edited", waits);
        assert_eq!(bench.task(id) == before, !waits);
    }
}

/// The refusal of an edit, after which every task is as it was.
fn refusal<E: Engine>(bench: &Bench<E>, ids: &[TaskId], edit: &Edit) -> String {
    let all = |bench: &Bench<E>| ids.iter().map(|id| bench.task(*id)).collect::<Vec<_>>();
    let before = all(bench);
    let error = bench.queue.edit(ids, edit).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert_eq!(all(bench), before);
    error.to_string()
}

pub fn an_edit_that_a_task_cannot_have_changes_no_task<E: Engine>() {
    let bench = Bench::<E>::default();
    let plain = bench.shell("plain");
    let mail = bench.add(NewTask::handler("mail", "payload"));
    let command = Edit::new().priority(5).shell_command("true");
    let text = refusal(&bench, &[plain, mail], &command);
    assert!(
        text.contains("task 2: it is a call of handler mail"),
        "{text}"
    );
    let mut handler = Edit::new();
    handler.work = Some(NewTask::handler("mail", "x").work);
    let text = refusal(&bench, &[plain], &handler);
    assert!(text.contains("cannot become a call of a handler"), "{text}");
    for (edit, part) in [
        (Edit::new().name(""), "name must not be empty"),
        (Edit::new().shell_command(" "), "command must not be empty"),
        (Edit::new().max_attempts(0), "it has had 0 attempts"),
        (Edit::new().timeout_ms(Some(0)), "longer than zero"),
        (
            Edit::new().env("A=", Some(String::new())),
            "variable's name",
        ),
        (Edit::new().env("A", Some("\0".to_owned())), "NUL"),
    ] {
        let text = refusal(&bench, &[plain], &edit);
        assert!(text.contains(part), "{text}");
    }
    let mut shell = Edit::new().argv(["true"]);
    shell.shell = Some("bash".to_owned());
    let text = refusal(&bench, &[plain], &shell);
    assert!(text.contains("no shell runs it"), "{text}");
}

pub fn a_budget_that_is_spent_already_is_refused<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Exited { code: 1 });
    let text = refusal(&bench, &[id], &Edit::new().max_attempts(1));
    assert!(
        text.contains("task 1: it has had 1 attempt; allow more"),
        "{text}"
    );
    bench
        .queue
        .edit(&[id], &Edit::new().max_attempts(2))
        .unwrap();
    bench.queue.start(&[id]).unwrap();
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Exited { code: 1 });
    assert_eq!(bench.state(id), State::Failed);
}

pub fn a_task_that_a_newer_version_wrote_is_not_edited<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let other = Connection::open(bench.path()).unwrap();
    let newer = r#"UPDATE queue_tasks SET options = '{"cpus":2}'"#;
    other.execute_batch(newer).unwrap();
    let text = refusal(&bench, &[id], &Edit::new().priority(1));
    assert!(text.contains("cannot be edited by this version"), "{text}");
}

pub fn an_edit_that_loses_the_race_with_a_claim_changes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    let ids: Vec<TaskId> = (0..40).map(|_| bench.shell("task")).collect();
    let editor = bench.another();
    let (claimed, edited) = std::thread::scope(|scope| {
        let edits = scope.spawn(|| {
            let edit = Edit::new().name("edited");
            let mut won = Vec::new();
            for id in ids.iter().rev() {
                let changes = editor.edit(&[*id], &edit).unwrap();
                won.push((*id, changes[0]));
            }
            won
        });
        let mut claimed = Vec::new();
        while claimed.len() < ids.len() {
            claimed.extend(bench.claim(3));
        }
        (claimed, edits.join().unwrap())
    });
    for (id, change) in edited {
        let claim = claimed.iter().find(|one| one.claim.task == id).unwrap();
        let expected = if claim.name == "edited" {
            Change::Done(State::Queued)
        } else {
            Change::Refused(State::Running)
        };
        assert_eq!(change, expected, "task {id}");
        assert_eq!(bench.task(id).name, claim.name, "task {id}");
    }
}
