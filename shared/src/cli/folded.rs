//! Files opened to read sums of all that happened.

use super::Failure;
use super::program::{Access, Context};
use crate::queue::Queue;

/// Most steps of a fold, each of 10,000 tasks and events: some seconds. The next call goes on.
const MOST_STEPS: usize = 200;

/// Opens the file and adds new tasks and events to its sums, unless this user may only read it. Returns
/// true if nothing is left to add; false also for a file without a log.
///
/// # Errors
/// As the engine.
pub(super) fn open<Q: Queue>(context: &Context<Q>) -> Result<(Q, bool), Failure> {
    let reader = context.open(Access::Read)?;
    if !reader.keeps_log() {
        return Ok((reader, false));
    }
    drop(reader);
    match context.open(Access::Write) {
        Ok(queue) => {
            // On a full disk, or while another program holds the file, the rest is needed all the more.
            let is_folded = queue.fold(MOST_STEPS).unwrap_or(false);
            Ok((queue, is_folded))
        }
        Err(_) => Ok((context.open(Access::Read)?, false)),
    }
}
