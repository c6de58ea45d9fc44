//! Hints of the programs: each command works as printed.

use std::collections::BTreeSet;
use std::process::Command;

use rustix::process::Signal;

use super::program::{Done, Sandbox, name, until, variable};

/// Runs a line as a person would, with the program on the path.
pub(super) fn shell(sandbox: &Sandbox, line: &str) -> Done {
    let folder = std::path::Path::new(super::program::path())
        .parent()
        .unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(sandbox.path("."))
        .env("PATH", format!("{}:{path}", folder.display()))
        .env(variable("DB"), sandbox.path("queue.db"));
    Done(command.output().unwrap())
}

/// The commands of the program that a text has between backticks.
pub(super) fn calls(text: &str) -> Vec<String> {
    let begin = format!("{} ", name());
    let spans = text.split('`').skip(1).step_by(2);
    spans
        .filter(|span| span.starts_with(&begin))
        .map(str::to_owned)
        .collect()
}

/// Half of the hints lacked the database, the program's name or the folder of the file.
pub fn every_hint_is_a_command_that_works() {
    let sandbox = Sandbox::new();
    let database = sandbox.path("it's a queue.db").display().to_string();
    let mut said = String::new();
    let mut try_all = |lines: &[&[&str]]| {
        for words in lines {
            let mut call = vec!["--db", &database];
            call.extend_from_slice(words);
            let done = sandbox.run(&call);
            said += &(done.stdout() + &done.stderr());
        }
    };
    std::fs::create_dir(sandbox.path("sub dir")).unwrap();
    sandbox.write(
        "sub dir/tasks",
        "exit 3\n{\"command\":\"true\",\"delay\":\"1h\"}\n",
    );
    try_all(&[
        &["status"],
        &["list"],
        &["add-task", "one", "true", "--queue", "a b's"],
    ]);
    let mut run = sandbox.start(&["--db", &database, "run", "sub dir/tasks"]);
    let failed = || {
        let listed = sandbox.json(&["--db", &database, "list", "--state", "failed"]);
        !listed.as_array().unwrap().is_empty()
    };
    until("the first line has failed", failed);
    run.signal(Signal::TERM);
    run.ended();
    try_all(&[
        &["add-task", "two", "sleep 1000"],
        &["status"],
        &["workers"],
        &["why", "all"],
        &["wait", "1,3-4", "--timeout", "0"],
        &["wait", "1,3-4", "--timeout", "0.1"],
        &["pause", "a b's"],
        &["why", "all"],
        &["wait", "1", "--timeout", "0.1"],
        &["doctor"],
    ]);
    let mut worker = sandbox.start(&["--db", &database, "worker", "--slots", "1"]);
    until("the task runs", || {
        sandbox.json(&["--db", &database, "show", "4"])["state"] == "running"
    });
    worker.signal(Signal::KILL);
    worker.ended();
    try_all(&[&["why", "4"], &["cancel", "4"], &["why", "4"]]);
    let hints: BTreeSet<String> = calls(&said).into_iter().collect();
    assert!(hints.len() > 5, "{said}");
    // Words in capitals are placeholders.
    let stands_for = |word: &str| ["ID", "QUEUE"].contains(&word);
    let is_whole =
        |hint: &&String| !hint.ends_with(" add-task") && !hint.split(' ').any(stands_for);
    for hint in hints.iter().filter(is_whole) {
        assert!(hint.contains("--db "), "{hint}");
        let drained = if hint.contains(" worker") {
            format!("timeout 60 {hint} --drain")
        } else if hint.contains(" run ") {
            format!("timeout 1 {hint}")
        } else {
            hint.clone()
        };
        let done = shell(&sandbox, &drained);
        let code = done.code();
        assert!(
            ![2, 3, 70].contains(&code),
            "{hint}: {code}: {}",
            done.stderr()
        );
    }
}

/// The tip suggested `-- -x`, which was refused like `-x` itself.
pub fn every_tip_about_the_arguments_works_or_is_not_given() {
    for (words, helps) in [
        (&["add-task", "-x", "true"][..], true),
        (&["enqueue", "-x", "true"], true),
        (&["add-task", "list", "ls", "-la"], true),
        (&["add", "ls", "-la"], true),
        (&["add-task", "-x"], false),
        (&["cancel", "-1"], false),
        (&["wait", "1", "-x"], false),
        (&["run", "-file"], true),
        (&["pause", "-q"], true),
    ] {
        let sandbox = Sandbox::new();
        let done = sandbox.run(words);
        assert_eq!(done.code(), 2, "{words:?}");
        let stderr = done.stderr();
        let tips: Vec<_> = stderr
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tip: "))
            .collect();
        for tip in &tips {
            if let Some((_, option)) = tip.split_once("as the name, use '") {
                let option = option.strip_suffix('\'').unwrap();
                sandbox.ok(&[words[0], option, words[2]]);
                assert_eq!(sandbox.json(&["show", "1"])["name"], words[1]);
            } else if let Some((_, rest)) = tip.split_once("use '-- ") {
                let rest = rest.strip_suffix('\'').unwrap();
                let at = words
                    .iter()
                    .position(|word| rest.starts_with(word))
                    .unwrap();
                let mut call = words[..at].to_vec();
                call.push("--");
                call.extend_from_slice(&words[at..]);
                let done = sandbox.run(&call);
                assert!(
                    !done.stderr().contains("Usage:"),
                    "{call:?}: {}",
                    done.stderr()
                );
            }
        }
        assert_eq!(!tips.is_empty(), helps, "{words:?}: {stderr}");
    }
}

/// `wait --quiet` printed that the time was over.
pub fn a_quiet_wait_prints_nothing() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "never", "true"]);
    sandbox.ok(&[
        "add-task",
        "fails",
        "exit 3",
        "--max-attempts",
        "1",
        "--queue",
        "other",
    ]);
    sandbox.run(&["worker", "--drain", "--queue", "other"]);
    for (words, code) in [
        (&["wait", "-q", "1", "--timeout", "0.1"][..], 4),
        (&["wait", "-q", "1", "--timeout", "0", "-o", "json"], 4),
        (&["wait", "--quiet", "2"], 1),
    ] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), code, "{words:?}");
        assert_eq!(done.stdout() + &done.stderr(), "", "{words:?}");
    }
    let missing = sandbox.run(&["wait", "-q", "99"]);
    assert_eq!(missing.code(), 3);
    assert!(missing.stderr().contains("there is no task 99"));
}

/// `log -f` waited silently for a task that no worker would ever run.
pub fn log_follow_and_wait_hint_at_a_missing_worker() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let hint = format!(
        "no worker is running that can run task 1; start one with `{} worker`",
        name()
    );
    for words in [&["log", "-f", "1"][..], &["wait", "1"]] {
        let running = sandbox.start(words);
        until("the hint is printed", || running.stderr().contains(&hint));
    }
    sandbox.ok(&["pause"]);
    let mut worker = sandbox.start(&["worker"]);
    until("the worker runs", || worker.stderr().contains("runs up to"));
    let paused = format!(
        "queue default is paused; resume it with `{} resume default`",
        name()
    );
    for words in [&["log", "-f", "1"][..], &["wait", "1"]] {
        let running = sandbox.start(words);
        until("the pause is reported", || {
            running.stderr().contains(&paused)
        });
        assert!(!running.stderr().contains("no worker"));
    }
    worker.signal(Signal::TERM);
    worker.ended();
}

/// `cancel` printed "Asked to stop" although no worker was alive to stop the task.
pub fn cancel_of_a_dead_workers_task_says_that_no_worker_stops_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "long", "exec sleep 1000"]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the task runs", || sandbox.state("1") == "running");
    let heard = sandbox.run(&["cancel", "1"]);
    assert_eq!(heard.stderr(), "", "a living worker stops it");
    until("it is cancelled", || sandbox.state("1") == "cancelled");
    sandbox.ok(&["add-task", "long", "touch begun; exec sleep 1000"]);
    // Before its program runs, a command still shares the worker's lock.
    until("the command runs", || sandbox.path("begun").exists());
    worker.signal(Signal::KILL);
    worker.ended();
    let done = sandbox.run(&["cancel", "2"]);
    assert_eq!(
        (done.code(), done.stdout().as_str()),
        (0, "Asked to stop task 2\n")
    );
    let hint = format!(
        "task 2 has a dead worker, which cannot stop it; `{} worker` returns it",
        name()
    );
    assert!(done.stderr().contains(&hint), "{}", done.stderr());
    let again = sandbox.run(&["cancel", "2"]);
    assert_eq!(
        (again.code(), again.stdout().as_str()),
        (0, "Task 2 was asked to stop already\n")
    );
    assert!(again.stderr().contains(&hint), "{}", again.stderr());
    let again = &sandbox.json(&["cancel", "2"])[0];
    assert_eq!(
        (&again["change"], &again["state"]),
        (
            &serde_json::json!("already_requested"),
            &serde_json::json!("running")
        )
    );
    sandbox.run(&["worker", "--drain"]);
    assert_eq!(sandbox.state("2"), "cancelled");
}

/// `status` printed "the next scheduled task is due 3.1s ago", and `why` that its time had not
/// come.
pub fn a_due_task_that_no_worker_took_is_reported_as_due() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "soon", "true", "--delay", "100ms"]);
    until("it is due", || {
        sandbox
            .run(&["status"])
            .stderr()
            .contains("no worker has taken a scheduled task that has been due for ")
    });
    let why = sandbox.ok(&["why", "1"]);
    assert!(why.contains("it has been due for "), "{why}");
    assert!(!why.contains("has not come"), "{why}");
    assert!(sandbox.ok(&["list"]).contains("due for "));
}

/// The example put a quote from a file's name into the command.
pub fn the_examples_of_the_help_work_with_any_file_name() {
    let sandbox = Sandbox::new();
    let help = sandbox.ok(&["add-task", "--help"]);
    let Some(example) = help
        .lines()
        .find(|line| line.trim().starts_with("for f in"))
    else {
        assert_ne!(name(), "fast-queue", "the example is there: {help}");
        return;
    };
    let files = ["a\"b.wav", "c'd $(touch bad).wav", "-e.wav", "e f.wav"];
    for file in files {
        sandbox.write(file, "");
    }
    sandbox.write(
        "flac",
        "#!/bin/sh
rm -- \"$1\"
",
    );
    let line = example.trim().replace("flac", "sh ./flac");
    let done = shell(&sandbox, &line);
    assert_eq!(done.code(), 0, "{line}: {}", done.stderr());
    sandbox.ok(&["worker", "--drain"]);
    for file in files {
        assert!(!sandbox.path(file).exists(), "{file}");
    }
    assert!(!sandbox.path("bad").exists());
}

/// `worker --queue typo --drain` did nothing, printed nothing and exited with 0.
pub fn an_unused_queue_is_reported_by_workers_and_list() {
    let sandbox = Sandbox::new();
    let said = |words: &[&str]| {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr());
        done.stderr()
    };
    let unknown = |name: &str| format!("nobody has used queue {name} yet");
    assert!(said(&["worker", "--queue", "new", "--drain"]).contains(&unknown("new")));
    sandbox.ok(&["add-task", "one", "true", "--queue", "nightly"]);
    let typo = said(&["worker", "--queue", "nigthly", "--drain"]);
    assert!(
        typo.contains(&unknown("nigthly")) && typo.contains("did you mean nightly?"),
        "{typo}"
    );
    let other = said(&["worker", "--queue", "gpu", "--drain"]);
    assert!(
        other.contains("queues that were used: default, nightly"),
        "{other}"
    );
    assert!(said(&["list", "--queue", "gpu"]).contains(&unknown("gpu")));
    for known in ["default", "nightly"] {
        let words = ["worker", "--queue", known, "--drain"];
        assert!(!said(&words).contains("nobody has used"), "{known}");
    }
    sandbox.ok(&["pause", "gpu", "--create"]);
    sandbox.ok(&["resume", "gpu"]);
    assert!(!said(&["worker", "--queue", "gpu", "--drain"]).contains("nobody"));
}

/// A list of queues was taken for the name of one queue, which no worker serves.
pub fn a_list_of_queues_is_refused_in_place_of_a_new_queue() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true", "--queue", "a"]);
    for words in [
        &["add-task", "one", "true", "--queue", "a,b"][..],
        &["pause", "a,b", "--create"],
    ] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 2, "{words:?}: {}", done.stderr());
        assert!(
            done.stderr().contains("a queue's name has no comma"),
            "{words:?}: {}",
            done.stderr()
        );
    }
    let line = "echo '{\"command\":\"true\",\"queue\":\"a,b\"}' | \"$0\" add-task --stdin";
    let done = shell(&sandbox, &line.replace("\"$0\"", name()));
    assert_eq!(done.code(), 2);
    // The path of a file may hold a comma.
    sandbox.write("a,b", "true\n");
    sandbox.ok(&["run", "a,b"]);
    // An existing queue of such a name is served with all others.
    rusqlite::Connection::open(sandbox.path("queue.db"))
        .unwrap()
        .execute("UPDATE queue_queues SET name = 'a,b' WHERE name = 'a'", [])
        .unwrap();
    sandbox.ok(&["worker", "--all-queues", "--drain"]);
    assert_eq!(sandbox.state("1"), "succeeded");
}

/// A drain of a paused queue waited for ever and printed nothing.
pub fn a_drain_ends_when_the_rest_needs_a_person_and_names_the_obstacles() {
    let sandbox = Sandbox::new();
    let drained = |words: &[&str]| {
        let done = sandbox.run(words);
        (done.code(), done.stderr())
    };
    sandbox.ok(&["add-task", "one", "true"]);
    sandbox.ok(&["add-task", "later", "true", "--delay", "1h"]);
    sandbox.ok(&["pause"]);
    let (code, said) = drained(&["worker", "--drain"]);
    let hint = format!(
        "what is left needs a person: queue default is paused, in which 2 tasks wait; resume it with `{} resume default`",
        name()
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&hint), "{said}");
    let json = sandbox.run(&["worker", "--drain", "-o", "json"]);
    assert!(json.stdout().contains("\"left\":2"), "{}", json.stdout());
    sandbox.ok(&["resume"]);
    sandbox.ok(&["cancel", "2"]);
    assert_eq!(drained(&["worker", "--drain"]).0, 0);
    // A run of a file is a drain, too.
    sandbox.write("tasks", "true\n");
    sandbox.ok(&["run", "tasks"]);
    let listed = sandbox.json(&["list", "--limit", "1"]);
    let queue = listed[0]["queue"].as_str().unwrap().to_owned();
    sandbox.ok(&["pause", &queue]);
    sandbox.write("tasks", "true\necho more\n");
    let (code, said) = drained(&["run", "tasks"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is paused, in which 1 task waits"), "{said}");
}

/// A drain waits for scheduled tasks, retries included; it did not report that it would wait for an
/// hour.
pub fn a_drain_waits_for_scheduled_tasks_and_reports_a_long_wait() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "soon", "true", "--delay", "300ms"]);
    sandbox.ok(&[
        "add-task",
        "retried",
        "test -e tried || { touch tried; exit 1; }",
        "--backoff",
        "200ms",
    ]);
    let done = sandbox.run(&["worker", "--drain"]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert!(!done.stderr().contains("waiting for"), "{}", done.stderr());
    assert_eq!(
        (sandbox.state("1"), sandbox.state("2")),
        ("succeeded".to_owned(), "succeeded".to_owned())
    );
    sandbox.ok(&["add-task", "later", "true", "--delay", "2h"]);
    sandbox.ok(&["add-task", "before", "true", "--delay", "1h"]);
    let mut worker = sandbox.start(&["worker", "--drain"]);
    until("it reports its wait", || {
        worker
            .stderr()
            .contains("waiting for task 4 (before), which is due in 59m")
    });
    sandbox.ok(&["add-task", "now", "touch ran"]);
    until("it runs a later task", || sandbox.path("ran").exists());
    sandbox.ok(&["cancel", "3-4"]);
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(worker.stderr().matches("waiting for").count(), 1);
}

/// A drain waited for ever, and printed nothing, for a task that a program without registration had
/// claimed.
pub fn a_drain_names_tasks_of_unregistered_programs() {
    if super::program::is_full() {
        // There, the claim ends with its lease.
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "taken", "true"]);
    sandbox.ok(&["add-task", "free", "true"]);
    let program = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let claim = "UPDATE queue_tasks
                 SET state = 3, worker = 5, token = 1, attempt = 1, crashes = 1, started_at = 1
                 WHERE id = 1";
    program.execute_batch(claim).unwrap();
    drop(program);
    let done = sandbox.run(&["worker", "--drain"]);
    let said = done.stderr();
    assert_eq!(done.code(), 1, "{said}");
    assert_eq!(sandbox.state("2"), "succeeded");
    assert!(
        said.contains(
            "a program that is not a registered worker has 1 task (1); if that program \
                       no longer runs, "
        ),
        "{said}"
    );
    let hints = calls(&said);
    assert_eq!(hints.len(), 1, "{said}");
    assert_eq!(shell(&sandbox, &hints[0]).code(), 0);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.state("1"), "succeeded");
}
