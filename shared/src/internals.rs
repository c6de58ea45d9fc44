//! Parts of this package that only tests of its workspace reach: queue-testing, the fuzz targets, the
//! proofs, and the engines' and this package's own tests. They exist with the feature `internals`,
//! which no product turns on, and change without notice.

/// Private parsers and writers, for tests that hand them any bytes.
pub mod fuzzing {
    #[cfg(feature = "cli")]
    pub use crate::cli::fuzzing::{exit_code, task_lines, unit, variable};
    pub use crate::runtime::fuzzing::capture;
}

/// The turns of a worker.
pub mod driver {
    pub use crate::runtime::driver::{AnswerOf, CallOf, Driver, Turn};
}

/// What starts, watches and ends commands and handlers.
pub mod executor {
    pub use crate::runtime::executor::{End, Ended, Ending, Executor, StartError, Unreachable};
}

/// The folder in which a command finds what others wrote.
pub mod inputs {
    pub use crate::runtime::inputs::{Inputs, Source};
}

/// The list of those who are told of settles.
pub mod listener {
    pub use crate::sidecar::listener::Place;
}

/// Logs of commands, as they lie on the disk.
pub mod log {
    pub use crate::runtime::log::{HEAD_BYTES, LogError, LogReader, TAIL_AREA_BYTES, TAIL_BYTES};
}

/// Processes that a dead worker's commands left.
pub mod orphans {
    pub use crate::runtime::orphans::{Found, OrphanEnd, ProcFs, Process, Processes, Search};
}

/// The thread that extends leases.
pub mod pacemaker {
    pub use crate::runtime::pacemaker::{Pacemaker, Pulse, pair};
}

/// What the state machine of a worker takes in.
pub mod protocol {
    pub use crate::runtime::protocol::{Config, Event};
}

/// Records of commands beside the database.
pub mod records {
    pub use crate::sidecar::records::{CommandRecords, RecordFile};
}

/// What is done about a dead worker.
pub mod recovery {
    pub use crate::runtime::recovery::Sweep;
}

/// Locks of workers that have died.
pub mod registration {
    pub use crate::sidecar::registration::DeadLock;
}

/// When a failed attempt is tried again.
pub mod retry {
    pub use crate::retry::delay;
}

/// What a worker runs on.
pub mod shell {
    pub use crate::runtime::shell::{Batch, Peer, Shell, StartResult, Sweeper};
}
