//! Text from tasks is printed safely; help and reports of the verbs.

use super::program::{Done, Sandbox, name, variable};
use crate::skipped;

const EVIL: &str = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}b\r\nc";

pub fn control_characters_never_reach_the_terminal_through_a_table_or_a_message() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        EVIL,
        EVIL,
        "--key",
        EVIL,
        "--cwd",
        "/",
        "--env",
        &format!("A={EVIL}"),
    ]);
    let file = sandbox.write(
        EVIL,
        format!("exit 3 # {}\n", EVIL.replace(['\r', '\n'], "")),
    );
    let file = file.to_str().unwrap();
    let runs: &[&[&str]] = &[
        &["list"],
        &["show", "1"],
        &["why", "1"],
        &["list", "-o", "json"],
        &["pause", EVIL, "--create"],
        &["status"],
        &["workers"],
        &["doctor"],
        &["health"],
        &["health", "--nagios"],
        &["worker", "--drain"],
        &["wait", "1"],
        &["run", file],
        &["systemd", "print", "--queue", EVIL],
        &["show", EVIL],
        &["add-task", EVIL, "true", "--at", EVIL],
        &["--db", EVIL, "status"],
    ];
    for words in runs {
        let done = sandbox.run(words);
        for text in [done.stdout(), done.stderr()] {
            for c in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r'] {
                assert!(!text.contains(c), "{words:?} shows {c:?} in {text:?}");
            }
        }
    }
}

pub fn json_gives_back_exactly_what_was_enqueued() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", EVIL, EVIL, "-7"]);
    let task = sandbox.json(&["show", "1"]);
    assert_eq!(
        (&task["name"], &task["command"]),
        (&EVIL.into(), &EVIL.into())
    );
    assert_eq!(task["priority"], -7);
}

/// Colours were shown as escapes too, and every test report was hard to read.
pub fn on_a_terminal_only_colours_pass_except_with_raw() {
    let sandbox = Sandbox::new();
    let output = "printf '\\033[31mred\\tx\\n\\033[2J\\033[8mhidden\\n'";
    sandbox.ok(&["add-task", "evil", output]);
    sandbox.ok(&["worker", "--drain"]);
    let written = "\u{1b}[31mred\tx\n\u{1b}[2J\u{1b}[8mhidden\n";
    assert_eq!(sandbox.ok(&["log", "1"]), written, "a pipe gets every byte");
    let program = super::program::path();
    let on_terminal = |option: &str, no_color: &str| {
        // `script` gives its command a terminal.
        let line = format!("{program} log 1 {option}");
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        command.env(variable("DB"), sandbox.path("queue.db"));
        command.env("TERM", "xterm").env("NO_COLOR", no_color);
        command
            .output()
            .map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let runs = [("", ""), ("", "1"), ("--raw", "")];
    let shown: Vec<String> = runs
        .iter()
        .flat_map(|(option, no_color)| on_terminal(option, no_color))
        .collect();
    let [colored, plain, raw] = &shown[..] else {
        skipped("there is no `script` program to make a terminal with");
        return;
    };
    let hidden = "\\x1b[2J\\x1b[8mhidden";
    assert!(
        colored.contains("\u{1b}[31mred\tx\u{1b}[0m") && colored.contains(hidden),
        "{colored:?}"
    );
    assert!(
        plain.starts_with("red\tx") && plain.contains(hidden) && !plain.contains('\u{1b}'),
        "{plain:?}"
    );
    assert!(raw.contains("\u{1b}[2J"), "{raw:?}");
}

pub fn common_options_may_come_before_or_after_the_verb() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["--db", "other.db", "add-task", "a", "true"]);
    assert_eq!(
        sandbox.ok(&["add-task", "--db", "other.db", "b", "true"]),
        "Added task 2\n"
    );
    let before = sandbox.ok(&["-o", "json", "--db", "other.db", "list"]);
    assert_eq!(
        sandbox.ok(&["list", "--db", "other.db", "-o", "json"]),
        before
    );
    assert!(!sandbox.path("queue.db").exists());
}

pub fn the_connection_has_the_durability_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let synchronous = |words: &[&str]| {
        let findings = sandbox.json(words);
        let mut findings = findings.as_array().unwrap().iter();
        let finding = findings.find(|one| one["check"] == "synchronous").unwrap();
        finding["found"].as_str().unwrap().to_owned()
    };
    let fast = synchronous(&["doctor", "--durability", "fast"]);
    let full = synchronous(&["doctor", "--durability", "full"]);
    assert_ne!(full, fast);
    let own = if super::program::is_full() {
        full
    } else {
        fast
    };
    assert_eq!(synchronous(&["doctor"]), own);
}

pub fn doctor_shows_the_settings_of_a_writer_and_changes_nothing() {
    let sandbox = Sandbox::new();
    // Longer than a program that writes once leaves it.
    sandbox.write("lines", "true\n".repeat(10_000));
    let mut command = sandbox.command(&["add-task", "--stdin"]);
    let lines = std::fs::File::open(sandbox.path("lines")).unwrap();
    assert!(command.stdin(lines).output().unwrap().status.success());
    std::fs::remove_dir_all(sandbox.path("queue.db.d")).unwrap();
    let log = || {
        std::fs::metadata(sandbox.path("queue.db-wal"))
            .unwrap()
            .len()
    };
    let before = log();
    assert!(before > 512 * 1024, "{before}");
    let findings = sandbox.json(&["doctor"]);
    let found = |check: &str| {
        let mut findings = findings.as_array().unwrap().iter();
        findings.find(|one| one["check"] == check).unwrap()["found"].clone()
    };
    assert_eq!(found("wal_autocheckpoint"), "0");
    assert_eq!(found("foreign_keys"), "1");
    assert_eq!(
        found("synchronous"),
        if super::program::is_full() { "2" } else { "1" }
    );
    assert_eq!(log(), before);
    assert!(!sandbox.path("queue.db.d").exists());
}

pub fn the_default_database_is_under_xdg_data_home() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["add-task", "a", "true"]);
    command.env_remove(variable("DB"));
    command.env("XDG_DATA_HOME", sandbox.path("data"));
    assert!(command.output().unwrap().status.success());
    assert!(sandbox.path(&format!("data/{0}/{0}.db", name())).exists());
}

pub fn status_before_the_first_task_shows_empty_queues_and_creates_nothing() {
    let sandbox = Sandbox::new();
    for words in [&["status"][..], &[], &["stats", "-o", "json"]] {
        let mut command = sandbox.command(words);
        command.env_remove(variable("DB"));
        command.env("XDG_DATA_HOME", sandbox.path("data"));
        let done = Done(command.output().unwrap());
        assert_eq!(done.code(), 0, "{}", done.stderr());
        assert!(done.stdout().contains("queued"), "{}", done.stdout());
    }
    assert!(!sandbox.path("data").exists(), "reading creates nothing");
    // The name of a missing file may be mistyped.
    assert_eq!(sandbox.run(&["status", "--db", "mistyped.db"]).code(), 3);
}

pub fn help_has_no_markup_and_names_this_program() {
    let sandbox = Sandbox::new();
    let help = sandbox.ok(&["--help"]);
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = verbs.take_while(|line| !line.is_empty());
    let mut count = 0;
    for verb in verbs.filter_map(|line| line.split_whitespace().next()) {
        if verb == "help" {
            continue;
        }
        let help = sandbox.ok(&[verb, "--help"]);
        assert!(!help.contains('`'), "{verb}: {help}");
        assert!(!help.contains("<PROGRAM>_"), "{verb}: {help}");
        assert!(help.contains(&variable("DB")), "{verb}: {help}");
        count += 1;
    }
    assert!(count > 18, "only {count} verbs were found");
}

pub fn help_shows_every_argument_and_the_form_of_json() {
    let sandbox = Sandbox::new();
    for verb in ["add-task", "enqueue"] {
        let help = sandbox.ok(&[verb, "--help"]);
        let usage = help.lines().find(|line| line.starts_with("Usage:"));
        assert!(usage.unwrap().contains("[PRIORITY] [DELAY]"), "{help}");
        assert!(help.contains("fractions allowed"), "{help}");
    }
    let help = sandbox.ok(&["show", "--help"]);
    assert!(help.contains("one a line where show, why"), "{help}");
}

pub fn doctor_reports_a_clock_set_back_without_a_problem() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "later", "true"]);
    let clock = || {
        let findings = sandbox.json(&["doctor"]);
        let findings = findings.as_array().unwrap();
        let clock = findings.iter().find(|one| one["check"] == "clock").unwrap();
        clock["found"].as_str().unwrap().to_owned()
    };
    assert_eq!(clock(), "not behind the newest task");
    // As if the task had been added before the clock was set back by two hours.
    rusqlite::Connection::open(sandbox.path("queue.db"))
        .unwrap()
        .execute(
            "UPDATE queue_tasks SET created_at = created_at + 7200000",
            [],
        )
        .unwrap();
    assert!(clock().starts_with("set back by 1h59m"), "{}", clock());
}

pub fn a_hundred_thousand_lines_are_enqueued_in_one_transaction() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"true\n".repeat(100_000));
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["queued"], &status["total"]),
        (&100_000.into(), &100_000.into())
    );
}
