//! What one command writes, on its way to where it is kept: in memory as long as it is little and
//! young, then in the task's log file.

use crate::clock::BootTime;
use crate::output::{Output, Stream};

use super::log::LogWriter;
use crate::claim::ClaimedTask;
use crate::sidecar::Sidecar;
use crate::task::TaskId;

/// Output kept in memory, and stored with the settle, is less than this.
pub(super) const MEMORY_BYTES: usize = 16 << 10;
/// A command that has run so long, in milliseconds, has its output in a log file.
pub(super) const MEMORY_MS: i64 = 200;

/// Where a command's log file goes, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogName {
    pub(super) task: TaskId,
    pub(super) attempt: u32,
    pub(super) token: i64,
}

impl LogName {
    pub(super) fn of(task: &ClaimedTask) -> Self {
        Self {
            task: task.claim.task,
            attempt: task.attempt,
            token: task.claim.token,
        }
    }
}

/// How much of an output was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What came before it was given up.
    GivenUp,
}

/// The output of one command.
#[derive(Debug)]
pub(super) struct Capture {
    name: LogName,
    started: BootTime,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Too little and too young for a file.
    Memory(Pieces),
    /// The file could not be created: the head stays in memory, so much was left out.
    Full(Pieces, u64),
    File(Box<LogWriter>),
}

impl Capture {
    pub(super) fn new(name: LogName, started: BootTime) -> Self {
        Self {
            name,
            started,
            place: Place::Memory(Pieces::default()),
        }
    }

    /// Takes in what was read from `stream`.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8], now: BootTime, logs: &Sidecar) {
        if self.keep(stream, bytes, now) {
            return;
        }
        match &mut self.place {
            Place::File(log) => log.append(stream, bytes),
            Place::Full(_, omitted) => *omitted += bytes.len() as u64,
            Place::Memory(_) => {
                self.spill(logs);
                match &mut self.place {
                    Place::File(log) => log.append(stream, bytes),
                    Place::Full(pieces, omitted) => {
                        let room = MEMORY_BYTES.saturating_sub(pieces.bytes.len());
                        let (kept, left_out) = bytes.split_at(room.min(bytes.len()));
                        pieces.push(stream, kept);
                        *omitted += left_out.len() as u64;
                    }
                    Place::Memory(_) => {}
                }
            }
        }
    }

    /// Takes in what was read from `stream`, as long as all is little and young. False if a file is
    /// to take it.
    pub(super) fn keep(&mut self, stream: Stream, bytes: &[u8], now: BootTime) -> bool {
        let Place::Memory(pieces) = &mut self.place else {
            return false;
        };
        let full = pieces.bytes.len() + bytes.len() >= MEMORY_BYTES;
        let keeps = !full && now.0 - self.started.0 < MEMORY_MS;
        if keeps {
            pieces.push(stream, bytes);
        }
        keeps
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(&self.place, Place::Memory(pieces) if !pieces.runs.is_empty())
    }

    /// The command has run [`MEMORY_MS`]: what it wrote so far becomes visible.
    pub(super) fn came_due(&mut self, logs: &Sidecar) {
        if self.is_in_memory() {
            self.spill(logs);
        }
    }

    /// Ends the capture, at the end of the output or before it; returns what is to be stored with the
    /// settle.
    pub(super) fn finish(self, extent: Extent) -> Option<Output> {
        let given_up = extent == Extent::GivenUp;
        let mut output = match self.place {
            Place::Memory(pieces) => pieces.into_output(),
            Place::Full(pieces, omitted) => {
                let mut output = pieces.into_output();
                output.push_omitted(omitted);
                output
            }
            Place::File(mut log) => {
                log.finish();
                if given_up {
                    log.give_up();
                }
                return None;
            }
        };
        if given_up {
            output.push_given_up();
        }
        Some(output).filter(|output| !output.is_empty())
    }

    fn spill(&mut self, logs: &Sidecar) {
        let Place::Memory(pieces) = &mut self.place else {
            return;
        };
        let pieces = std::mem::take(pieces);
        let path = logs.log(self.name.task, self.name.attempt);
        self.place = match LogWriter::create(path, self.name.token) {
            Ok(mut log) => {
                pieces.each(|stream, bytes| log.append(stream, bytes));
                Place::File(Box::new(log))
            }
            Err(_) => Place::Full(pieces, 0),
        };
    }
}

/// Pieces of output, neighbours of one stream merged.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    runs: Vec<(Stream, usize)>,
}

impl Pieces {
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        match self.runs.last_mut() {
            Some((last, length)) if *last == stream => *length += bytes.len(),
            Some(_) | None => self.runs.push((stream, bytes.len())),
        }
    }

    fn each(&self, mut piece: impl FnMut(Stream, &[u8])) {
        let mut rest = self.bytes.as_slice();
        for &(stream, length) in &self.runs {
            let (bytes, next) = rest.split_at(length);
            piece(stream, bytes);
            rest = next;
        }
    }

    pub(super) fn into_output(self) -> Output {
        let mut output = Output(Vec::with_capacity(self.bytes.len() + 8 * self.runs.len()));
        self.each(|stream, bytes| output.push(stream, bytes));
        output
    }
}
