//! Parts of this package for tests of its workspace: queue-testing, the fuzz targets, the proofs,
//! and the tests of the engines and of this package. They exist with the feature `internals`, which
//! no product turns on, and change without notice.

/// Private parsers and writers, for tests that pass them arbitrary bytes.
pub mod fuzzing {
    #[cfg(feature = "cli")]
    pub use crate::cli::fuzzing::{exit_code, task_lines, unit, variable};
    pub use crate::runtime::fuzzing::capture;
}

/// The turns of a worker.
pub mod driver {
    pub use crate::runtime::driver::{AnswerOf, CallOf, Driver, Turn};
}

/// Executor, which starts, watches and ends commands and handlers.
pub mod executor {
    pub use crate::runtime::executor::{End, Ended, Ending, Executor, StartError, Unreachable};
}

/// The folder in which a command finds what others wrote.
pub mod inputs {
    pub use crate::runtime::inputs::{InputSource, Inputs};
}

/// List of the listeners for settles.
pub mod listener {
    pub use crate::sidecar::listener::ListenerSlot;
}

/// Logs of commands, as they lie on the disk.
pub mod log {
    pub use crate::runtime::log::{LogError, LogReader};
}

/// Processes that a dead worker's commands left.
pub mod orphans {
    pub use crate::runtime::orphans::{
        ListedProcess, Orphan, OrphanEnd, ProcFs, Processes, Search,
    };
}

/// The thread that extends leases.
pub mod lease_keeper {
    pub use crate::runtime::lease_keeper::{LeaseHandle, LeaseKeeper, pair};
}

/// Events of the state machine of a worker.
pub mod protocol {
    pub use crate::runtime::protocol::{Config, Event};
}

/// Records of commands beside the database.
pub mod records {
    pub use crate::sidecar::records::{CommandRecords, RecordFile};
}

/// Recovery from a dead worker.
pub mod recovery {
    pub use crate::runtime::recovery::Sweep;
}

/// Locks of workers that have died.
pub mod registration {
    pub use crate::sidecar::registration::DeadLock;
}

/// Backoff of failed attempts.
pub mod retry {
    pub use crate::backoff::delay;
}

/// Host of a worker.
pub mod host {
    pub use crate::runtime::host::{Batch, Host, Peer, StartResult, Sweeper};
}

/// Routes of the dashboard, and its parsers.
#[cfg(feature = "web")]
pub mod web {
    pub use crate::web::{fuzzing, post_paths};
}
