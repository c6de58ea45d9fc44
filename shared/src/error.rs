//! The one error type of the public surface.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::remedy::{self, Remedy};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Messages are lower-case sentences that say what to do next; a program completes
/// the commands in them with [`told`](Error::told).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument breaks a limit; nothing was written.
    Invalid {
        /// The sentence.
        what: String,
    },
    /// There is no such thing.
    NotFound {
        /// The sentence.
        what: String,
    },
    /// Another process holds the database longer than the busy timeout.
    Busy {
        /// Who or what holds it.
        what: String,
    },
    /// The claim is not the caller's any more; nothing was written.
    ClaimLost {
        /// The task.
        task: i64,
    },
    /// The database cannot be used.
    Unusable {
        /// The database file.
        path: PathBuf,
        /// What is wrong, and what to do unless that is the remedy.
        what: String,
        /// The commands that help.
        remedy: Option<Remedy>,
        /// What the system or the database said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Something that the database needs is short: space, memory, descriptors. Nothing was written,
    /// and the same call may succeed later.
    Shortage {
        /// The database file.
        path: PathBuf,
        /// What is short and what to do.
        what: String,
        /// What the system or the database said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The database was deleted, or replaced, while it was open: what is written to it is lost.
    Gone {
        /// Where it was.
        path: PathBuf,
        /// What was found instead, and what to do unless that is the remedy.
        what: String,
        /// Whether what was written lately is lost with it. It is not where only the folder beside it
        /// is gone.
        is_lost: bool,
        /// The commands that help.
        remedy: Option<Remedy>,
    },
    /// A worker ended, and processes of its tasks live that its user cannot end.
    Outlived {
        /// Which processes, of which tasks, and who has to end them.
        what: String,
    },
    /// COMMIT returned an error: the write may or may not have happened. An idempotency key
    /// makes it safe to repeat.
    CommitUnknown {
        /// What the database said.
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
        /// Whether the same call may succeed later.
        may_pass: bool,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refused something that is not the database: a file, a process, a socket.
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The program is at fault.
    Bug {
        /// What was found.
        what: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(&remedy::bare))
    }
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

    /// The whole sentence, in which `command` says how a verb with its arguments is called.
    pub fn told(&self, command: &dyn Fn(&str) -> String) -> String {
        let fact = self.fact();
        match self.remedy() {
            Some(remedy) => format!("{fact}; {}", remedy.clause(command)),
            None => fact,
        }
    }

    /// What went wrong, without the commands that help.
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

    /// The commands that help, where the library knows some.
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

    /// The database file, where the error names it.
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
