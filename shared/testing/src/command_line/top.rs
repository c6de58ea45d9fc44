//! `top` on a terminal.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Sandbox, until};

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
        let line = format!(
            "stty cols 80 rows 24 -echo; stty -g >before; \
             sh -c 'echo $$ >pid; exec {} top {options} 2>errors'; \
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

pub fn top_gives_the_terminal_back_at_ctrl_c_and_at_sigterm() {
    for by_key in [true, false] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "one", "true"]);
        let Some(mut top) = Top::start(&sandbox, "--read-only") else {
            return;
        };
        until("it is drawn", || top.times("read-only") > 0);
        if by_key {
            top.press("\u{3}");
        } else {
            let pid = sandbox.read("pid").trim().parse().unwrap();
            kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        }
        top.has_ended();
    }
}
