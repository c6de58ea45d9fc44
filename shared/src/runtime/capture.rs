//! Output of one command: in memory while it is small and the command young, then in the task's log
//! file.

use crate::clock::BootTime;
use crate::output::{Output, Stream};

use super::log::LogWriter;
use crate::claim::ClaimedTask;
use crate::sidecar::Sidecar;
use crate::task::TaskId;

/// Output kept in memory, and stored with the settle, is smaller than this.
pub(super) const MEMORY_BYTES: usize = 16 << 10;
/// Age in milliseconds from which a command's output is in a log file.
pub(super) const MEMORY_MS: i64 = 200;

/// Name and owner of a command's log file.
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

/// Place of logs, and their bound in bytes of output.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPlace<'a> {
    pub(super) sidecar: &'a Sidecar,
    pub(super) size: u64,
}

/// Extent to which an output was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of the output.
    Whole,
    /// The output until the worker stopped reading.
    GivenUp,
}

/// The output of one command.
#[derive(Debug)]
pub(super) struct Capture {
    name: LogName,
    started: BootTime,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    /// Too small and too young for a file.
    Memory(Pieces),
    /// The file could not be created: the head, and the number of bytes left out.
    Full(Pieces, u64),
    File(Box<LogWriter>),
}

impl Capture {
    pub(super) fn new(name: LogName, started: BootTime) -> Self {
        Self {
            name,
            started,
            storage: Storage::Memory(Pieces::default()),
        }
    }

    /// Adds output that was read from `stream`.
    pub(super) fn write(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        now: BootTime,
        logs: LogPlace<'_>,
    ) {
        if self.keep(stream, bytes, now) {
            return;
        }
        match &mut self.storage {
            Storage::File(log) => log.append(stream, bytes),
            Storage::Full(_, omitted) => *omitted += bytes.len() as u64,
            Storage::Memory(_) => {
                self.spill(logs);
                match &mut self.storage {
                    Storage::File(log) => log.append(stream, bytes),
                    Storage::Full(pieces, omitted) => {
                        let room = MEMORY_BYTES.saturating_sub(pieces.bytes.len());
                        let (kept, left_out) = bytes.split_at(room.min(bytes.len()));
                        pieces.push(stream, kept);
                        *omitted += left_out.len() as u64;
                    }
                    Storage::Memory(_) => {}
                }
            }
        }
    }

    /// Adds output in memory. Returns false, and adds nothing, if it belongs in a file.
    pub(super) fn keep(&mut self, stream: Stream, bytes: &[u8], now: BootTime) -> bool {
        let Storage::Memory(pieces) = &mut self.storage else {
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
        matches!(&self.storage, Storage::Memory(pieces) if !pieces.runs.is_empty())
    }

    /// Writes the output so far to the log file; called when the command has run [`MEMORY_MS`].
    pub(super) fn came_due(&mut self, logs: LogPlace<'_>) {
        if self.is_in_memory() {
            self.spill(logs);
        }
    }

    /// Length of its log; `None` if it has none.
    pub(super) fn log_length(&self) -> Option<u64> {
        match &self.storage {
            Storage::File(log) => Some(log.length_of_all()),
            Storage::Memory(_) | Storage::Full(..) => None,
        }
    }

    /// Ends the capture. Returns the output to store with the settle.
    pub(super) fn finish(self, extent: Extent) -> Option<Output> {
        let given_up = extent == Extent::GivenUp;
        let mut output = match self.storage {
            Storage::Memory(pieces) => pieces.into_output(),
            Storage::Full(pieces, omitted) => {
                let mut output = pieces.into_output();
                output.push_omitted(omitted);
                output
            }
            Storage::File(mut log) => {
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

    fn spill(&mut self, logs: LogPlace<'_>) {
        let Storage::Memory(pieces) = &mut self.storage else {
            return;
        };
        let pieces = std::mem::take(pieces);
        let path = logs.sidecar.log(self.name.task, self.name.attempt);
        self.storage = match LogWriter::create(path, self.name.token, logs.size) {
            Ok(mut log) => {
                pieces.each(|stream, bytes| log.append(stream, bytes));
                Storage::File(Box::new(log))
            }
            Err(_) => Storage::Full(pieces, 0),
        };
    }
}

/// Pieces of output; adjacent pieces of one stream are merged.
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
