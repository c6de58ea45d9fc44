//! Fills a folder of inputs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, linkat};
use serde::Serialize;

use super::{Inputs, VARIABLE, VARIABLE_BYTES, VARIABLES_BYTES};
use crate::output::{Chunk, Stream};
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
    stdout_bytes: u64,
    stderr_bytes: u64,
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

    /// Begins the files of one dependency.
    pub(super) fn entry<'a>(&'a mut self, task: &'a Task) -> DependencyOutput<'a> {
        DependencyOutput {
            writer: self,
            task,
            files: [None, None],
            bytes: [0, 0],
            variable: VariableText::default(),
            omitted: 0,
            given_up: false,
            failed: Ok(()),
        }
    }

    /// Makes an empty file. Empty files are hard links to one file: most commands write to one
    /// stream at most, and a link costs a quarter of a file.
    fn make_empty(&mut self, name: String) -> io::Result<()> {
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

    /// Adds a variable with that value. An output that does not fit gets no variable.
    fn add_variable(&mut self, task: TaskId, value: Vec<u8>) {
        let name = format!("{VARIABLE}{task}");
        let size = name.len() + value.len() + "=\0".len();
        if size <= self.room && !value.contains(&0) {
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

/// Output of one dependency, written piece by piece.
pub(super) struct DependencyOutput<'a> {
    writer: &'a mut Writer,
    task: &'a Task,
    /// Files of standard output and standard error, made with their first byte.
    files: [Option<BufWriter<File>>; 2],
    bytes: [u64; 2],
    variable: VariableText,
    omitted: u64,
    given_up: bool,
    /// Result of all writes so far.
    failed: io::Result<()>,
}

impl DependencyOutput<'_> {
    /// Writes a piece. [`finish`](Self::finish) reports an error.
    pub(super) fn take(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => {
                if self.failed.is_ok() {
                    self.failed = self.write(*stream, bytes);
                }
            }
            Chunk::Omitted(bytes) => self.omitted = self.omitted.saturating_add(*bytes),
            Chunk::GivenUp => self.given_up = true,
        }
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let index = stream_index(stream);
        self.bytes[index] += bytes.len() as u64;
        if stream == Stream::Stdout {
            self.variable.push(bytes);
        }
        let file = match &mut self.files[index] {
            Some(file) => file,
            none => {
                let name = file_name(self.task.id, stream);
                let file = self.writer.folder.new_file(name.as_ref())?;
                none.insert(BufWriter::new(file))
            }
        };
        file.write_all(bytes)
    }

    /// Ends the files, and describes them in the index.
    pub(super) fn finish(self, condition: Condition) -> io::Result<()> {
        let Self { writer, task, .. } = self;
        self.failed?;
        for (stream, file) in [Stream::Stdout, Stream::Stderr].into_iter().zip(self.files) {
            match file {
                Some(mut file) => file.flush()?,
                None => writer.make_empty(file_name(task.id, stream))?,
            }
        }
        writer.index.write_all(writer.separator.as_bytes())?;
        writer.separator = ",\n";
        let entry = IndexEntry {
            id: task.id.0,
            name: &task.name,
            state: task.state.as_str(),
            condition: condition.as_str(),
            exit_code: task.exit_code,
            signal: task.signal,
            reason: task.reason.map(crate::outcome::Reason::as_str),
            stdout_bytes: self.bytes[stream_index(Stream::Stdout)],
            stderr_bytes: self.bytes[stream_index(Stream::Stderr)],
            omitted_bytes: self.omitted,
            given_up: self.given_up,
        };
        serde_json::to_writer(&mut writer.index, &entry)?;
        if let Some(value) = self.variable.value()
            && self.omitted == 0
        {
            writer.add_variable(task.id, value);
        }
        Ok(())
    }
}

fn stream_index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn file_name(task: TaskId, stream: Stream) -> String {
    match stream {
        Stream::Stdout => format!("{task}.out"),
        Stream::Stderr => format!("{task}.err"),
    }
}

/// Value that `$(…)` would have: everything but the newlines at the end.
#[derive(Default)]
struct VariableText {
    text: Vec<u8>,
    /// Newlines after the text.
    newlines: usize,
    too_long: bool,
}

impl VariableText {
    fn push(&mut self, bytes: &[u8]) {
        let end = bytes.iter().rposition(|byte| *byte != b'\n');
        let (text, newlines) = bytes.split_at(end.map_or(0, |last| last + 1));
        if !text.is_empty() {
            let length = self.text.len() + self.newlines + text.len();
            self.too_long |= length > VARIABLE_BYTES;
            if !self.too_long {
                self.text.resize(self.text.len() + self.newlines, b'\n');
                self.text.extend_from_slice(text);
            }
            self.newlines = 0;
        }
        self.newlines = self.newlines.saturating_add(newlines.len());
    }

    /// The value, unless it is too long for a variable.
    fn value(self) -> Option<Vec<u8>> {
        (!self.too_long).then_some(self.text)
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
    use crate::output::Output;
    use crate::state::State;
    use crate::task::Work;
    use crate::usage::Usage;

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
            usage: Usage::default(),
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
            let task = task(id);
            let mut entry = writer.entry(&task);
            for chunk in output.chunks() {
                entry.take(&chunk.unwrap());
            }
            entry.finish(Condition::Any).unwrap();
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
