//! The error type of the public surface.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::remedy::{self, Remedy};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of this crate. Messages are lower-case sentences that say what to do next; a program completes
/// the commands in them with [`told`](Error::told).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument breaks a limit; nothing was written.
    Invalid {
        /// Sentence that names the limit.
        what: String,
    },
    /// There is no such task, file or setting.
    NotFound {
        /// Sentence that names what is missing.
        what: String,
    },
    /// Another process holds the database longer than the busy timeout.
    Busy {
        /// Holder of the database.
        what: String,
    },
    /// The caller does not hold the claim any more; nothing was written.
    ClaimLost {
        /// Id of the task.
        task: i64,
    },
    /// The database cannot be used.
    Unusable {
        /// The database file.
        path: PathBuf,
        /// Problem, and its solution unless `remedy` has it.
        what: String,
        /// Commands that help.
        remedy: Option<Remedy>,
        /// Error of the system or of the database.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Space, memory or descriptors ran out. Nothing was written, and the same call may succeed
    /// later.
    Shortage {
        /// The database file.
        path: PathBuf,
        /// Resource that is short, and the way out.
        what: String,
        /// Error of the system or of the database.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The database was deleted or replaced while it was open: writes to it are lost.
    Gone {
        /// Path it had.
        path: PathBuf,
        /// Finding at that path, and the way out unless `remedy` has it.
        what: String,
        /// True if recent writes are lost with it. False if only the folder beside the file is
        /// gone.
        is_lost: bool,
        /// Commands that help.
        remedy: Option<Remedy>,
    },
    /// A worker ended, but some processes of its tasks still live, and its user cannot end them.
    Outlived {
        /// Sentence that names the processes, their tasks, and who has to end them.
        what: String,
    },
    /// COMMIT returned an error: the write may or may not have happened. With an idempotency key it
    /// is safe to repeat.
    CommitUnknown {
        /// Error of the database.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file belongs to `workflow-queue` now, or is on its way there.
    Promoted {
        /// The database file.
        path: PathBuf,
    },
    /// The database refused a statement for a reason not named above.
    Refused {
        /// True if the same call may succeed later.
        may_pass: bool,
        /// Error of the database.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refused something other than the database: a file, a process, a socket.
    Io {
        /// Action that failed.
        what: String,
        /// Error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The program is at fault.
    Bug {
        /// Sentence that names the bug.
        what: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(&remedy::bare))
    }
}

impl Error {
    /// Makes an [`Error::Invalid`] with that sentence.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// Makes an [`Error::NotFound`] with that sentence.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// Makes an [`Error::Io`] about `what`.
    pub fn io(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::Io {
            what: what.into(),
            source: source.into(),
        }
    }

    /// The whole sentence. `command` turns a verb with its arguments into a command line.
    pub fn told(&self, command: &dyn Fn(&str) -> String) -> String {
        let fact = self.fact();
        match self.remedy() {
            Some(remedy) => format!("{fact}; {}", remedy.clause(command)),
            None => fact,
        }
    }

    /// The problem, without the commands that help.
    pub fn fact(&self) -> String {
        match self {
            Self::Invalid { what } | Self::NotFound { what } | Self::Outlived { what } => {
                what.clone()
            }
            Self::Busy { what } => format!("the database is busy: {what}"),
            Self::ClaimLost { task } => format!(
                "the claim on task {task} is lost: another worker has it, or it was settled or \
                 cancelled"
            ),
            Self::Unusable { path, what, .. }
            | Self::Shortage { path, what, .. }
            | Self::Gone { path, what, .. } => format!("{}: {what}", path.display()),
            Self::CommitUnknown { .. } => {
                "the commit failed, so it is unknown whether the write happened".to_owned()
            }
            Self::Promoted { path } => format!(
                "{}: the file is workflow-queue's; use that program on it",
                path.display()
            ),
            Self::Refused { source, .. } => format!("the database refused: {source}"),
            Self::Io { what, source } => format!("{what}: {source}"),
            Self::Bug { what } => format!("{what}; this is a bug, please report it"),
        }
    }

    /// Commands that help, if the library knows some.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Busy { .. } => Some(Remedy::FindHolder),
            Self::CommitUnknown { .. } => Some(Remedy::LookFirst),
            Self::Unusable { remedy, .. } | Self::Gone { remedy, .. } => *remedy,
            Self::Invalid { .. }
            | Self::NotFound { .. }
            | Self::ClaimLost { .. }
            | Self::Shortage { .. }
            | Self::Outlived { .. }
            | Self::Promoted { .. }
            | Self::Refused { .. }
            | Self::Io { .. }
            | Self::Bug { .. } => None,
        }
    }

    /// Path of the database file, if the error names it.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unusable { path, .. }
            | Self::Shortage { path, .. }
            | Self::Gone { path, .. }
            | Self::Promoted { path } => Some(path),
            Self::Invalid { .. }
            | Self::NotFound { .. }
            | Self::Busy { .. }
            | Self::ClaimLost { .. }
            | Self::Outlived { .. }
            | Self::CommitUnknown { .. }
            | Self::Refused { .. }
            | Self::Io { .. }
            | Self::Bug { .. } => None,
        }
    }

    /// True if the database was busy: the same call may succeed later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// True if the claim is lost.
    pub fn is_claim_lost(&self) -> bool {
        matches!(self, Self::ClaimLost { .. })
    }

    /// True if the same call may succeed later without a change: the database was busy, a resource
    /// was short, or it is unknown if the write happened. Always false once the disk has failed to
    /// confirm a write.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Shortage { .. } | Self::CommitUnknown { .. } => true,
            Self::Refused { may_pass, .. } => *may_pass,
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

    /// True if it is unknown whether the write happened.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::CommitUnknown { .. })
    }
}

/// True if the system lacked a resource that it may have again.
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

    /// Bug: a process without free descriptors could not open the lock beside the database, and its
    /// worker ended every running task. Now the worker tries again.
    #[test]
    fn a_shortage_may_pass_and_a_refusal_does_not() {
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
