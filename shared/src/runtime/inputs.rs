//! What a command is given of the tasks that its own depends on: their outputs, as files in a private
//! folder that lasts as long as the attempt, and short ones as variables too.
//!
//! For each dependency `ID.out` and `ID.err` hold what was kept of its two streams, byte for byte.
//! `index.json` says the rest, an entry a line. Names are made of numbers, whatever tasks are called.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::log::last_output;
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::output::{Chunk, Output, Stream};
use crate::queue::Queue;
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::workflow::Condition;

/// Bytes of an output that is a variable too, at most.
pub const VARIABLE_BYTES: usize = 4 << 10;
/// Bytes of all such variables of a command, with their names: a small part of what the system
/// lets a program be started with.
pub const VARIABLES_BYTES: usize = 32 << 10;

/// The variable that names the folder.
pub(super) const FOLDER: &str = "QUEUE_INPUTS";
/// What the names of the others begin with; the dependency's id follows.
pub(super) const VARIABLE: &str = "QUEUE_INPUT_";

/// The variables of this process that tell of another task's inputs.
pub(super) fn inherited() -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names
        .filter(|name| name == FOLDER || name.as_bytes().starts_with(VARIABLE.as_bytes()))
        .collect()
}

/// Where an executor finds what a task depends on.
pub trait Source: Send + Sync {
    /// Writes the outputs of a running task's dependencies into a folder of its claim's own.
    ///
    /// # Errors
    /// When an output cannot be read, or a file not be written.
    fn prepare(&self, claim: Claim) -> Result<Inputs>;

    /// Removes the folders of claims that hold no longer: what killed workers left.
    ///
    /// # Errors
    /// As [`Queue::get`].
    fn sweep(&self) -> Result<()>;
}

impl<Q: Queue> Source for Q {
    fn prepare(&self, claim: Claim) -> Result<Inputs> {
        let folder = self.sidecar().input_folder(claim.task, claim.token);
        let refused = {
            let what = format!("cannot write to {}", folder.display());
            move |error| Error::io(what.clone(), error)
        };
        let mut writer = Writer::create(folder).map_err(&refused)?;
        for edge in self.dependencies(claim.task)? {
            // One that was pruned since this task first ended is left out.
            let Some(task) = self.get(edge.on)? else {
                continue;
            };
            let output = last_output(self, &task)?.unwrap_or_default();
            writer
                .add(&task, edge.condition, &output)
                .map_err(&refused)?;
        }
        writer.finish().map_err(&refused)
    }

    fn sweep(&self) -> Result<()> {
        // The folder is there only where a command was ever given something.
        let Ok(entries) = std::fs::read_dir(self.sidecar().inputs()) else {
            return Ok(());
        };
        // A folder is made after its claim was committed: a task that is read after the folder was
        // seen shows that claim, or a later one.
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        for path in paths {
            let Some((task, token)) = claim_of(&path) else {
                continue;
            };
            let holds = |task: Task| task.state == State::Running && task.token == token;
            if !self.get(task)?.is_some_and(holds) {
                // What cannot be removed now is met again by the next sweep.
                let _ = std::fs::remove_dir_all(&path);
            }
        }
        Ok(())
    }
}

/// The task and token that a folder is named after.
fn claim_of(path: &Path) -> Option<(TaskId, i64)> {
    let (task, token) = path.file_name()?.to_str()?.split_once('.')?;
    Some((TaskId(task.parse().ok()?), token.parse().ok()?))
}

/// A folder of inputs. It is removed when this is dropped.
#[derive(Debug)]
pub struct Inputs {
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
}

impl Inputs {
    /// The folder, absolute if the database's path is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Short outputs by the names of their variables.
    pub fn variables(&self) -> &[(String, OsString)] {
        &self.variables
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        // What cannot be removed is swept later.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An entry of `index.json`.
#[derive(Serialize)]
struct Entry<'a> {
    id: i64,
    name: &'a str,
    state: &'static str,
    condition: &'static str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: Option<&'static str>,
    stdout_bytes: usize,
    stderr_bytes: usize,
    /// What was left out of both when they were kept.
    omitted_bytes: u64,
}

/// A folder that is being filled.
struct Writer {
    inputs: Inputs,
    index: BufWriter<File>,
    /// What goes before the next entry.
    separator: &'static str,
    /// Bytes that variables may still take.
    room: usize,
}

impl Writer {
    fn create(folder: PathBuf) -> io::Result<Self> {
        let private = |recursive| {
            let mut builder = DirBuilder::new();
            builder.mode(0o700).recursive(recursive);
            builder
        };
        if let Some(parent) = folder.parent() {
            private(true).create(parent)?;
        }
        private(false).create(&folder)?;
        let index = create(&folder.join("index.json"))?;
        Ok(Self {
            inputs: Inputs {
                folder,
                variables: Vec::new(),
            },
            index: BufWriter::new(index),
            separator: "[\n",
            room: VARIABLES_BYTES,
        })
    }

    fn add(&mut self, task: &Task, condition: Condition, output: &Output) -> io::Result<()> {
        let mut parts = Parts::default();
        for chunk in output.chunks() {
            parts.take(chunk.map_err(io::Error::other)?);
        }
        let file = |kind| self.inputs.folder.join(format!("{}.{kind}", task.id));
        create(&file("out"))?.write_all(&parts.stdout)?;
        create(&file("err"))?.write_all(&parts.stderr)?;
        self.index.write_all(self.separator.as_bytes())?;
        self.separator = ",\n";
        let entry = Entry {
            id: task.id.0,
            name: &task.name,
            state: task.state.as_str(),
            condition: condition.as_str(),
            exit_code: task.exit_code,
            signal: task.signal,
            reason: task.reason.map(crate::outcome::Reason::as_str),
            stdout_bytes: parts.stdout.len(),
            stderr_bytes: parts.stderr.len(),
            omitted_bytes: parts.omitted,
        };
        serde_json::to_writer(&mut self.index, &entry)?;
        self.add_variable(task.id, parts);
        Ok(())
    }

    /// A variable holds what `$(…)` would: everything but the newlines at the end. What it cannot
    /// hold whole has none.
    fn add_variable(&mut self, task: TaskId, parts: Parts) {
        let mut value = parts.stdout;
        let end = value.iter().rposition(|byte| *byte != b'\n');
        value.truncate(end.map_or(0, |last| last + 1));
        let name = format!("{VARIABLE}{task}");
        let size = name.len() + value.len() + "=\0".len();
        let fits = value.len() <= VARIABLE_BYTES && size <= self.room;
        if parts.omitted == 0 && fits && !value.contains(&0) {
            self.room -= size;
            let value = OsString::from_vec(value);
            self.inputs.variables.push((name, value));
        }
    }

    fn finish(mut self) -> io::Result<Inputs> {
        let end = if self.separator == "[\n" {
            "[]\n"
        } else {
            "\n]\n"
        };
        self.index.write_all(end.as_bytes())?;
        self.index.flush()?;
        Ok(self.inputs)
    }
}

/// An output's two streams.
#[derive(Default)]
struct Parts {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    omitted: u64,
}

impl Parts {
    fn take(&mut self, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => match stream {
                Stream::Stdout => self.stdout.extend_from_slice(&bytes),
                Stream::Stderr => self.stderr.extend_from_slice(&bytes),
            },
            Chunk::Omitted(bytes) => self.omitted = self.omitted.saturating_add(bytes),
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::options::TaskOptions;
    use crate::outcome::Reason;
    use crate::task::Work;

    fn stdout(bytes: &[u8]) -> Output {
        let mut output = Output::default();
        output.push(Stream::Stdout, bytes);
        output
    }

    fn task(id: i64) -> Task {
        Task {
            id: TaskId(id),
            name: "../a\n\"b\"".to_owned(),
            work: Work::Shell("true".to_owned()),
            queue: "default".to_owned(),
            state: State::Failed,
            priority: 0,
            attempt: 1,
            crashes: 0,
            token: 1,
            worker: None,
            created_at: Timestamp(0),
            run_at: None,
            started_at: None,
            finished_at: None,
            cancel_requested_at: None,
            exit_code: Some(3),
            signal: None,
            reason: Some(Reason::Exit),
            message: None,
            key: None,
            options: TaskOptions::default(),
        }
    }

    /// Folder and variables for these outputs, of tasks 1, 2 and so on.
    fn prepared(place: &Path, outputs: &[Output]) -> Inputs {
        let mut writer = Writer::create(place.join("inputs/9.1")).unwrap();
        for (id, output) in (1..).zip(outputs) {
            writer.add(&task(id), Condition::Any, output).unwrap();
        }
        writer.finish().unwrap()
    }

    fn variables(outputs: &[Output]) -> Vec<(String, Vec<u8>)> {
        let place = tempfile::tempdir().unwrap();
        let inputs = prepared(place.path(), outputs);
        let variables = inputs.variables().iter();
        variables
            .map(|(name, value)| (name.clone(), value.as_bytes().to_owned()))
            .collect()
    }

    #[test]
    fn files_hold_every_byte_and_the_index_says_the_rest() {
        let place = tempfile::tempdir().unwrap();
        let mut output = stdout(b"a\0\xff\n");
        output.push(Stream::Stderr, b"oops");
        output.push_omitted(7);
        output.push(Stream::Stdout, b"z");
        let inputs = prepared(place.path(), &[output, Output::default()]);
        let read = |name: &str| std::fs::read(inputs.folder().join(name)).unwrap();
        assert_eq!(read("1.out"), b"a\0\xff\nz");
        assert_eq!(read("1.err"), b"oops");
        assert_eq!((read("2.out"), read("2.err")), (Vec::new(), Vec::new()));
        let index: serde_json::Value = serde_json::from_slice(&read("index.json")).unwrap();
        let expected = serde_json::json!({
            "id": 1, "name": "../a\n\"b\"", "state": "failed", "condition": "any",
            "exit_code": 3, "signal": null, "reason": "exit",
            "stdout_bytes": 5, "stderr_bytes": 4, "omitted_bytes": 7,
        });
        assert_eq!(index[0], expected);
        assert_eq!(index.as_array().unwrap().len(), 2);
        let names = std::fs::read_dir(inputs.folder()).unwrap();
        assert_eq!(names.count(), 5, "a name is made of numbers only");
        let folder = inputs.folder().to_owned();
        drop(inputs);
        assert!(!folder.exists());
    }

    #[test]
    fn without_dependencies_left_the_index_is_empty() {
        let place = tempfile::tempdir().unwrap();
        let inputs = prepared(place.path(), &[]);
        let index = std::fs::read_to_string(inputs.folder().join("index.json"));
        assert_eq!(index.unwrap(), "[]\n");
    }

    #[test]
    fn a_variable_is_what_command_substitution_would_give() {
        let found = variables(&[stdout(b"one\ntwo\n\n"), Output::default(), stdout(b"\xff")]);
        let expected = [("1", &b"one\ntwo"[..]), ("2", b""), ("3", b"\xff")]
            .map(|(id, value)| (format!("QUEUE_INPUT_{id}"), value.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_variable_cannot_hold_whole_has_none() {
        let mut cut = stdout(b"head");
        cut.push_omitted(1);
        let long = stdout(&[b'x'; VARIABLE_BYTES + 1]);
        let longest = stdout(&[b'x'; VARIABLE_BYTES]);
        let found = variables(&[stdout(b"a\0b"), cut, long, longest]);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["QUEUE_INPUT_4"]);
    }

    #[test]
    fn all_variables_together_stay_small_however_many_dependencies_there_are() {
        let outputs = vec![stdout(&[b'x'; 1000]); 100];
        let found = variables(&outputs);
        let bytes: usize = found
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(
            (VARIABLES_BYTES - 1100..=VARIABLES_BYTES).contains(&bytes),
            "{bytes}"
        );
    }
}
