//! Capture of output, for fuzz tests.

use super::capture::{Capture, Extent, LogName, LogPlace};
use crate::clock::BootTime;
use crate::output::{Output, Stream};
use crate::sidecar::Sidecar;
use crate::task::TaskId;

/// Captures a command's output, given as stream, bytes and milliseconds since its start, with `size`
/// as the bound of its log. Returns the output to store with the settle; longer or later output is
/// in the log of the task's attempt 1, under token 1.
pub fn capture<'a>(
    task: TaskId,
    pieces: impl IntoIterator<Item = (Stream, &'a [u8], i64)>,
    sidecar: &Sidecar,
    size: u64,
) -> Option<Output> {
    let name = LogName {
        task,
        attempt: 1,
        token: 1,
    };
    let logs = LogPlace { sidecar, size };
    let mut capture = Capture::new(name, BootTime(0));
    for (stream, bytes, at) in pieces {
        capture.write(stream, bytes, BootTime(at), logs);
    }
    capture.finish(Extent::Whole)
}
