//! Ends of executions.

use crate::claim::Claim;
use crate::clock::BootTime;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::usage::Usage;

/// Way to end an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ask it to end: SIGTERM to the command's process group; a handler sees the reason.
    Terminate,
    /// Force it to end: SIGKILL to the command's process group. A handler sees the same reason.
    Kill,
}

/// End of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The command exited with this code, 0 to 255.
    Exited(i32),
    /// This signal ended the command.
    Signalled(i32),
    /// The execution was ended before its command was started.
    Unstarted,
    /// The handler returned or panicked.
    Handler(Outcome),
    /// The runtime of an asynchronous handler dropped it before it returned.
    Dropped,
}

/// Execution that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Claim that it ran under.
    pub claim: Claim,
    /// Its end.
    pub end: End,
    /// Time at which the worker saw the command exit or the handler return.
    pub at: BootTime,
    /// Output to store with the settle, if it is not in a log file: less than 16 KiB of a command,
    /// or the result of a handler.
    pub output: Option<Output>,
    /// Resources that the command used; none of a handler.
    pub usage: Usage,
}

/// Processes of an ending execution that this user cannot end, because they have become another
/// user's. The execution has not ended while one of them is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreachable {
    /// Claim that it runs under.
    pub claim: Claim,
    /// Ids of the processes.
    pub processes: Vec<u32>,
}

/// Reason why a task was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The task itself cannot be started, now or later: a sentence for
    /// [`Outcome::NotStarted`].
    #[error("{0}")]
    Refused(String),
    /// The machine is short of something (descriptors, processes, memory, disk), which the sentence
    /// names. This is not the task's fault: it is returned without an attempt.
    #[error("{0}")]
    Shortage(String),
}

impl From<String> for StartError {
    fn from(sentence: String) -> Self {
        Self::Refused(sentence)
    }
}
