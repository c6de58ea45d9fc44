//! How executions end.

use crate::claim::Claim;
use crate::clock::BootTime;
use crate::outcome::Outcome;
use crate::output::Output;

/// How an execution is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is asked to: SIGTERM to the command's process group, a flag for a handler.
    Terminate,
    /// It is made to: SIGKILL to the command's process group. A handler sees the same flag.
    Kill,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The command exited with this code, 0 to 255.
    Exited(i32),
    /// This signal ended the command.
    Signalled(i32),
    /// It was ended before its command was started.
    Unstarted,
    /// The handler returned or panicked.
    Handler(Outcome),
}

/// An execution that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The claim it ran under.
    pub claim: Claim,
    /// How it ended.
    pub end: End,
    /// When the command exited or the handler returned, as the worker saw it.
    pub at: BootTime,
    /// What it wrote, where that is to be stored with the settle: less than 16 KiB, and not in a
    /// log file.
    pub output: Option<Output>,
}

/// Processes of an execution that was told to end, which this user cannot end because they have become
/// another's. It has not ended as long as one of them lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The claim it runs under.
    pub claim: Claim,
    /// The numbers of the processes.
    pub processes: Vec<u32>,
}

/// Why a task was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The task itself cannot be started, now or later: a sentence for
    /// [`Outcome::NotStarted`].
    #[error("{0}")]
    Refused(String),
    /// The machine is short of something (descriptors, processes, memory, disk), which the sentence
    /// names. Nothing is said of the task: it is handed back without an attempt.
    #[error("{0}")]
    Shortage(String),
}

impl From<String> for StartError {
    fn from(sentence: String) -> Self {
        Self::Refused(sentence)
    }
}
