//! `log` of ended and of running tasks.

use serde_json::Value;

use super::program::{Sandbox, until};

pub fn follow_prints_output_while_the_task_runs_and_ends_with_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "talker",
        "echo one; while ! test -e go; do sleep 0.02; done; echo two",
    ]);
    let mut follow = sandbox.start(&["log", "1", "--follow"]);
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the first line is shown", || follow.stdout() == "one\n");
    assert!(follow.child.try_wait().unwrap().is_none());
    sandbox.write("go", "");
    assert_eq!(follow.ended(), Some(0));
    until("all is shown", || follow.stdout() == "one\ntwo\n");
}

pub fn follow_goes_on_over_attempts_and_repeats_nothing() {
    let sandbox = Sandbox::new();
    let command = "echo attempt $QUEUE_ATTEMPT; test $QUEUE_ATTEMPT = 2";
    sandbox.ok(&["add-task", "again", command, "--backoff", "300ms"]);
    let mut follow = sandbox.start(&["log", "1", "--follow"]);
    until("it follows", || {
        sandbox.path("queue.db.d/listening").exists()
    });
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    assert_eq!(follow.ended(), Some(0));
    until("both are shown", || {
        follow.stdout() == "attempt 1\nattempt 2\n"
    });
}

pub fn the_last_attempt_is_shown_whether_it_is_stored_in_a_file_or_a_row() {
    let sandbox = Sandbox::new();
    // The first round is long enough for a file, the second too short.
    let command = "if test -e second; then echo short; else head -c 40000 /dev/zero; fi";
    sandbox.ok(&["add-task", "both", command]);
    sandbox.ok(&[
        "add-task",
        "failed first",
        "test -e second && echo short || { head -c 40000 /dev/zero; exit 1; }",
        "--max-attempts",
        "1",
    ]);
    sandbox.run(&["worker", "--drain"]);
    assert_eq!(sandbox.run(&["log", "1"]).stdout().len(), 40_000);
    assert_eq!(sandbox.run(&["log", "2"]).stdout().len(), 40_000);
    sandbox.write("second", "");
    sandbox.ok(&["retry", "2"]);
    sandbox.run(&["worker", "--drain"]);
    assert_eq!(sandbox.ok(&["log", "2"]), "short\n");
}

pub fn the_log_of_an_attempt_has_only_its_own_output() {
    let sandbox = Sandbox::new();
    // The first two attempts write little; the third writes nothing and runs until the file `go`
    // exists.
    let command = "case $QUEUE_ATTEMPT in 1) echo one; exit 1;; 2) echo two; exit 1;; esac; \
                   while ! test -e go; do sleep 0.02; done";
    sandbox.ok(&["add-task", "thrice", command, "--backoff", "10ms"]);
    let mut worker = sandbox.start(&["worker", "--slots", "1", "--drain"]);
    until("the third attempt runs", || {
        let task = sandbox.json(&["show", "1"]);
        task["state"] == "running" && task["attempt"] == 3
    });
    assert_eq!(sandbox.ok(&["log", "1"]), "");
    assert_eq!(sandbox.ok(&["log", "1", "--attempt", "3"]), "");
    assert_eq!(sandbox.ok(&["log", "1", "--attempt", "2"]), "two\n");
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(sandbox.ok(&["log", "1", "--attempt", "1"]), "one\n");
    for (attempt, words) in [("0", "no attempt 0"), ("4", "no attempt 4")] {
        let done = sandbox.run(&["log", "1", "--attempt", attempt]);
        assert_eq!(done.code(), 3);
        assert!(done.stderr().contains(words), "{}", done.stderr());
    }
    sandbox.ok(&["add-task", "once", "echo small"]);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.ok(&["log", "2", "--attempt", "1"]), "small\n");
}

/// After a retry, attempts were numbered from 1 again, and a new log replaced that of the failed
/// attempt. Now numbers go on, and each attempt keeps its output, long or short.
pub fn a_retry_leaves_the_logs_of_the_attempts_before_it() {
    let sandbox = Sandbox::new();
    for (name, line) in [
        ("short", "echo $QUEUE_ATTEMPT; test $QUEUE_ATTEMPT = 3"),
        (
            "long",
            "echo $QUEUE_ATTEMPT; head -c 40000 /dev/zero; test $QUEUE_ATTEMPT = 3",
        ),
    ] {
        sandbox.ok(&["add-task", name, line, "--max-attempts", "1"]);
    }
    sandbox.run(&["worker", "--drain"]);
    for _ in 0..2 {
        sandbox.ok(&["retry", "1-2"]);
        sandbox.run(&["worker", "--drain"]);
    }
    for task in ["1", "2"] {
        for attempt in ["1", "2", "3"] {
            let log = sandbox.ok(&["log", task, "--attempt", attempt]);
            let first = log.lines().next();
            assert_eq!(first, Some(attempt), "attempt {attempt} of task {task}");
        }
        let shown = sandbox.ok(&["show", task]);
        assert!(
            shown.contains("attempt       3 (1 of 1 since the retry)"),
            "{shown}"
        );
        let task = sandbox.json(&["show", task]);
        assert_eq!(
            (&task["attempt"], &task["attempt_base"]),
            (&3.into(), &2.into())
        );
    }
}

/// The logs of a task that is retried for ever would fill the disk.
pub fn the_output_of_the_last_ten_attempts_is_kept() {
    let sandbox = Sandbox::new();
    let long = "echo $QUEUE_ATTEMPT; head -c 40000 /dev/zero; exit 1";
    let tried = ["--max-attempts", "12", "--backoff", "1ms"];
    sandbox.ok(&[&["add-task", "long", long][..], &tried].concat());
    sandbox.ok(&[
        &["add-task", "short", "echo $QUEUE_ATTEMPT; exit 1"][..],
        &tried,
    ]
    .concat());
    sandbox.run(&["worker", "--drain"]);
    for task in ["1", "2"] {
        for attempt in 1..=12 {
            let done = sandbox.run(&["log", task, "--attempt", &attempt.to_string()]);
            if attempt > 2 {
                assert!(done.stdout().starts_with(&format!("{attempt}\n")), "{task}");
            } else {
                assert_eq!(done.code(), 3, "{task}");
                let stderr = done.stderr();
                assert!(stderr.contains("the last 10 keep theirs"), "{stderr}");
            }
        }
    }
    let logs = std::fs::read_dir(sandbox.path("queue.db.d/log")).unwrap();
    let names: Vec<_> = logs.map(|log| log.unwrap().file_name()).collect();
    let of = |task: &str| {
        let names = names.iter().filter_map(|name| name.to_str());
        names.filter(|name| name.starts_with(task)).count()
    };
    // An attempt of the short task has a log only if it took longer than a moment.
    assert_eq!((of("1."), of("2.") <= 10), (10, true), "{names:?}");
}

/// A running first attempt was shown with "crashes 1 of 5", and a running attempt after a crash as
/// ended by the death of its worker: a claim raises the counters in advance.
pub fn a_running_attempt_is_shown_neither_as_ended_nor_as_crashed() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "long",
        "while ! test -e go; do sleep 0.02; done",
    ]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    let running = |token: i64| {
        until("it runs", || {
            let task = sandbox.json(&["show", "1"]);
            task["state"] == "running" && task["token"] == token
        });
    };
    running(1);
    let shown = sandbox.ok(&["show", "1"]);
    assert!(shown.contains("crashes       0 of 5"), "{shown}");
    assert!(!shown.contains("ended"), "{shown}");
    assert_eq!(sandbox.json(&["show", "1"])["crashes"], 0);
    worker.child.kill().unwrap();
    worker.child.wait().unwrap();
    let mut worker = sandbox.start(&["worker", "--slots", "1", "--drain"]);
    running(2);
    let shown = sandbox.ok(&["show", "1"]);
    assert!(shown.contains("crashes       1 of 5"), "{shown}");
    assert!(shown.contains("last ended by its worker died"), "{shown}");
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
}

pub fn the_two_streams_are_kept_apart() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "both", "printf 'o\\377'; printf e >&2"]);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.run(&["log", "1", "--stdout"]).0.stdout, b"o\xff");
    assert_eq!(sandbox.ok(&["log", "1", "--stderr"]), "e");
}

/// The outputs of several tasks followed each other without a sign of where one began.
pub fn outputs_of_several_tasks_have_headings() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a\u{1b}b", "printf one"]);
    sandbox.ok(&["add-task", "silent", "true"]);
    sandbox.ok(&["add-task", "wide", "head -c 200000 /dev/zero | tr '\\0' x"]);
    sandbox.ok(&["settings", "set", "log-size", "64K"]);
    sandbox.ok(&["worker", "--drain", "--slots", "1"]);
    assert_eq!(
        sandbox.ok(&["log", "2,1"]),
        "--- task 1 (a\\x1bb) ---\none\n--- task 2 (silent) ---\n"
    );
    assert_eq!(sandbox.ok(&["log", "1"]), "one");
    let text = sandbox.ok(&["log", "1,3"]);
    assert!(text.contains("one\n--- task 3 (wide) ---\nxxx"));
    assert!(text.contains("bytes of task 3 were not kept]\nxxx"));
    let lines = sandbox.ok(&["log", "1,3", "-o", "json"]);
    let pieces: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&pieces[0]["id"], &pieces[0]["text"]),
        (&1.into(), &"one".into())
    );
    assert!(pieces[1..].iter().all(|piece| piece["id"] == 3));
    assert!(
        pieces
            .iter()
            .any(|piece| piece["omitted_bytes"].is_number())
    );
}

/// In a pipe, the two parts of a cut output were joined (`12778` in the middle of a sequence), and
/// only stderr told so. Now a line separates them, and a line follows an output that is not read to
/// its end.
pub fn a_line_of_the_log_marks_missing_output() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "long", "seq 1 100000"]);
    sandbox.ok(&["add-task", "left", "echo done; sleep 1000 & echo $! > left"]);
    sandbox.ok(&["settings", "set", "log-size", "64K"]);
    sandbox.ok(&[
        "worker",
        "--drain",
        "--slots",
        "2",
        "--output-grace",
        "100ms",
    ]);
    let pid = sandbox.read("left");
    let text = sandbox.ok(&["log", "1"]);
    let (head, tail) = text.split_once("\n[").unwrap();
    let (said, tail) = tail.split_once("]\n").unwrap();
    assert!(head.starts_with("1\n2\n") && tail.ends_with("\n99999\n100000\n"));
    let left_out: usize = said
        .strip_suffix(" bytes of task 1 were not kept")
        .unwrap()
        .parse()
        .unwrap();
    let raw = sandbox.run(&["log", "1", "--raw"]);
    // Every byte is kept or counted. Where the cut is in the middle of a number, a newline is added.
    assert_eq!(raw.stdout().len() + left_out, 588_895);
    assert!(raw.stdout().starts_with(head) && raw.stdout().ends_with(tail));
    assert!(raw.stderr().contains(said));
    let given_up = "done\n[task 2 had ended; no more was read, though a process that it left \
                    running holds its \
                    output]\n";
    assert_eq!(sandbox.ok(&["log", "2"]), given_up);
    assert_eq!(sandbox.ok(&["log", "2", "--raw"]), "done\n");
    let lines = sandbox.ok(&["log", "2", "-o", "json"]);
    assert_eq!(lines.lines().last(), Some(r#"{"id":2,"given_up":true}"#));
    assert_eq!(sandbox.state("2"), "succeeded");
    let killed = std::process::Command::new("kill").arg(pid.trim()).status();
    assert!(killed.unwrap().success());
}

/// The timeout is for the command alone: the worker may wait for the end of its output longer.
pub fn a_command_that_ended_in_time_is_not_timed_out_by_its_output() {
    let sandbox = Sandbox::new();
    let command = "(sleep 0.8; echo late) & exit 0";
    sandbox.ok(&["add-task", "prompt", command, "--timeout", "400ms"]);
    sandbox.ok(&["worker", "--drain"]);
    let task = sandbox.json(&["show", "1"]);
    assert_eq!(
        (&task["state"], &task["attempt"]),
        (&"succeeded".into(), &1.into())
    );
    assert_eq!(sandbox.ok(&["log", "1"]), "late\n");
}

pub fn prune_deletes_logs_with_their_tasks() {
    let sandbox = Sandbox::new();
    // The first log fills three files.
    sandbox.enqueue("head -c 100000 /dev/zero\nhead -c 20000 /dev/zero\n");
    sandbox.ok(&["settings", "set", "log-size", "64K"]);
    sandbox.ok(&["worker", "--drain"]);
    let logs = || {
        std::fs::read_dir(sandbox.path("queue.db.d/log"))
            .unwrap()
            .count()
    };
    assert_eq!(logs(), 3 + 1);
    assert_eq!(
        sandbox.ok(&["prune", "--older-than", "0"]),
        "Pruned 1 task\n"
    );
    assert_eq!(logs(), 1);
}

/// Text of a log without the lines that tell of gaps, and the number of bytes in these gaps.
fn parts_of(text: &str) -> (Vec<&str>, u64) {
    let (mut parts, mut omitted, mut rest) = (Vec::new(), 0, text);
    while let Some((before, after)) = rest.split_once('[') {
        let (said, after) = after.split_once("]\n").unwrap();
        omitted += said.split(' ').next().unwrap().parse::<u64>().unwrap();
        parts.push(before);
        rest = after;
    }
    parts.push(rest);
    (parts, omitted)
}

/// Of a long output only the first and the last 64 KiB were kept: the failing test of a build log was
/// in neither.
pub fn a_log_up_to_its_bound_is_whole_and_of_a_longer_one_beginning_and_end_are_kept() {
    let sandbox = Sandbox::new();
    let lines = |last: u32| {
        let lines = (1..=last).map(|number| format!("{number:07}\n"));
        lines.fold(String::new(), |text, line| text + &line)
    };
    sandbox.ok(&["add-task", "whole", "seq -f %07.0f 1 300000"]);
    sandbox.ok(&["add-task", "long", "seq -f %07.0f 1 2500000"]);
    sandbox.ok(&["worker", "--drain"]);
    assert!(sandbox.ok(&["log", "1"]) == lines(300_000));
    let text = sandbox.ok(&["log", "2"]);
    let (parts, omitted) = parts_of(&text);
    let all = lines(2_500_000);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].len(), 8 << 20);
    assert!(parts[1].len() >= 4 << 20 && parts[1].len() <= 8 << 20);
    assert!(all.starts_with(parts[0]) && all.ends_with(parts[1]));
    assert_eq!(
        (8 << 20) + omitted + parts[1].len() as u64,
        all.len() as u64
    );
    assert_eq!(sandbox.ok(&["log", "2", "-n", "2"]), "2499999\n2500000\n");
}

pub fn follow_keeps_its_place_while_a_log_runs_over_its_bound() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "flood",
        "seq -f %07.0f 1 200000; sleep 0.1; echo end",
    ]);
    sandbox.ok(&["settings", "set", "log-size", "64K"]);
    let mut follow = sandbox.start(&["log", "--follow"]);
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    assert_eq!(follow.ended(), Some(0));
    until("all is shown", || follow.stdout().ends_with("\nend\n"));
    let text = follow.stdout();
    let (parts, omitted) = parts_of(&text);
    let shown: usize = parts.iter().map(|part| part.len()).sum();
    assert_eq!(shown as u64 + omitted, 8 * 200_000 + 4);
    assert!(text.starts_with("0000001\n0000002\n"));
}

pub fn the_log_of_a_killed_worker_is_whole_up_to_its_end() {
    let sandbox = Sandbox::new();
    let command = "i=0; while :; do printf '%07d\\n' $i; i=$((i+1)); done";
    sandbox.ok(&["add-task", "endless", command, "--max-crashes", "1"]);
    sandbox.ok(&["settings", "set", "log-size", "64K"]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("its log has run over", || {
        let (_, omitted) = parts_of(&sandbox.ok(&["log", "1"]));
        omitted > 1 << 20
    });
    worker.child.kill().unwrap();
    worker.child.wait().unwrap();
    let text = sandbox.ok(&["log", "1"]);
    let (parts, omitted) = parts_of(&text);
    assert_eq!((parts.len(), parts[0].len()), (2, 32 << 10));
    assert!(parts[1].len() >= 16 << 10, "{}", parts[1].len());
    // A line has eight bytes, and so has every gap a multiple of eight.
    for (part, first) in [(parts[0], 0), (parts[1], (omitted + (32 << 10)) / 8)] {
        let whole = &part[..part.len() - part.len() % 8];
        for (number, line) in (first..).zip(whole.lines()) {
            assert_eq!(line, format!("{number:07}"));
        }
    }
}

/// Nothing bounded the logs of all tasks together.
pub fn the_oldest_logs_are_shortened_once_all_exceed_their_total() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"head -c 300000 /dev/zero | tr '\\0' x\n".repeat(12));
    sandbox.ok(&["settings", "set", "logs-total", "1M"]);
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    until("all have run", || sandbox.state("12") == "succeeded");
    let bytes = || -> u64 {
        let files = std::fs::read_dir(sandbox.path("queue.db.d/log")).unwrap();
        files
            .filter_map(|file| Some(file.ok()?.metadata().ok()?.len()))
            .sum()
    };
    until("they are within their total", || bytes() <= 1 << 20);
    let first = sandbox.ok(&["log", "1"]);
    let (parts, omitted) = parts_of(&first);
    let kept: usize = parts.iter().map(|part| part.trim_end().len()).sum();
    assert!((60_000..=65_536).contains(&kept), "{kept} bytes are kept");
    assert_eq!(kept as u64 + omitted, 300_000);
    assert_eq!(sandbox.ok(&["log", "12"]).len(), 300_000);
    let found = sandbox.json(&["doctor"]);
    let found = found.as_array().unwrap().iter();
    let logs = found
        .into_iter()
        .find(|one| one["check"] == "logs")
        .unwrap();
    let shown = logs["found"].as_str().unwrap();
    assert!(shown.ends_with("of 1 MiB, up to 16 MiB each"), "{shown}");
}

pub fn follow_begins_with_the_last_lines_and_shows_later_attempts_whole() {
    let sandbox = Sandbox::new();
    let command = "seq 1 9; while ! test -e go; do sleep 0.02; done; test $QUEUE_ATTEMPT = 2";
    sandbox.ok(&["add-task", "again", command, "--backoff", "10ms"]);
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    until("it has written", || sandbox.ok(&["log"]).ends_with("9\n"));
    let mut follow = sandbox.start(&["log", "-f", "-n", "2"]);
    until("the last lines are shown", || follow.stdout() == "8\n9\n");
    sandbox.write("go", "");
    assert_eq!(follow.ended(), Some(0));
    let whole = "8\n9\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    until("the second attempt is shown whole", || {
        follow.stdout() == whole
    });
}

/// The log of a task was gone without a word.
pub fn a_log_that_was_removed_for_the_total_is_mentioned() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "old", "head -c 20000 /dev/zero"]);
    sandbox.ok(&["settings", "set", "logs-total", "1M"]);
    sandbox.ok(&["worker", "--drain"]);
    // So many logs that even notes of their lengths exceed the total.
    for task in 1000..1300 {
        sandbox.write(&format!("queue.db.d/log/{task}.1"), "t1\no1\na");
    }
    sandbox.ok(&["add-task", "new", "head -c 20000 /dev/zero"]);
    let _worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the oldest log is removed", || {
        !sandbox.path("queue.db.d/log/1.1").exists()
    });
    let mut done = sandbox.run(&["log", "1"]);
    until("the removal is noted", || {
        done = sandbox.run(&["log", "1"]);
        !done.stderr().is_empty()
    });
    let said = "task 1 wrote nothing, or its log was removed to keep all logs within logs-total\n";
    assert_eq!((done.code(), done.stdout()), (0, String::new()));
    assert_eq!(done.stderr(), said);
}
