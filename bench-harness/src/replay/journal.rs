//! The journal that the tasks of a replay write, and its comparison with the trace. Each task appends a
//! line at its start and one at its end, with one write each, so the order of the file is the order of
//! the events.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::trace::Trace;
use crate::Result;

/// File name of the journal in the folder of a run.
pub(super) const FILE: &str = "journal";
/// Number of faults listed one by one; the rest are counted.
const MAX_LISTED: usize = 5;

/// Path of the journal for a run in `folder`.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// A shell command that appends to the journal in its directory and runs the task's work, if any, in
/// between.
pub(super) fn command(index: usize, between: Option<&str>) -> String {
    let between = between
        .map(|what| format!(" && {what}"))
        .unwrap_or_default();
    format!("echo start {index} >>{FILE}{between} && echo end {index} >>{FILE}")
}

/// Journal for tasks that run in this process.
pub(super) struct Writer(File);

impl Writer {
    /// Opens the journal of a folder for appending.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path(folder))?;
        Ok(Self(file))
    }

    /// Appends both lines of a task, given by its index, that does nothing in between.
    pub(super) fn pass(&self, index: &str) -> std::io::Result<()> {
        (&self.0).write_all(format!("start {index}\n").as_bytes())?;
        (&self.0).write_all(format!("end {index}\n").as_bytes())
    }
}

/// Line numbers of a task's starts and ends in the journal.
#[derive(Clone, Debug, Default)]
struct Lines {
    starts: Vec<usize>,
    ends: Vec<usize>,
}

/// Faults in a journal; empty if every task of the trace ran once, and started after all its
/// dependencies had ended.
pub(super) fn faults(trace: &Trace, text: &str) -> Vec<String> {
    let mut lines = vec![Lines::default(); trace.tasks.len()];
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let task = line.split_once(' ').and_then(|(what, index)| {
            let lines = lines.get_mut(index.parse::<usize>().ok()?)?;
            match what {
                "start" => Some(&mut lines.starts),
                "end" => Some(&mut lines.ends),
                _ => None,
            }
        });
        match task {
            Some(numbers) => numbers.push(number),
            None => faults.push(format!(
                "line {number} of the journal belongs to no task: {line:?}"
            )),
        }
    }
    for (index, own) in lines.iter().enumerate() {
        let id = &trace.tasks[index].id;
        let (starts, ends) = (own.starts.len(), own.ends.len());
        if (starts, ends) != (1, 1) {
            faults.push(format!(
                "task {index} ({id:?}) started {starts} and ended {ends} times"
            ));
        }
        for on in &trace.tasks[index].dependencies {
            let ended = lines[*on].ends.last();
            if own
                .starts
                .first()
                .is_some_and(|start| ended.is_none_or(|end| start < end))
            {
                let other = &trace.tasks[*on].id;
                faults.push(format!(
                    "task {index} ({id:?}) started before task {on} ({other:?}) had ended"
                ));
            }
        }
    }
    if faults.len() > MAX_LISTED {
        let more = faults.split_off(MAX_LISTED).len();
        faults.push(format!("{more} more faults of this kind"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Writer, command, faults, path};
    use crate::replay::trace::{Trace, TraceTask};

    /// A trace in which task 1 depends on task 0.
    fn pair() -> Trace {
        let task = |id: &str, dependencies: Vec<usize>| TraceTask {
            id: id.to_owned(),
            seconds: None,
            dependencies,
        };
        Trace {
            tasks: vec![task("a", vec![]), task("b", vec![0])],
            order: vec![0, 1],
        }
    }

    #[test]
    fn a_run_in_order_has_no_faults() {
        let text = "start 0\nend 0\nstart 1\nend 1\n";
        assert_eq!(faults(&pair(), text), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_found() {
        for (text, fault) in [
            ("start 0\nstart 1\nend 0\nend 1\n", "started before"),
            ("start 1\nend 1\nstart 0\nend 0\n", "started before"),
            ("start 0\nend 0\n", "(\"b\") started 0 and ended 0 times"),
            ("start 0\nend 0\nstart 1\n", "started 1 and ended 0"),
            (
                "start 0\nend 0\nstart 1\nend 1\nstart 1\nend 1\n",
                "started 2",
            ),
            (
                "start 0\nend 0\nstart 0\nstart 1\nend 0\nend 1\n",
                "(\"b\") started before",
            ),
            ("start 0\nend 0\nstart 1\nend 1\nstart 2\n", "line 4"),
            (
                "start 0\nend 0\nstart 1\nend 1end 1\n",
                "belongs to no task",
            ),
        ] {
            let found = faults(&pair(), text);
            assert!(
                found.iter().any(|own| own.contains(fault)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn many_faults_are_counted() {
        let found = faults(&pair(), &"nothing\n".repeat(100));
        assert_eq!(found.len(), 6);
        assert_eq!(found[5], "97 more faults of this kind");
    }

    #[test]
    fn commands_and_writers_keep_the_same_journal() {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", &command(0, Some("true"))])
            .current_dir(folder.path())
            .status()
            .unwrap();
        assert!(status.success());
        Writer::open(folder.path()).unwrap().pass("1").unwrap();
        let text = std::fs::read_to_string(path(folder.path())).unwrap();
        assert_eq!(text, "start 0\nend 0\nstart 1\nend 1\n");
    }
}
