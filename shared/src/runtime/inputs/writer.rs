//! Fills a folder of inputs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, linkat};
use serde::Serialize;

use super::{Inputs, VARIABLE, VARIABLE_BYTES, VARIABLES_BYTES};
use crate::output::{Chunk, Output, Stream};
use crate::sidecar::files::{Folder, split};
use crate::task::{Task, TaskId};
use crate::workflow::Condition;

/// Entry of `index.json`.
#[derive(Serialize)]
struct IndexEntry<'a> {
    id: i64,
    name: &'a str,
    state: &'static str,
    condition: &'static str,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: Option<&'static str>,
    stdout_bytes: usize,
    stderr_bytes: usize,
    /// Bytes that were left out of both streams when they were stored.
    omitted_bytes: u64,
    given_up: bool,
}

/// Writer of a folder of inputs.
pub(super) struct Writer {
    inputs: Inputs,
    folder: Folder,
    index: BufWriter<File>,
    /// Text before the next entry.
    separator: &'static str,
    /// Name of an empty file, once there is one.
    empty: Option<String>,
    /// Bytes that are left for variables.
    room: usize,
}

impl Writer {
    /// Creates the folder, and its parent if it is missing.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let (parent, name) = split(&path)?;
        let (sidecar, parent) = split(parent)?;
        let folder = Folder::open(sidecar)?.folder(parent)?.new_folder(name)?;
        let inputs = Inputs {
            folder: path,
            variables: Vec::new(),
            remover: None,
        };
        let index = folder.new_file(OsStr::new("index.json"))?;
        Ok(Self {
            inputs,
            folder,
            index: BufWriter::new(index),
            separator: "[\n",
            empty: None,
            room: VARIABLES_BYTES,
        })
    }

    pub(super) fn add(
        &mut self,
        task: &Task,
        condition: Condition,
        output: &Output,
    ) -> io::Result<()> {
        let mut parts = Parts::default();
        for chunk in output.chunks() {
            parts.take(chunk.map_err(io::Error::other)?);
        }
        self.write(format!("{}.out", task.id), &parts.stdout)?;
        self.write(format!("{}.err", task.id), &parts.stderr)?;
        self.index.write_all(self.separator.as_bytes())?;
        self.separator = ",\n";
        let entry = IndexEntry {
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
            given_up: parts.given_up,
        };
        serde_json::to_writer(&mut self.index, &entry)?;
        self.add_variable(task.id, parts);
        Ok(())
    }

    /// Writes a file. Empty files are hard links to one file: most commands write to one stream at
    /// most, and a link costs a quarter of a file.
    fn write(&mut self, name: String, content: &[u8]) -> io::Result<()> {
        if !content.is_empty() {
            return self.folder.new_file(name.as_ref())?.write_all(content);
        }
        if let Some(empty) = &self.empty
            && linkat(&self.folder, empty, &self.folder, &name, AtFlags::empty()).is_ok()
        {
            return Ok(());
        }
        // The first empty file, or one more link than a file may have.
        self.folder.new_file(name.as_ref())?;
        self.empty = Some(name);
        Ok(())
    }

    /// Adds a variable with the value that `$(…)` would have: everything but the newlines at the
    /// end. An output that does not fit gets no variable.
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

    pub(super) fn finish(mut self) -> io::Result<Inputs> {
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

/// Two streams of an output.
#[derive(Default)]
struct Parts {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    omitted: u64,
    given_up: bool,
}

impl Parts {
    fn take(&mut self, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => match stream {
                Stream::Stdout => self.stdout.extend_from_slice(&bytes),
                Stream::Stderr => self.stderr.extend_from_slice(&bytes),
            },
            Chunk::Omitted(bytes) => self.omitted = self.omitted.saturating_add(bytes),
            Chunk::GivenUp => self.given_up = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::*;
    use crate::clock::Timestamp;
    use crate::options::TaskOptions;
    use crate::outcome::Reason;
    use crate::state::State;
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
            attempt_base: 0,
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
            held_at: None,
            set_aside: None,
        }
    }

    /// Writes the inputs for these outputs, of tasks 1, 2 and so on.
    fn prepared(directory: &Path, outputs: &[Output]) -> Inputs {
        let mut writer = Writer::create(directory.join("inputs/9.1")).unwrap();
        for (id, output) in (1..).zip(outputs) {
            writer.add(&task(id), Condition::Any, output).unwrap();
        }
        writer.finish().unwrap()
    }

    fn variables(outputs: &[Output]) -> Vec<(String, Vec<u8>)> {
        let directory = tempfile::tempdir().unwrap();
        let inputs = prepared(directory.path(), outputs);
        let variables = inputs.variables().iter();
        variables
            .map(|(name, value)| (name.clone(), value.as_bytes().to_owned()))
            .collect()
    }

    #[test]
    fn files_hold_every_byte_and_the_index_everything_else() {
        let directory = tempfile::tempdir().unwrap();
        let mut output = stdout(b"a\0\xff\n");
        output.push(Stream::Stderr, b"oops");
        output.push_omitted(7);
        output.push(Stream::Stdout, b"z");
        output.push_given_up();
        let inputs = prepared(directory.path(), &[output, Output::default()]);
        let read = |name: &str| std::fs::read(inputs.folder().join(name)).unwrap();
        assert_eq!(read("1.out"), b"a\0\xff\nz");
        assert_eq!(read("1.err"), b"oops");
        assert_eq!((read("2.out"), read("2.err")), (Vec::new(), Vec::new()));
        let file = |name: &str| std::fs::metadata(inputs.folder().join(name)).unwrap();
        assert_eq!(file("2.out").ino(), file("2.err").ino());
        assert_eq!(file("1.err").mode() & 0o777, 0o600);
        let index: serde_json::Value = serde_json::from_slice(&read("index.json")).unwrap();
        let expected = serde_json::json!({
            "id": 1, "name": "../a\n\"b\"", "state": "failed", "condition": "any",
            "exit_code": 3, "signal": null, "reason": "exit",
            "stdout_bytes": 5, "stderr_bytes": 4, "omitted_bytes": 7, "given_up": true,
        });
        assert_eq!(index[0], expected);
        assert_eq!(index.as_array().unwrap().len(), 2);
        let names = std::fs::read_dir(inputs.folder()).unwrap();
        assert_eq!(names.count(), 5, "a name is made of numbers only");
        let folder = inputs.folder().to_owned();
        drop(inputs);
        assert!(!folder.exists());
    }

    /// Root wrote the outputs of a user's tasks wherever a link in that user's folder led.
    #[test]
    fn no_folder_is_created_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("inputs")).unwrap();
        assert!(Writer::create(directory.path().join("inputs/9.1")).is_err());
        assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn without_dependencies_left_the_index_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let inputs = prepared(directory.path(), &[]);
        let index = std::fs::read_to_string(inputs.folder().join("index.json"));
        assert_eq!(index.unwrap(), "[]\n");
    }

    #[test]
    fn a_variable_has_the_value_of_a_command_substitution() {
        let found = variables(&[stdout(b"one\ntwo\n\n"), Output::default(), stdout(b"\xff")]);
        let expected = [("1", &b"one\ntwo"[..]), ("2", b""), ("3", b"\xff")]
            .map(|(id, value)| (format!("QUEUE_INPUT_{id}"), value.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_output_that_does_not_fit_gets_no_variable() {
        let mut cut = stdout(b"head");
        cut.push_omitted(1);
        let long = stdout(&[b'x'; VARIABLE_BYTES + 1]);
        let longest = stdout(&[b'x'; VARIABLE_BYTES]);
        let found = variables(&[stdout(b"a\0b"), cut, long, longest]);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["QUEUE_INPUT_4"]);
    }

    #[test]
    fn the_total_of_all_variables_is_bounded() {
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
