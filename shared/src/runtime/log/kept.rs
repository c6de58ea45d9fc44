//! Output of a task, from its log file or from the database.

use super::{LogError, LogReader};
use crate::error::{Error, Result};
use crate::output::{Chunk, Output};
use crate::queue::Queue;
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::{Task, TaskId};

/// Reads the output of the task's last claim: its log file if there is one, else the stored output.
/// Returns `None` for a running task without a log file: the stored output is of an earlier claim.
///
/// # Errors
/// As [`Queue::output`], and when the log file cannot be read.
pub(crate) fn last_output<Q: Queue>(queue: &Q, task: &Task) -> Result<Option<Output>> {
    match claim_log(queue, task).map_err(unreadable)? {
        Some(output) => Ok(Some(output)),
        None if task.state == State::Running => Ok(None),
        None => queue.output(task.id),
    }
}

/// Reads those of the tasks that exist, in this order, each with its last output.
///
/// # Errors
/// When the database or a log cannot be read.
pub fn last_outputs<Q: Queue>(queue: &Q, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
    let mut found = queue.with_outputs(ids)?;
    for (task, output) in &mut found {
        match claim_log(queue, task).map_err(unreadable)? {
            Some(logged) => *output = Some(logged),
            None if task.state == State::Running => *output = None,
            None => {}
        }
    }
    Ok(found)
}

/// Reads the log file of the task's last claim. An attempt that did not count has left its log
/// under the next number, unless the task was retried since. The token at the beginning of a file
/// shows the claim that wrote it.
fn claim_log<Q: Queue>(queue: &Q, task: &Task) -> Result<Option<Output>, LogError> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    for attempt in [task.attempt, task.attempt.saturating_add(1)] {
        let mut reader = LogReader::new(sidecar.log(task.id, attempt));
        let mut output = Output::default();
        reader.read(|chunk| match chunk {
            Chunk::Written { stream, bytes } => output.push(stream, &bytes),
            Chunk::Omitted(bytes) => output.push_omitted(bytes),
            Chunk::GivenUp => output.push_given_up(),
        })?;
        let token = reader.token();
        if token.is_some_and(|token| token == task.token.cast_unsigned()) {
            return Ok(Some(output));
        }
    }
    Ok(None)
}

pub(crate) fn unreadable(error: LogError) -> Error {
    Error::io("cannot read the log", std::io::Error::other(error))
}
