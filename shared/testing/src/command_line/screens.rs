//! Reports on terminals of several sizes: the program without a verb, `--watch`, lists.

use std::io::Write as _;
use std::process::{Command, Stdio};

use queue_core::cli::escape::is_unsafe;
use queue_core::cli::table::cut;
use rustix::process::Signal;

use super::program::{Done, Sandbox, until};

/// A command that waits for the file `go`.
const WAITS: &str = "while ! test -e go; do sleep 0.02; done";

/// The program on a terminal with so many columns and lines; its messages go to a file. `None` if no
/// terminal can be made.
fn on_terminal(
    sandbox: &Sandbox,
    (columns, lines): (usize, usize),
    words: &[&str],
) -> Option<Command> {
    let line = format!(
        "stty cols {columns} rows {lines} -echo; exec {} {} 2>errors",
        super::program::path(),
        words.join(" ")
    );
    let mut script = super::terminal::script(sandbox, &line)?;
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    Some(script)
}

/// The text without colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (code, rest) = part.split_once('m').unwrap();
        let is_code = |c: char| c.is_ascii_digit() || c == ';';
        assert!(code.chars().all(is_code), "{code:?} is no colour");
        text + rest
    })
}

/// Tasks whose text is hard to show, of every length and in every state.
fn add_hard_tasks(sandbox: &Sandbox) {
    let words = [
        "a",
        "世界世界世界世界世界世界世界世界世界",
        "escape \u{1b}[31m\u{1b}]0;x\u{7}",
        "right \u{202e}to\u{202c} left \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "👩‍🔬👩‍🔬 e\u{301}e\u{301}",
        "tab\tline",
        &"long ".repeat(30),
    ];
    for (index, word) in words.iter().enumerate() {
        let name = format!("{index} {word}");
        let command = format!("exit {index}; # {}", word.repeat(3));
        sandbox.ok(&["add-task", &name, &command, "--max-attempts", "1"]);
        sandbox.ok(&["add", &command, "--queue", "other", "--delay", "1h"]);
    }
    sandbox.run(&["worker", "--drain"]);
    for word in words {
        sandbox.ok(&["add", word, "--priority", "7"]);
    }
}

/// Lines were wider than a narrow terminal, and the name of a task could hold a colour.
pub fn every_report_fits_its_terminal_and_holds_no_control_character() {
    let (empty, hard, many) = (Sandbox::new(), Sandbox::new(), Sandbox::new());
    empty.ok(&["pause", "other", "--create"]);
    add_hard_tasks(&hard);
    many.enqueue(&"true # a command\n".repeat(100_000));
    for sandbox in [&empty, &hard, &many] {
        for size in [(80, 24), (200, 60), (30, 10), (1, 1)] {
            for words in [
                &[][..],
                &["list"],
                &["ps", "--sort", "when:desc"],
                &["status"],
            ] {
                let Some(mut program) = on_terminal(sandbox, size, words) else {
                    return;
                };
                let done = Done(program.output().unwrap());
                assert_eq!(done.code(), 0, "{words:?} {size:?}: {}", done.stdout());
                let shown = plain(&done.stdout());
                let is_list = !words.is_empty() && words != ["status"];
                assert!(!shown.is_empty() || is_list, "{words:?} {size:?}");
                // Counts are wrapped between two of them.
                let columns = size.0.max("100000 queued".len());
                for line in shown.lines() {
                    assert!(!line.contains(is_unsafe), "{words:?} {size:?}: {line:?}");
                    assert_eq!(cut(line, columns), line, "{words:?} {size:?}");
                }
                if words.is_empty() && size.1 > 1 {
                    assert!(shown.lines().count() < size.1, "{size:?}: {shown}");
                }
            }
        }
    }
}

pub fn without_a_verb_the_program_shows_what_runs_failed_and_waits() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add", "exit 3", "--max-attempts", "1"]);
    sandbox.run(&["worker", "--drain"]);
    sandbox.ok(&["add-task", "waits", WAITS]);
    sandbox.ok(&["add", "echo next"]);
    sandbox.ok(&["add", "echo last"]);
    sandbox.ok(&["add", "echo later", "--delay", "1h", "--queue", "other"]);
    sandbox.ok(&["add", "echo held"]);
    sandbox.ok(&["hold", "6"]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the task runs", || sandbox.state("2") == "running");
    let shown = sandbox.ok(&[]);
    let line = |begin: &str| {
        let mut lines = shown.lines().skip(1);
        let found = lines.find(|line| line.trim().starts_with(begin));
        found
            .unwrap_or_else(|| panic!("{begin}: {shown}"))
            .to_owned()
    };
    let counts = shown.lines().next().unwrap();
    assert_eq!(
        counts,
        "1 scheduled  1 blocked  2 queued  1 running  0 succeeded  1 failed"
    );
    assert!(line("RUNNING  ELAPSED  WORKER").ends_with("COMMAND"));
    assert!(line("2 ").contains(&format!("waits: {WAITS}")));
    assert!(line("1 ").contains("exit code 3"));
    assert!(line("3 ").contains("a free slot"));
    assert!(line("4 ").contains("1 task before it"));
    assert!(line("5 ").contains("its time in "));
    assert!(line("5 ").contains(", a worker"));
    assert!(line("6 ").contains("held "), "as in `list`");
    let colored = sandbox.ok(&["--color", "always"]);
    assert!(colored.contains("\x1b[36mheld\x1b[0m"), "{colored:?}");
    let pid = worker.child.id().to_string();
    assert!(shown.lines().last().unwrap().contains(&pid), "{shown}");
    let json = sandbox.json(&[]);
    assert_eq!(json["queued"], 2, "the fields of status are there");
    assert_eq!(json["running_tasks"][0]["id"], 2);
    assert_eq!(json["failed_tasks"][0]["exit_code"], 3);
    assert_eq!(json["waiting_tasks"][0]["because"][0]["kind"], "next");
    assert_eq!(json["live_workers"][0]["running"], 1);
    sandbox.write("go", "");
    worker.signal(Signal::TERM);
    worker.ended();
}

/// What was shown after the last return to the corner, a `\r\n` after each line.
fn last_frame(shown: &str) -> String {
    shown.rsplit("\u{1b}[H").next().unwrap().to_owned()
}

pub fn a_watched_report_is_drawn_in_place_until_ctrl_c() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add", "echo one"]);
    for words in [&["--watch"][..], &["status", "--watch"]] {
        let before = sandbox.json(&["status"])["queued"].as_u64().unwrap();
        let Some(mut command) = on_terminal(&sandbox, (80, 24), words) else {
            return;
        };
        command.stdin(Stdio::piped());
        let mut shown = Sandbox::begin_with_input(&mut command);
        let frames = |shown: &str| shown.matches("\u{1b}[H").count();
        until("it is drawn twice", || frames(&shown.0.stdout()) > 1);
        sandbox.ok(&["add", "echo two"]);
        let queued = (before + 1).to_string();
        until("the new task is shown", || {
            let plain_counts = last_frame(&shown.0.stdout());
            plain_counts.contains("queued") && plain_counts.contains(&queued)
        });
        let all = shown.0.stdout();
        assert!(!all.contains("\u{1b}[2J"), "nothing is cleared: {all:?}");
        assert!(!all.contains("\u{1b}[?"), "the screen is the usual one");
        for frame in all.split("\u{1b}[H").skip(1) {
            assert!(frame.matches("\r\n").count() < 24, "{frame:?}");
            assert!(frame.lines().all(|line| !line.contains('\n')));
        }
        shown.1.write_all(b"\x03").unwrap();
        assert_eq!(shown.0.ended(), Some(0), "{}", shown.0.stdout());
    }
}

pub fn a_watch_prints_a_line_of_json_every_second() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add", "echo one"]);
    let mut watch = sandbox.start(&["--watch", "-o", "json"]);
    until("two lines are printed", || {
        watch.stdout().lines().count() > 1
    });
    watch.signal(Signal::INT);
    assert_eq!(watch.ended(), Some(0));
    for line in watch.stdout().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["queued"], 1);
    }
}
