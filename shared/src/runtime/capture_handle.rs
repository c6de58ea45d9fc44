//! Output of a running command, on this thread or on the log thread.

use super::capture::{Capture, Extent, LogName};
use super::log_thread::LogThread;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::BootTime;
use crate::output::{Output, Stream};

/// Output of a running command: kept here while it is small and young, then handed to the log
/// thread.
#[derive(Debug)]
pub(super) struct CaptureHandle {
    claim: Claim,
    local: Option<Capture>,
}

/// Output to store with the settle of a command.
#[derive(Debug)]
pub(super) enum CapturedOutput {
    /// Output that is known now.
    Output(Option<Output>),
    /// The log thread returns it once the log is finished.
    Awaited,
}

impl CaptureHandle {
    pub(super) fn new(task: &ClaimedTask, started: BootTime) -> Self {
        Self {
            claim: task.claim,
            local: Some(Capture::new(LogName::of(task), started)),
        }
    }

    /// Returns true if the command's pipes are not to be read for now, because its log lags behind.
    pub(super) fn must_wait(&self, logs: &LogThread) -> bool {
        self.local.is_none() && logs.is_full()
    }

    /// Adds output that was read from `stream`.
    pub(super) fn write(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        now: BootTime,
        logs: &mut LogThread,
    ) {
        if let Some(capture) = &mut self.local
            && capture.keep(stream, bytes, now)
        {
            return;
        }
        self.hand_over(logs);
        logs.write(self.claim, stream, bytes, now);
    }

    /// Makes the output so far visible; called when the command has run
    /// [`MEMORY_MS`](super::capture::MEMORY_MS).
    pub(super) fn came_due(&mut self, logs: &mut LogThread) {
        if self.local.as_ref().is_some_and(Capture::is_in_memory) {
            self.hand_over(logs);
            logs.show(self.claim);
        }
    }

    /// Ends the capture.
    pub(super) fn finish(self, extent: Extent, logs: &mut LogThread) -> CapturedOutput {
        if let Some(capture) = self.local {
            return CapturedOutput::Output(capture.finish(extent));
        }
        logs.finish(self.claim, extent);
        CapturedOutput::Awaited
    }

    fn hand_over(&mut self, logs: &mut LogThread) {
        if let Some(capture) = self.local.take() {
            logs.take(self.claim, capture);
        }
    }
}
