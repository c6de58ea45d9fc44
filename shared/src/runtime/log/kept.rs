//! Output of a task, from its log or from the database.

use super::{LogError, LogReader};
use crate::error::{Error, Result};
use crate::output::{Chunk, Output};
use crate::queue::Queue;
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::{Task, TaskId};

/// Output of one claim, which is read piece by piece.
#[derive(Debug)]
pub(crate) enum KeptOutput {
    /// In a log, which may be long.
    Log(Box<LogReader>),
    /// In the database, where it is short.
    Stored(Output),
}

impl KeptOutput {
    /// Passes every piece to `piece`.
    ///
    /// # Errors
    /// When the log cannot be read, or the output is damaged. The pieces passed before are valid.
    pub(crate) fn each(&mut self, mut piece: impl FnMut(&Chunk<'_>)) -> Result<()> {
        match self {
            Self::Log(reader) => {
                reader.read(|chunk| piece(&chunk)).map_err(unreadable)?;
            }
            Self::Stored(output) => {
                for chunk in output.chunks() {
                    let chunk = chunk.map_err(|error| {
                        Error::io("cannot read the output", std::io::Error::other(error))
                    })?;
                    piece(&chunk);
                }
            }
        }
        Ok(())
    }

    /// Passes the next pieces of a log to `piece`, some 64 KiB, or all of a stored output, which is short.
    /// Returns true if there may be more.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    #[cfg(feature = "web")]
    pub(crate) fn some(&mut self, mut piece: impl FnMut(&Chunk<'_>)) -> Result<bool> {
        match self {
            Self::Log(reader) => reader.read_some(|chunk| piece(&chunk)).map_err(unreadable),
            Self::Stored(_) => self.each(piece).map(|()| false),
        }
    }

    /// The same output from its beginning.
    #[cfg(feature = "cli")]
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Log(reader) => Self::Log(Box::new(reader.again())),
            Self::Stored(output) => Self::Stored(output.clone()),
        }
    }

    /// Bytes that it takes in the file or the database.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Log(reader) => reader.size(),
            Self::Stored(output) => output.0.len() as u64,
        }
    }
}

/// Finds the output of the task's last claim: its log if there is one, else the stored output.
/// Returns `None` for a running task without a log: the stored output is of an earlier claim.
///
/// # Errors
/// As [`Queue::output`], and when the log cannot be read.
pub(crate) fn last_output<Q: Queue>(queue: &Q, task: &Task) -> Result<Option<KeptOutput>> {
    if let Some(log) = claim_log(queue, task)? {
        return Ok(Some(log));
    }
    if task.state == State::Running {
        return Ok(None);
    }
    Ok(queue.output(task.id)?.map(KeptOutput::Stored))
}

/// Finds those of the tasks that exist, in this order, each with its last output. For some dozens of
/// tasks at a time.
///
/// # Errors
/// When the database or a log cannot be read.
pub(crate) fn found_outputs<Q: Queue>(
    queue: &Q,
    ids: &[TaskId],
) -> Result<Vec<(Task, Option<KeptOutput>)>> {
    let mut found = Vec::with_capacity(ids.len());
    for (task, stored) in queue.with_outputs(ids)? {
        let output = match claim_log(queue, &task)? {
            Some(log) => Some(log),
            None if task.state == State::Running => None,
            None => stored.map(KeptOutput::Stored),
        };
        found.push((task, output));
    }
    Ok(found)
}

/// Reads those of the tasks that exist, in this order, each with its last output. All of it is held
/// in memory.
///
/// # Errors
/// When the database or a log cannot be read.
pub fn last_outputs<Q: Queue>(queue: &Q, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
    let read = |(task, kept): (Task, Option<KeptOutput>)| {
        let whole = |mut kept: KeptOutput| -> Result<Output> {
            match kept {
                KeptOutput::Stored(output) => Ok(output),
                KeptOutput::Log(_) => {
                    let mut output = Output::default();
                    kept.each(|chunk| output.push_chunk(chunk))?;
                    Ok(output)
                }
            }
        };
        Ok((task, kept.map(whole).transpose()?))
    };
    found_outputs(queue, ids)?.into_iter().map(read).collect()
}

/// The log of one attempt, if there is one.
#[cfg(feature = "cli")]
pub(crate) fn attempt_log<Q: Queue>(
    queue: &Q,
    id: TaskId,
    attempt: u32,
) -> Result<Option<KeptOutput>> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let reader = LogReader::new(sidecar.log(id, attempt));
    let is_there = reader.owner().map_err(unreadable)?.is_some();
    Ok(is_there.then(|| KeptOutput::Log(Box::new(reader))))
}

/// The log of the task's last claim. An attempt that did not count has left its log under the next
/// number, unless the task was retried since. The token at the beginning of a log shows the claim
/// that wrote it.
fn claim_log<Q: Queue>(queue: &Q, task: &Task) -> Result<Option<KeptOutput>> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    for attempt in [task.attempt, task.attempt.saturating_add(1)] {
        let reader = LogReader::new(sidecar.log(task.id, attempt));
        if reader.owner().map_err(unreadable)? == Some(task.token.cast_unsigned()) {
            return Ok(Some(KeptOutput::Log(Box::new(reader))));
        }
    }
    Ok(None)
}

pub(crate) fn unreadable(error: LogError) -> Error {
    Error::io("cannot read the log", std::io::Error::other(error))
}
