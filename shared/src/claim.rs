//! Claims: the right to run a task once, and what proves it.

use std::fmt;

use crate::clock::Timestamp;
use crate::options::TaskOptions;
use crate::task::{TaskId, Work};

/// A worker's name: 63 random bits, so that two workers never share one, not even across
/// restored backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub i64);

impl WorkerId {
    /// A positive id made of random `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits >> 1).cast_signed() | 1)
    }

    /// Reads an id as it is shown; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = i64::from_str_radix(text, 16).ok().filter(|_| is_id)?;
        Some(Self(number))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One execution's ownership of a task. Every write on its behalf checks all three fields, so a
/// worker that lost its claim changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The claimed task.
    pub task: TaskId,
    /// The fencing token: raised at every claim, never lowered.
    pub token: i64,
    /// Who claimed it.
    pub worker: WorkerId,
}

/// What a worker asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The worker that will run the tasks.
    pub worker: WorkerId,
    /// How many to claim at most: free slots, nothing ahead.
    pub limit: usize,
    /// The queue to claim from.
    pub queue: String,
    /// Whether the worker runs commands.
    pub commands: bool,
    /// The handlers the worker has.
    pub handlers: Vec<String>,
}

impl ClaimRequest {
    /// A request for up to `limit` commands of the default queue.
    pub fn commands(worker: WorkerId, limit: usize) -> Self {
        Self {
            worker,
            limit,
            queue: crate::task::DEFAULT_QUEUE.to_owned(),
            commands: true,
            handlers: Vec::new(),
        }
    }
}

/// A task with the claim to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedTask {
    /// The right to run it.
    pub claim: Claim,
    /// Shown to people.
    pub name: String,
    /// What to do.
    pub work: Work,
    /// Its priority.
    pub priority: i32,
    /// This attempt's number, from 1.
    pub attempt: u32,
    /// Budgets, timeout, directory, environment.
    pub options: TaskOptions,
    /// Whether it depends or depended on others, whose outputs its command is given.
    pub depends: bool,
}

/// The answer to a [`ClaimRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// What was claimed, highest priority first.
    pub tasks: Vec<ClaimedTask>,
    /// When the next scheduled task of the file comes due, if the engine looked and there is one.
    pub next_due: Option<Timestamp>,
}

/// What a heartbeat learns of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is still the worker's.
    Held,
    /// It is the worker's, and somebody wants it ended.
    CancelRequested,
    /// It is not the worker's any more: end its processes, report nothing.
    Lost,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::WorkerId;

    proptest! {
        #[test]
        fn an_id_of_any_bits_is_positive_and_reads_back(bits: u64) {
            let id = WorkerId::from_bits(bits);
            prop_assert!(id.0 > 0);
            prop_assert_eq!(id.0.cast_unsigned(), bits >> 1 | 1);
            prop_assert_eq!(WorkerId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn what_is_no_id_is_not_read() {
        for text in [
            "",
            "7",
            "+000000000000007",
            "00000000000000007",
            "000000000000000g",
        ] {
            assert_eq!(WorkerId::parse(text), None, "{text}");
        }
    }
}
