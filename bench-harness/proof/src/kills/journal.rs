//! The journal of a round: a single file with one line for every event, in the order in which the
//! events happened.
//!
//! Commands append the start and the end of every run, and workers append their log. A thread that
//! kills a process or re-opens a task appends that *before* it does so. The checks read the journal
//! beside the database.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::scratch::quoted;

/// An event in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A command started.
    Start(Run),
    /// A command is about to exit.
    End(Run),
    /// The process is about to be killed.
    Kill(u32),
    /// `retry` is about to re-open a task, or all of them.
    Reopen(Option<i64>),
    /// `cancel` is about to cancel a task.
    Cancel(i64),
    /// A worker recorded that a task succeeded.
    Succeeded(i64),
}

/// One execution of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The task's name.
    pub(super) name: String,
    /// The task's id.
    pub(super) task: i64,
    /// The fencing token of the claim.
    pub(super) token: u64,
    /// The worker's process.
    pub(super) worker: u32,
}

/// Writer and reader of the journal file.
#[derive(Clone, Debug)]
pub(super) struct Journal(PathBuf);

impl Journal {
    /// Journal in the file at `path`; the first line creates it.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// A command line that appends its start and its end, runs `body` in between, and exits with
    /// `code`.
    pub(super) fn command(&self, body: &str, code: u8) -> String {
        let file = quoted(&self.0);
        let run = "$QUEUE_TASK_NAME $QUEUE_TASK_ID $QUEUE_TOKEN $PPID";
        format!("echo \"start {run}\" >> {file}; {body}; echo \"end {run}\" >> {file}; exit {code}")
    }

    /// Opens the file for appending.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn append(&self) -> Result<File> {
        Ok(File::options().create(true).append(true).open(&self.0)?)
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn say(&self, entry: &Entry) -> Result<()> {
        let line = match entry {
            Entry::Kill(process) => format!("kill {process}\n"),
            Entry::Reopen(Some(task)) => format!("reopen {task}\n"),
            Entry::Reopen(None) => "reopen all\n".to_owned(),
            Entry::Cancel(task) => format!("cancel {task}\n"),
            Entry::Start(_) | Entry::End(_) | Entry::Succeeded(_) => {
                return Err("commands and workers record runs themselves".into());
            }
        };
        Ok(self.append()?.write_all(line.as_bytes())?)
    }

    /// Reads all entries so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(&self) -> Result<Vec<Entry>> {
        read(&self.0)
    }
}

fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// Parses a line; `None` for other lines of a worker's log.
pub(super) fn parse(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split(' ').collect();
    let run = |name: &str, task: &str, token: &str, worker: &str| {
        Some(Run {
            name: name.to_owned(),
            task: task.parse().ok()?,
            token: token.parse().ok()?,
            worker: worker.parse().ok()?,
        })
    };
    match words[..] {
        ["start", name, task, token, worker] => run(name, task, token, worker).map(Entry::Start),
        ["end", name, task, token, worker] => run(name, task, token, worker).map(Entry::End),
        ["kill", process] => process.parse().ok().map(Entry::Kill),
        ["reopen", "all"] => Some(Entry::Reopen(None)),
        ["reopen", task] => task.parse().ok().map(|task| Entry::Reopen(Some(task))),
        ["cancel", task] => task.parse().ok().map(Entry::Cancel),
        // A worker's log: `TIME task 7 (NAME) succeeded after 0.0s, attempt 1`.
        [_, "task", task, _, "succeeded", ..] => task.parse().ok().map(Entry::Succeeded),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Run, parse};

    #[test]
    fn lines_of_workers_and_commands_are_distinguished() {
        let run = Run {
            name: "t1".to_owned(),
            task: 4,
            token: 2,
            worker: 99,
        };
        assert_eq!(parse("start t1 4 2 99"), Some(Entry::Start(run)));
        let logged = "2026-11-26T14:39:33.811Z task 2 (t7) succeeded after 0.0s, attempt 1";
        assert_eq!(parse(logged), Some(Entry::Succeeded(2)));
        let failed =
            "2026-11-26T14:39:33.811Z task 2 (t7) failed (exit code 1) after 0.0s, attempt 1";
        assert_eq!(parse(failed), None);
        assert_eq!(parse("reopen all"), Some(Entry::Reopen(None)));
    }
}
