//! `top` on a terminal.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Sandbox, until};
use crate::processes::is_running;

/// `top` on a terminal, killed when dropped.
struct Top<'a> {
    sandbox: &'a Sandbox,
    script: Child,
    keys: ChildStdin,
}

impl<'a> Top<'a> {
    /// `top` on a terminal of 80 columns and 24 lines. The shell around it writes its process id, its
    /// exit code and the settings of the terminal before and after it to files. `None` if no terminal
    /// can be made.
    fn start(sandbox: &'a Sandbox, options: &str) -> Option<Self> {
        Self::start_with(sandbox, "", options)
    }

    /// As [`start`](Self::start), with a variable of the environment.
    fn start_with(sandbox: &'a Sandbox, variable: &str, options: &str) -> Option<Self> {
        let line = format!(
            "stty cols 80 rows 24 -echo; stty -g >before; tty >tty; \
             {variable} sh -c 'echo $$ >pid; exec {} top {options} 2>errors'; \
             echo $? >code; stty -g >after",
            super::program::path(),
        );
        let mut script = super::terminal::script(sandbox, &line)?;
        script.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        // There is no line feed in it, so it cannot be read by lines.
        let shown = File::create(sandbox.path("shown")).unwrap();
        script.stdin(Stdio::piped()).stdout(shown);
        let mut script = script.spawn().unwrap();
        let keys = script.stdin.take().unwrap();
        Some(Self {
            sandbox,
            script,
            keys,
        })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn pid(&self) -> Pid {
        let pid = self.sandbox.read("pid").trim().parse().unwrap();
        Pid::from_raw(pid).unwrap()
    }

    fn shown(&self) -> String {
        let bytes = std::fs::read(self.sandbox.path("shown")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Number of times at which the word was drawn. It may be drawn only in part where it replaces a
    /// text that shares a letter.
    fn times(&self, word: &str) -> usize {
        self.shown().matches(word).count()
    }

    /// Waits until it has ended, and checks its exit code and that the terminal is as it was.
    fn has_ended(mut self) {
        until("it ends", || self.script.try_wait().unwrap().is_some());
        let read = |name: &str| self.sandbox.read(name);
        assert_eq!(read("code").trim(), "0", "{}", read("errors"));
        assert!(!read("before").is_empty());
        assert_eq!(read("before"), read("after"), "settings of the terminal");
        assert_eq!(read("errors"), "");
        let shown = self.shown();
        assert!(shown.contains("\u{1b}[?1049h"), "another screen: {shown:?}");
        let (_, rest) = shown.rsplit_once("\u{1b}[?1049l").unwrap();
        assert!(rest.contains("\u{1b}[?25h"), "the cursor: {rest:?}");
    }
}

impl Drop for Top<'_> {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

pub fn top_shows_the_file_and_its_keys_steer_it() {
    let sandbox = Sandbox::new();
    let command = "echo ÄÖÜÄÖÜ; exit 3";
    sandbox.ok(&["add-task", "ßßß", command, "--max-attempts", "1"]);
    sandbox.run(&["worker", "--drain"]);
    let Some(mut top) = Top::start(&sandbox, "--interval 100ms") else {
        return;
    };
    until("the failed task is shown", || top.times("ßßß:") == 1);
    let outputs = top.times("ÄÖÜÄÖÜ");
    top.press("\u{1b}[F");
    top.press("l");
    until("its output is shown", || top.times("ÄÖÜÄÖÜ") > outputs);
    top.press("q");
    until("the rows are back", || top.times("ßßß:") > 1);
    let names = top.times("ßßß");
    top.press("w");
    until("the reason is shown", || top.times("ßßß") > names);
    top.press("q");
    top.press("r");
    until("the task is queued", || sandbox.state("1") == "queued");
    let paused = || sandbox.json(&["status"])["paused"].to_string();
    top.press("\u{1b}[Hp");
    until("the queue is paused", || paused() == r#"["default"]"#);
    top.press("p");
    until("the queue is resumed", || paused() == "[]");
    top.press("q");
    top.has_ended();
}

pub fn top_gives_the_terminal_back_at_ctrl_c_and_at_signals() {
    for signal in [
        None,
        Some(Signal::TERM),
        Some(Signal::INT),
        Some(Signal::HUP),
    ] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "one", "true"]);
        let Some(mut top) = Top::start(&sandbox, "--read-only") else {
            return;
        };
        until("it is drawn", || top.times("read-only") > 0);
        match signal {
            None => top.press("\u{3}"),
            Some(signal) => kill_process(top.pid(), signal).unwrap(),
        }
        top.has_ended();
    }
}

pub fn top_ends_with_its_terminal() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let Some(mut top) = Top::start(&sandbox, "--interval 1h") else {
        return;
    };
    until("it is drawn", || top.times("filter") > 0);
    let pid = sandbox.read("pid");
    top.script.kill().unwrap();
    until("it ends", || !is_running(pid.trim()));
    assert_eq!(sandbox.read("errors"), "");
}

pub fn another_size_of_the_terminal_is_drawn_at_once() {
    let sandbox = Sandbox::new();
    let lines = "i=100; while [ $i -lt 160 ]; do printf '%s' $i; i=$((i+1)); done; exit 3";
    sandbox.ok(&["add-task", "one", lines, "--max-attempts", "1"]);
    sandbox.run(&["worker", "--drain"]);
    let Some(mut top) = Top::start(&sandbox, "--interval 1h") else {
        return;
    };
    until("it is drawn", || top.times("filter") == 1);
    top.press("\u{1b}[Fl");
    until("the output is wrapped at 80 columns", || {
        top.times("123124125") == 1 && top.times("126127") == 0
    });
    let size = |size: &str| {
        let terminal = sandbox.read("tty");
        let line = format!("stty {size} <{}", terminal.trim());
        let done = Command::new("sh").args(["-c", &line]).status().unwrap();
        assert!(done.success(), "{line}");
    };
    size("cols 200 rows 60");
    until("it is in one line", || top.times("125126127128") > 0);
    let cleared = top.times("\u{1b}[2J");
    size("cols 3 rows 2");
    until("it is drawn anew", || top.times("\u{1b}[2J") > cleared);
    top.press("qq");
    top.has_ended();
}

/// Parameters of the sequences that set colours or attributes.
fn renditions(shown: &str) -> Vec<String> {
    let sequences = shown.split("\u{1b}[").skip(1);
    let ends = sequences.filter_map(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (parameters, rest) = rest.split_at(end);
        rest.starts_with('m').then_some(parameters)
    });
    ends.flat_map(|parameters| parameters.split(';').map(str::to_owned))
        .collect()
}

pub fn top_has_no_colours_unless_they_are_wanted() {
    for (variable, options, is_colored) in [
        ("", "", true),
        ("NO_COLOR=1", "", false),
        ("", "--color never", false),
    ] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "one", "exit 3", "--max-attempts", "1"]);
        sandbox.run(&["worker", "--drain"]);
        let Some(mut top) = Top::start_with(&sandbox, variable, options) else {
            return;
        };
        until("it is drawn", || top.times("filter") > 0);
        top.press("\u{1b}[Fwqq");
        let sandbox = top.sandbox;
        top.has_ended();
        let shown = std::fs::read(sandbox.path("shown")).unwrap();
        let renditions = renditions(&String::from_utf8_lossy(&shown));
        assert!(renditions.iter().any(|one| one == "1"), "{renditions:?}");
        // 39, 49 and 59 are the colours of the terminal.
        let plain = ["", "0", "1", "7", "22", "27", "39", "49", "59"];
        let colored = renditions.iter().any(|one| !plain.contains(&one.as_str()));
        assert_eq!(colored, is_colored, "{variable}{options}: {renditions:?}");
    }
}
