//! The output of a command that runs, on this thread and on the one that writes logs.

use super::capture::{Capture, Extent, LogName};
use super::scribe::Scribe;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::BootTime;
use crate::output::{Output, Stream};

/// The output of a command that runs: here as long as it is little and young, then with the thread
/// that writes its log.
#[derive(Debug)]
pub(super) struct Capturing {
    claim: Claim,
    here: Option<Capture>,
}

/// What is to be stored with the settle of a command.
#[derive(Debug)]
pub(super) enum Stored {
    /// This.
    Output(Option<Output>),
    /// It is told once the log is written to its end.
    Awaited,
}

impl Capturing {
    pub(super) fn new(task: &ClaimedTask, started: BootTime) -> Self {
        Self {
            claim: task.claim,
            here: Some(Capture::new(LogName::of(task), started)),
        }
    }

    /// Whether what the command writes is to be left unread for now: its log lags behind.
    pub(super) fn must_wait(&self, logs: &Scribe) -> bool {
        self.here.is_none() && logs.is_full()
    }

    /// Takes in what was read from `stream`.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8], now: BootTime, logs: &mut Scribe) {
        if let Some(capture) = &mut self.here
            && capture.keep(stream, bytes, now)
        {
            return;
        }
        self.hand_over(logs);
        logs.write(self.claim, stream, bytes, now);
    }

    /// The command has run [`MEMORY_MS`](super::capture::MEMORY_MS): what it wrote so far becomes visible.
    pub(super) fn came_due(&mut self, logs: &mut Scribe) {
        if self.here.as_ref().is_some_and(Capture::is_in_memory) {
            self.hand_over(logs);
            logs.show(self.claim);
        }
    }

    /// Ends the capture, at the end of the output or before it.
    pub(super) fn finish(self, extent: Extent, logs: &mut Scribe) -> Stored {
        if let Some(capture) = self.here {
            return Stored::Output(capture.finish(extent));
        }
        logs.finish(self.claim, extent);
        Stored::Awaited
    }

    fn hand_over(&mut self, logs: &mut Scribe) {
        if let Some(capture) = self.here.take() {
            logs.take(self.claim, capture);
        }
    }
}
