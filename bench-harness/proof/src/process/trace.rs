//! strace of a process: lists its system calls, kills it at one, or makes one fail.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Result;

/// A command that can be run repeatedly under strace.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Program and arguments.
    pub words: Vec<PathBuf>,
    /// File for its standard input.
    pub input: Option<PathBuf>,
    folder: Option<PathBuf>,
}

/// A system call: its name, and its ordinal among the calls of that name in its thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    name: String,
    number: usize,
}

impl Traced {
    /// Program, arguments and folder of a command.
    pub fn of(command: &Command) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        Self {
            words: words.map(PathBuf::from).collect(),
            input: None,
            folder: command.get_current_dir().map(Path::to_owned),
        }
    }

    /// Every call that the command makes, in the order of their first occurrence; empty if strace is
    /// missing or may not trace processes.
    ///
    /// # Errors
    /// When the folder for strace's output cannot be made.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("trace");
        // Without strace, or the right to trace, the file is missing or empty.
        let _ = self.strace(&file, &[])?.output();
        let trace = std::fs::read_to_string(&file).unwrap_or_default();
        Ok(listed(&trace))
    }

    /// Runs the command and kills it at `call`.
    ///
    /// # Errors
    /// When strace cannot be started.
    pub fn killed_at(&self, call: &Call) -> Result<Output> {
        let trace = format!("trace={}", call.name);
        let inject = format!("inject={}:signal=KILL:when={}", call.name, call.number);
        Ok(self
            .strace(Path::new("/dev/null"), &[&trace, &inject])?
            .output()?)
    }

    /// Runs the command and makes its `number`th `fsync` or `fdatasync` fail, counted by thread.
    /// Returns the synced file too, or `None` if there were fewer calls.
    ///
    /// # Errors
    /// When strace cannot be started, or its output has an unknown form.
    pub fn with_failed_sync(&self, number: usize) -> Result<(Output, Option<PathBuf>)> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("trace");
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={number}");
        let expressions = ["trace=fsync,fdatasync", &inject, "decode-fds=path"];
        let output = self.strace(&file, &expressions)?.output()?;
        let trace = std::fs::read_to_string(&file)?;
        let Some(line) = trace.lines().find(|line| line.ends_with("(INJECTED)")) else {
            return Ok((output, None));
        };
        // `4711 fsync(9</var/q.db-wal>) = -1 EIO (Input/output error) (INJECTED)`
        let path = line
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once(">)"));
        let (path, _) = path.ok_or("strace does not name the files")?;
        Ok((output, Some(path.into())))
    }

    fn strace(&self, file: &Path, expressions: &[&str]) -> Result<Command> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(file);
        for expression in expressions {
            strace.args(["-e", expression]);
        }
        strace.args(&self.words);
        if let Some(folder) = &self.folder {
            strace.current_dir(folder);
        }
        strace.stdin(match &self.input {
            Some(path) => Stdio::from(std::fs::File::open(path)?),
            None => Stdio::null(),
        });
        Ok(strace)
    }
}

/// Returns true if a traced process was killed; strace ends as the process did.
pub fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(9)
}

/// The call that ends a process, excluded from kills: it leaves no work to interrupt, and the first
/// thread to reach it belongs to a command, not to the program.
const LAST: &str = "exit_group";

/// Calls in a trace. Lines read `4711 openat(AT_FDCWD, …) = 3`; other lines report exits, signals and
/// resumed calls.
fn listed(trace: &str) -> Vec<Call> {
    let mut made: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !name.bytes().all(is_name) || name == LAST {
            continue;
        }
        let number = made.entry((thread, name)).or_default();
        *number += 1;
        let call = Call {
            name: name.to_owned(),
            number: *number,
        };
        // strace counts by thread: it hits the first thread that reaches the number.
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn calls_are_counted_by_name_and_thread() {
        let trace = "7 openat(AT_FDCWD, \"a\") = 3\n7 close(3) = 0\n8 openat(AT_FDCWD) = 3\n\
                     7 <... read resumed>) = 0\n7 +++ exited with 0 +++\n7 openat(AT_FDCWD) = 3\n\
                     7 exit_group(0) = ?\n";
        let calls = listed(trace);
        let named: Vec<_> = calls
            .iter()
            .map(|call| (&*call.name, call.number))
            .collect();
        assert_eq!(named, [("openat", 1), ("close", 1), ("openat", 2)]);
    }
}
