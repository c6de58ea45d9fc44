//! Classification of `SQLite` errors: the only module that reads its error codes.

use std::fmt;
use std::os::raw::c_int;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ffi;

use super::combine::Refusal;
use crate::error::Error;
use crate::remedy::Remedy;

/// Reason for refusing every write once the disk has not confirmed one.
pub(super) const NOT_CONFIRMED: &str =
    "the disk did not confirm a write, so nothing more is acknowledged";

/// Kind of a `SQLite` error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another connection holds a lock; the same call may succeed later.
    Busy,
    /// The disk is full.
    Full,
    /// Memory ran out, or memory that may be mapped.
    Memory,
    /// The system refused to read or write: a quota, a limit on the size of files, a device that
    /// does not answer. Loses no acknowledged write.
    Refused,
    /// The contents of the file make no sense.
    Corrupt,
    /// The file is not a database.
    NotADatabase,
    /// The file, its folder or its `-shm` cannot be written.
    ReadOnly,
    /// The file, its `-wal` or its `-shm` cannot be opened: most often no descriptor is free.
    CannotOpen,
    /// They must not be opened or locked, however much is free.
    Denied,
    /// The disk did not confirm a write. The kernel may have dropped the pages and call them clean,
    /// so no later write can be trusted.
    Sync,
    /// The disk refused another operation.
    Io,
    /// A statement failed: a constraint, a type, an absent row.
    Statement,
}

impl Fault {
    /// Classifies an error of `SQLite`.
    pub fn of(error: &rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error().map(|error| error.extended_code) else {
            return Self::Statement;
        };
        match code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => Self::Sync,
            // The only I/O errors that mean a full disk: the `-shm` could not grow.
            ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMOPEN => Self::Full,
            ffi::SQLITE_IOERR_NOMEM | ffi::SQLITE_IOERR_SHMMAP | ffi::SQLITE_IOERR_MMAP => {
                Self::Memory
            }
            // A read also fails with ENOMEM in a control group that has used up its memory.
            ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_READ
            | ffi::SQLITE_IOERR_FSTAT
            | ffi::SQLITE_IOERR_SEEK
            | ffi::SQLITE_IOERR_ACCESS
            | ffi::SQLITE_IOERR_SHMLOCK => Self::Refused,
            ffi::SQLITE_CANTOPEN_ISDIR | ffi::SQLITE_CANTOPEN_SYMLINK => Self::Denied,
            _ => Self::of_primary(code & 0xff),
        }
    }

    fn of_primary(code: c_int) -> Self {
        match code {
            // PROTOCOL: others kept changing the index of the log for ten seconds.
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => Self::Busy,
            ffi::SQLITE_FULL => Self::Full,
            ffi::SQLITE_NOMEM => Self::Memory,
            ffi::SQLITE_CORRUPT => Self::Corrupt,
            ffi::SQLITE_NOTADB => Self::NotADatabase,
            ffi::SQLITE_READONLY => Self::ReadOnly,
            ffi::SQLITE_CANTOPEN => Self::CannotOpen,
            ffi::SQLITE_PERM => Self::Denied,
            ffi::SQLITE_IOERR => Self::Io,
            _ => Self::Statement,
        }
    }

    /// True if the same call may succeed later without a change. False after a failed sync: earlier
    /// acknowledged writes may be gone.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Busy | Self::Full | Self::Memory | Self::Refused | Self::CannotOpen => true,
            Self::Corrupt
            | Self::NotADatabase
            | Self::ReadOnly
            | Self::Denied
            | Self::Sync
            | Self::Io
            | Self::Statement => false,
        }
    }

    /// Reason for a transaction not to begin.
    pub(super) fn of_begin(error: &rusqlite::Error) -> Refusal {
        Self::of(error).refusal(true)
    }

    /// Meaning of a COMMIT error for the transaction: after busy or full it is certainly not in the
    /// file (the frame that commits is written last); after any other error it may be.
    pub(super) fn of_commit(error: &rusqlite::Error) -> Refusal {
        let is_clean = error
            .sqlite_error()
            .is_some_and(|error| error.extended_code & 0xff == ffi::SQLITE_FULL);
        Self::of(error).refusal(is_clean)
    }

    /// Refusal of a transaction. `is_clean` is true if a full disk means that nothing of it is in
    /// the file.
    fn refusal(self, is_clean: bool) -> Refusal {
        match self {
            Self::Busy => Refusal::Busy,
            Self::Sync => Refusal::Fatal,
            Self::Full if is_clean => Refusal::Full,
            Self::Full
            | Self::Memory
            | Self::Refused
            | Self::Corrupt
            | Self::NotADatabase
            | Self::ReadOnly
            | Self::CannotOpen
            | Self::Denied
            | Self::Io
            | Self::Statement => Refusal::Error,
        }
    }

    /// Error of `path` with that sentence and remedy.
    fn located(
        self,
        path: &Path,
        (what, remedy): (&str, Option<Remedy>),
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        let (path, what) = (path.to_owned(), what.to_owned());
        let source = Some(Box::new(source) as Box<_>);
        if self.may_pass() {
            Error::Shortage { path, what, source }
        } else {
            Error::Unusable {
                path,
                what,
                remedy,
                source,
            }
        }
    }

    /// Sentence for a person, and the commands that help; `None` if the file is not to blame.
    fn sentence(self) -> Option<(&'static str, Option<Remedy>)> {
        let remedy = match self {
            Self::Corrupt => Some(Remedy::RestoreOrSalvage),
            Self::Sync => Some(Remedy::StopAndCheck),
            Self::Io => Some(Remedy::CheckDisk),
            Self::Busy
            | Self::Full
            | Self::Memory
            | Self::Refused
            | Self::NotADatabase
            | Self::ReadOnly
            | Self::CannotOpen
            | Self::Denied
            | Self::Statement => None,
        };
        let sentence = match self {
            Self::Busy | Self::Statement => return None,
            Self::Memory => "no memory is left; free some and repeat the command",
            Self::Full => "no space is left on the disk; free some and repeat the command",
            Self::Corrupt => "the database is damaged",
            Self::NotADatabase => "this is not an SQLite database; name another file",
            Self::ReadOnly => {
                "the database cannot be written, which even a reader must unless another program \
                 has it open; give yourself write permission on the file and its folder"
            }
            Self::CannotOpen | Self::Denied => {
                "the database cannot be opened; check the permissions of the file, its -wal and \
                 -shm, and its folder, and how many files may be open (`ulimit -n`)"
            }
            Self::Sync => NOT_CONFIRMED,
            Self::Refused => {
                "the system refused to read or write it; check quotas, limits on the size of files \
                 (`ulimit -f`) and the disk, then repeat the command"
            }
            Self::Io => "the disk reported an error",
        };
        Some((sentence, remedy))
    }
}

/// Error that names `path` if the file is to blame for `error`; otherwise the result of
/// `Error::from`.
pub(crate) fn located(path: &Path, error: rusqlite::Error) -> Error {
    let fault = Fault::of(&error);
    match fault.sentence() {
        Some(sentence) => fault.located(path, sentence, error),
        None => Error::from(error),
    }
}

/// As [`located`], for an error that has passed through `Error::from` already.
pub(super) fn relocated(path: &Path, error: Error) -> Error {
    match returned(error) {
        Ok(error) => located(path, error),
        Err(error) => error,
    }
}

/// The error of `SQLite` within one that `Error::from` made of it.
pub(super) fn cause(error: &Error) -> Option<&rusqlite::Error> {
    let Error::Refused { source, .. } = error else {
        return None;
    };
    source.downcast_ref()
}

/// The error of `SQLite` that [`cause`] finds; the same error where there is none.
pub(super) fn returned(error: Error) -> Result<rusqlite::Error, Error> {
    let Error::Refused { may_pass, source } = error else {
        return Err(error);
    };
    match source.downcast() {
        Ok(error) => Ok(*error),
        Err(source) => Err(Error::Refused { may_pass, source }),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        if Fault::of(&error) == Fault::Busy {
            Self::Busy {
                what: "another connection kept it locked for longer than the busy timeout"
                    .to_owned(),
            }
        } else {
            Self::Refused {
                may_pass: Fault::of(&error).may_pass(),
                source: Box::new(error),
            }
        }
    }
}

/// Error that several callers receive.
#[derive(Clone, Debug)]
pub(super) struct SharedError(pub(super) Arc<rusqlite::Error>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl SharedError {
    /// Error of `path`, as [`located`] words it.
    pub(super) fn located(&self, path: &Path) -> Error {
        let fault = Fault::of(&self.0);
        if fault == Fault::Busy {
            return Error::Busy {
                what: "another connection kept it locked for longer than the busy timeout"
                    .to_owned(),
            };
        }
        let sentence = fault
            .sentence()
            .unwrap_or(("the database refused a transaction", Some(Remedy::Check)));
        fault.located(path, sentence, self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: c_int) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_failed_sync_is_told_apart_from_other_io_errors() {
        assert_eq!(Fault::of(&failure(ffi::SQLITE_IOERR_FSYNC)), Fault::Sync);
        assert_eq!(
            Fault::of(&failure(ffi::SQLITE_IOERR_DIR_FSYNC)),
            Fault::Sync
        );
        assert_eq!(Fault::of(&failure(ffi::SQLITE_IOERR_WRITE)), Fault::Refused);
        assert_eq!(Fault::of(&failure(ffi::SQLITE_IOERR_SHMSIZE)), Fault::Full);
    }

    #[test]
    fn every_kind_of_busy_is_busy_and_nothing_else_is() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_PROTOCOL,
        ] {
            assert!(Error::from(failure(code)).is_busy(), "{code}");
        }
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CONSTRAINT,
        ] {
            assert!(!Error::from(failure(code)).is_busy(), "{code}");
        }
    }

    /// Bug: a full disk, a quota, or a process without memory or descriptors ended the worker with
    /// all its running tasks. Now such a call is repeated. A failed sync still ends the worker.
    #[test]
    fn a_shortage_may_pass_and_doubt_about_the_file_does_not() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_FULL,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_NOMEM,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMOPEN,
            ffi::SQLITE_IOERR_SHMMAP,
        ] {
            assert!(
                located(Path::new("q.db"), failure(code)).may_pass(),
                "{code}"
            );
            assert!(Error::from(failure(code)).may_pass(), "{code}");
        }
        for code in [
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_CORRUPTFS,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_PERM,
            ffi::SQLITE_CANTOPEN_ISDIR,
            ffi::SQLITE_CONSTRAINT,
        ] {
            assert!(
                !located(Path::new("q.db"), failure(code)).may_pass(),
                "{code}"
            );
            assert!(!Error::from(failure(code)).may_pass(), "{code}");
        }
    }

    #[test]
    fn the_file_is_named_when_it_is_to_blame_and_only_then() {
        let path = Path::new("q.db");
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_IOERR_READ,
        ] {
            let error = located(path, failure(code));
            assert!(
                matches!(error, Error::Unusable { .. } | Error::Shortage { .. }),
                "{code}"
            );
            assert!(error.to_string().starts_with("q.db: "), "{error}");
        }
        assert!(matches!(
            located(path, failure(ffi::SQLITE_CONSTRAINT)),
            Error::Refused { .. }
        ));
        assert!(matches!(
            located(path, rusqlite::Error::QueryReturnedNoRows),
            Error::Refused { .. }
        ));
    }
}
