//! The one error type of the public surface.

use std::path::PathBuf;

use rustix::io::Errno;

use crate::sqlite::Fault;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Messages are lower-case sentences that say what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument breaks a limit; nothing was written.
    #[error("{what}")]
    Invalid {
        /// The sentence.
        what: String,
    },
    /// There is no such thing.
    #[error("{what}")]
    NotFound {
        /// The sentence.
        what: String,
    },
    /// Another process holds the database longer than the busy timeout.
    #[error("the database is busy: {what}; try again, or run `doctor` to see who holds it")]
    Busy {
        /// Who or what holds it.
        what: String,
    },
    /// The claim is not the caller's any more; nothing was written.
    #[error(
        "the claim on task {task} is lost: another worker has it, or it was settled or called off"
    )]
    ClaimLost {
        /// The task.
        task: i64,
    },
    /// The database cannot be used.
    #[error("{}: {what}", path.display())]
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
        /// What the system or `SQLite` said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Something that the database needs is short: space, memory, descriptors. Nothing was written,
    /// and the same call may succeed later.
    #[error("{}: {what}", path.display())]
    Shortage {
        /// The database file.
        path: PathBuf,
        /// What is short and what to do.
        what: String,
        /// What the system or `SQLite` said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The database was deleted, or replaced, while it was open: what is written to it is lost.
    #[error("{}: {what}", path.display())]
    Gone {
        /// Where it was.
        path: PathBuf,
        /// What was found instead and what to do.
        what: String,
        /// Whether what was written lately is lost with it. It is not where only the folder beside it
        /// is gone.
        is_lost: bool,
    },
    /// A worker ended, and processes of its tasks live that its user cannot end.
    #[error("{what}")]
    Outlived {
        /// Which processes, of which tasks, and who has to end them.
        what: String,
    },
    /// COMMIT returned an error: the write may or may not have happened. An idempotency key
    /// makes it safe to repeat.
    #[error(
        "the commit failed, so it is unknown whether the write happened; look before repeating it"
    )]
    CommitUnknown {
        /// What `SQLite` said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file belongs to `workflow-queue` now, or is on its way there.
    #[error("{}: the file is workflow-queue's; use that program on it", path.display())]
    Promoted {
        /// The database file.
        path: PathBuf,
    },
    /// `SQLite` refused a statement for a reason not named above.
    #[error("the database refused: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// The system refused something that is not the database: a file, a process, a socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The program is at fault.
    #[error("{what}; this is a bug, please report it")]
    Bug {
        /// What was found.
        what: String,
    },
}

impl Error {
    /// An [`Error::Invalid`] with that sentence.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// An [`Error::NotFound`] with that sentence.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// An [`Error::Io`] about `what`.
    pub fn io(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::Io {
            what: what.into(),
            source: source.into(),
        }
    }

    /// Whether the database was busy: the same call may succeed later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether the claim is lost.
    pub fn is_claim_lost(&self) -> bool {
        matches!(self, Self::ClaimLost { .. })
    }

    /// Whether the same call may succeed later without anybody changing the call: the database was
    /// busy, something was short, or it is unknown whether the write happened. Never so once the
    /// disk has not confirmed a write.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Shortage { .. } | Self::CommitUnknown { .. } => true,
            Self::Sqlite(error) => Fault::of(error).may_pass(),
            Self::Io { source, .. } => is_shortage(source),
            Self::Invalid { .. }
            | Self::NotFound { .. }
            | Self::ClaimLost { .. }
            | Self::Unusable { .. }
            | Self::Promoted { .. }
            | Self::Gone { .. }
            | Self::Outlived { .. }
            | Self::Bug { .. } => false,
        }
    }

    /// Whether it is unknown if the write happened.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::CommitUnknown { .. })
    }
}

/// Whether the system lacked something that it may have again.
pub(crate) fn is_shortage(error: &std::io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::MFILE
                | Errno::NFILE
                | Errno::NOMEM
                | Errno::AGAIN
                | Errno::NOBUFS
                | Errno::NOLCK
                | Errno::NOSPC
                | Errno::DQUOT
                | Errno::FBIG
                | Errno::INTR
        )
    )
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::Error;

    /// A process without descriptors could not open the lock beside the database, and its worker
    /// ended all that ran; now that is tried again.
    #[test]
    fn what_the_system_lacks_for_a_while_may_pass_and_what_it_forbids_does_not() {
        for short in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::NOSPC,
            Errno::DQUOT,
        ] {
            assert!(Error::io("cannot open a file", short).may_pass(), "{short}");
        }
        for refused in [
            Errno::ACCESS,
            Errno::PERM,
            Errno::ROFS,
            Errno::NOENT,
            Errno::IO,
        ] {
            assert!(
                !Error::io("cannot open a file", refused).may_pass(),
                "{refused}"
            );
        }
    }
}
