//! Executions of workers.

use queue_core::claim::Claim;
use queue_core::clock::BootTime;
use queue_core::internals::executor::End;
use queue_core::internals::orphans::{ListedProcess, Orphan};

/// Execution: a process, or a handler within its worker.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) claim: Claim,
    pub(super) pid: u32,
    pub(super) ends_at: BootTime,
    pub(super) end: End,
    pub(super) heeds_term: bool,
    pub(super) kind: Kind,
    pub(super) is_orphan: bool,
    pub(super) traces: Traces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Handler,
    /// Background process of an ended command.
    Daemon,
}

/// Traces by which the claim of a process is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traces {
    /// Its mark, and the record its worker made of it.
    Both,
    /// The mark alone: its worker died before it made a record.
    Mark,
    /// The record alone: the command has cleaned its environment.
    Record,
}

impl Child {
    /// The process as a search finds it.
    pub(super) fn found(&self) -> Orphan {
        Orphan {
            process: ListedProcess {
                pid: self.pid,
                group: self.pid,
                session: self.pid,
                started: BootTime(0),
                runs: true,
            },
            claim: self.claim,
        }
    }
}
