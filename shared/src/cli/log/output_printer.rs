//! Prints pieces of output: raw, made safe for a terminal, or as JSON.

use serde::Serialize;

use super::super::printer::{Printer, note};
use super::super::{Failure, escape};
use super::Arguments;
use super::terminal_text::{self, TerminalText};
use crate::output::{Chunk, Stream};
use crate::task::TaskId;

/// Form of printed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputForm {
    /// The bytes and nothing else.
    Raw,
    /// The bytes, and lines that say where some are missing.
    Plain,
    /// The same, safe for a terminal.
    Safe,
    Json,
}

/// Prints one task's output.
pub(super) struct OutputPrinter {
    printer: Printer,
    task: TaskId,
    form: OutputForm,
    only: Option<Stream>,
    safe: TerminalText,
    /// Bytes of output that are not shown, from the beginning.
    skipped: u64,
    /// Bytes to be printed next.
    ready: Vec<u8>,
    /// The last byte that was printed.
    last: u8,
    /// Per stream, the first bytes of a character or a sequence whose other bytes have not been read
    /// yet.
    partial: [Vec<u8>; 2],
    /// Failure to print; nothing more is printed then.
    failed: Option<Failure>,
}

/// Bytes from which on they are printed before more are added.
const MANY_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct Piece<'a> {
    id: i64,
    stream: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Gap {
    id: i64,
    omitted_bytes: u64,
}

#[derive(Serialize)]
struct End {
    id: i64,
    given_up: bool,
}

impl OutputPrinter {
    pub(super) fn new(printer: Printer, arguments: &Arguments, task: TaskId) -> Self {
        let form = if printer.is_json() {
            OutputForm::Json
        } else if arguments.raw {
            OutputForm::Raw
        } else if printer.terminal {
            OutputForm::Safe
        } else {
            OutputForm::Plain
        };
        let only = match (arguments.stdout, arguments.stderr) {
            (true, _) => Some(Stream::Stdout),
            (false, true) => Some(Stream::Stderr),
            (false, false) => None,
        };
        Self {
            printer,
            task,
            form,
            only,
            safe: TerminalText::new(printer.color()),
            skipped: 0,
            ready: Vec::new(),
            last: b'\n',
            partial: [Vec::new(), Vec::new()],
            failed: None,
        }
    }

    /// Prints a heading with the task, for output of several tasks; in JSON every object has the
    /// id.
    pub(super) fn head(&mut self, name: &str, is_first: bool) {
        if self.form == OutputForm::Json {
            return;
        }
        let gap = if is_first { "" } else { "\n" };
        let head = format!("{gap}--- task {} ({}) ---\n", self.task, escape::line(name));
        self.ready.extend_from_slice(head.as_bytes());
    }

    /// Stream that is shown; both unless set.
    pub(super) fn only(&self) -> Option<Stream> {
        self.only
    }

    /// Leaves out so many bytes of output that are added next.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.skipped = bytes;
    }

    /// Adds a chunk. Prints what is complete once that is much; [`flush`](Self::flush) reports an
    /// error.
    pub(super) fn chunk(&mut self, chunk: &Chunk<'_>) {
        let before = self.skipped.min(chunk.length());
        self.skipped -= before;
        let is_shown = before < chunk.length() || matches!(chunk, Chunk::GivenUp);
        if self.failed.is_some() || !is_shown {
            return;
        }
        self.add(&after(chunk, before));
        if self.ready.len() > MANY_BYTES {
            self.failed = self.flush().err();
        }
    }

    fn add(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => {
                if self.only.is_none_or(|only| only == *stream) {
                    self.written(*stream, bytes);
                }
            }
            Chunk::Omitted(bytes) => self.omitted(*bytes),
            Chunk::GivenUp => self.given_up(),
        }
    }

    fn written(&mut self, stream: Stream, bytes: &[u8]) {
        if matches!(self.form, OutputForm::Raw | OutputForm::Plain) {
            self.text(stream, bytes);
            return;
        }
        let partial = &mut self.partial[index(stream)];
        partial.extend_from_slice(bytes);
        let whole = whole_characters(partial).min(terminal_text::whole(partial));
        let rest = partial.split_off(whole);
        let text = std::mem::replace(partial, rest);
        self.text(stream, &text);
    }

    fn text(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.form {
            OutputForm::Raw | OutputForm::Plain => self.ready.extend_from_slice(bytes),
            OutputForm::Safe => {
                let text = self.safe.text(stream, bytes);
                self.ready.extend_from_slice(text.as_bytes());
            }
            OutputForm::Json => self.line(&Piece {
                id: self.task.0,
                stream: match stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                },
                text: &String::from_utf8_lossy(bytes),
            }),
        }
    }

    fn omitted(&mut self, bytes: u64) {
        let task = self.task;
        match self.form {
            OutputForm::Json => self.line(&Gap {
                id: task.0,
                omitted_bytes: bytes,
            }),
            OutputForm::Raw | OutputForm::Plain | OutputForm::Safe => {
                self.say(&format!("{bytes} bytes of task {task} were not kept"));
            }
        }
    }

    fn given_up(&mut self) {
        let task = self.task;
        match self.form {
            OutputForm::Json => self.line(&End {
                id: task.0,
                given_up: true,
            }),
            OutputForm::Raw | OutputForm::Plain | OutputForm::Safe => self.say(&format!(
                "task {task} had ended; no more was read, though a process that it left running \
                 holds its output"
            )),
        }
    }

    /// Prints a sentence about the output: on a line of its own within it, or on standard error if
    /// the output is raw.
    fn say(&mut self, sentence: &str) {
        if self.form == OutputForm::Raw {
            return note(sentence);
        }
        self.end_text();
        let before = self.ready.last().copied().unwrap_or(self.last);
        let gap = if before == b'\n' { "" } else { "\n" };
        let line = format!("{gap}[{sentence}]\n");
        self.ready.extend_from_slice(line.as_bytes());
    }

    fn line(&mut self, value: &impl Serialize) {
        if let Ok(text) = super::super::json::text(value) {
            self.ready.extend_from_slice(text.as_bytes());
            self.ready.push(b'\n');
        }
    }

    /// Ends the last line, so that other output can follow.
    pub(super) fn end_line(&mut self) {
        self.end_text();
        let before = self.ready.last().copied().unwrap_or(self.last);
        if self.form != OutputForm::Json && before != b'\n' {
            self.ready.push(b'\n');
        }
    }

    /// Adds what was held back, and ends colours.
    fn end_text(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.partial[index(stream)]);
            self.text(stream, &rest);
        }
        self.ready.extend_from_slice(self.safe.end().as_bytes());
    }

    /// Prints the complete part.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        if self.ready.is_empty() {
            return Ok(());
        }
        let ready = std::mem::take(&mut self.ready);
        self.last = ready.last().copied().unwrap_or(self.last);
        self.printer.stream(&ready)
    }

    /// Prints the rest.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.end_text();
        self.flush()
    }
}

/// Part of a chunk after its first bytes.
fn after<'a>(chunk: &'a Chunk<'_>, bytes: u64) -> Chunk<'a> {
    match chunk {
        Chunk::Written {
            stream,
            bytes: written,
        } => {
            let from = usize::try_from(bytes).unwrap_or(usize::MAX);
            Chunk::Written {
                stream: *stream,
                bytes: written.get(from..).unwrap_or_default().into(),
            }
        }
        Chunk::Omitted(omitted) => Chunk::Omitted(omitted - bytes),
        Chunk::GivenUp => Chunk::GivenUp,
    }
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

/// Number of `bytes` before a character that is still incomplete.
fn whole_characters(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes.rchunks(4).next().unwrap_or_default()) {
        Err(_) => {}
        Ok(_) => return bytes.len(),
    }
    // Only a leading byte among the last three can begin an incomplete character.
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let width = match bytes[at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => continue,
        };
        return if width > back { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::whole_characters;

    proptest! {
        #[test]
        fn text_in_two_pieces_is_printed_whole(text: String, cut: prop::sample::Index) {
            let bytes = text.as_bytes();
            let cut = cut.index(bytes.len() + 1);
            let whole = whole_characters(&bytes[..cut]);
            prop_assert!(str::from_utf8(&bytes[..whole]).is_ok());
            prop_assert!(cut - whole <= 3);
        }

        #[test]
        fn bytes_that_are_not_utf_8_are_held_back_for_three_bytes_at_most(bytes: Vec<u8>) {
            prop_assert!(bytes.len() - whole_characters(&bytes) <= 3);
        }
    }
}
