//! Failures of a verb and their exit codes.

use std::io;
use std::process::ExitCode;

use super::invocation::Invocation;
use crate::error::Error;

/// A task failed, or a change was refused by a task's state.
pub(crate) const TASK_FAILED: u8 = 1;
/// The arguments are wrong; nothing was done.
pub(crate) const USAGE: u8 = 2;
/// There is no such task, file or queue.
pub(crate) const NOT_FOUND: u8 = 3;
/// Another process holds the database, or tasks had not ended in the time given.
pub(crate) const BUSY: u8 = 4;
/// The database cannot be used, or the system refuses something it needs.
pub(crate) const UNUSABLE: u8 = 5;
/// A worker lost a claim.
pub(crate) const CLAIM_LOST: u8 = 6;
/// A bug in the program.
pub(crate) const BUG: u8 = 70;
/// The time to wait for a task passed, where other exit codes are the task's.
pub(crate) const TIMED_OUT: u8 = 124;
/// The program failed, or the task has no exit code, where other exit codes are the task's.
pub(crate) const BESIDE_A_TASK: u8 = 125;

/// Failure of a verb.
#[derive(Debug)]
pub enum Failure {
    /// Tasks failed or refused a change; the sentence is empty if all is reported already.
    Tasks(String),
    /// Tasks had not ended in the time given.
    Unfinished(String),
    /// The arguments are wrong.
    Usage(String),
    /// A worker lost claims to other workers.
    ClaimsLost(String),
    /// An error of the engine.
    Error(Error),
    /// An error of the engine with its sentence, which names full commands.
    Completed {
        /// The exit code.
        code: u8,
        /// The sentence.
        sentence: String,
    },
    /// Standard output could not be written.
    Output(io::Error),
    /// A failure of a verb that ends with the exit code of a task.
    InPlaceOf {
        /// The exit code.
        code: u8,
        /// The failure, which in another verb had an exit code of its own.
        failure: Box<Failure>,
    },
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Tasks(_) => TASK_FAILED,
            Self::Unfinished(_) => BUSY,
            Self::Usage(_) => USAGE,
            Self::ClaimsLost(_) => CLAIM_LOST,
            Self::Error(error) => code_of(error),
            Self::Completed { code, .. } | Self::InPlaceOf { code, .. } => *code,
            // The reader has closed the pipe; that is no error.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => UNUSABLE,
        }
    }

    /// Completes the sentence of an error: it names the commands as a person calls them.
    pub(super) fn complete(self, invocation: &Invocation) -> Self {
        match self {
            Self::Error(error) => Self::Completed {
                code: code_of(&error),
                sentence: invocation.sentence(&error),
            },
            Self::InPlaceOf { code, failure } => failure.complete(invocation).with_code(code),
            Self::Tasks(_)
            | Self::Unfinished(_)
            | Self::Usage(_)
            | Self::ClaimsLost(_)
            | Self::Completed { .. }
            | Self::Output(_) => self,
        }
    }

    /// The same failure with that exit code.
    pub(super) fn with_code(self, code: u8) -> Self {
        let failure = Box::new(self);
        Self::InPlaceOf { code, failure }
    }

    /// The same failure with the exit code that no task has, unless its code is a task's already.
    pub(super) fn beside_a_task(self) -> Self {
        if matches!(self, Self::InPlaceOf { .. }) {
            return self;
        }
        self.with_code(BESIDE_A_TASK)
    }

    /// Word for the failure in JSON.
    pub(super) fn kind(&self) -> &'static str {
        if let Self::InPlaceOf { failure, .. } = self {
            return failure.kind();
        }
        word(self.code())
    }

    /// The sentence for people; empty if all is reported already.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Tasks(sentence)
            | Self::Unfinished(sentence)
            | Self::Usage(sentence)
            | Self::ClaimsLost(sentence)
            | Self::Completed { sentence, .. } => sentence.clone(),
            Self::InPlaceOf { failure, .. } => failure.sentence(),
            Self::Error(error) => error.to_string(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Self::Output(error) => format!("cannot write the output: {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Exit code of an error.
pub(super) fn code_of(error: &Error) -> u8 {
    match error {
        Error::Invalid { .. } => USAGE,
        Error::NotFound { .. } => NOT_FOUND,
        Error::Busy { .. } => BUSY,
        Error::Unusable { .. }
        | Error::Shortage { .. }
        | Error::Gone { .. }
        | Error::Outlived { .. }
        | Error::CommitUnknown { .. }
        | Error::Promoted { .. }
        | Error::Refused { .. }
        | Error::Io { .. } => UNUSABLE,
        Error::ClaimLost { .. } => CLAIM_LOST,
        Error::Bug { .. } => BUG,
    }
}

/// Word for an exit code in JSON errors.
fn word(code: u8) -> &'static str {
    match code {
        TASK_FAILED => "task_failed",
        USAGE => "usage",
        NOT_FOUND => "not_found",
        BUSY => "busy",
        UNUSABLE => "unusable",
        CLAIM_LOST => "claim_lost",
        _ => "bug",
    }
}

/// Exit code of the process for the result of a verb.
pub(crate) fn code(result: &Result<(), Failure>) -> ExitCode {
    ExitCode::from(result.as_ref().err().map_or(0, Failure::code))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::Failure;
    use crate::error::Error;

    #[test]
    fn every_error_has_its_exit_code() {
        let path = PathBuf::from("x.db");
        let source = || io::Error::other("boom");
        for (error, code) in [
            (Error::invalid("x"), 2),
            (Error::not_found("x"), 3),
            (
                Error::Busy {
                    what: String::new(),
                },
                4,
            ),
            (
                Error::Unusable {
                    path: path.clone(),
                    what: "it is a directory".to_owned(),
                    remedy: None,
                    source: None,
                },
                5,
            ),
            (
                Error::CommitUnknown {
                    source: Box::new(source()),
                },
                5,
            ),
            (
                Error::Gone {
                    path: path.clone(),
                    what: "the file was deleted".to_owned(),
                    is_lost: true,
                    remedy: None,
                },
                5,
            ),
            (
                Error::Outlived {
                    what: String::new(),
                },
                5,
            ),
            (Error::Promoted { path }, 5),
            (
                Error::Refused {
                    may_pass: false,
                    source: Box::new(source()),
                },
                5,
            ),
            (Error::io("x", source()), 5),
            (Error::ClaimLost { task: 1 }, 6),
            (
                Error::Bug {
                    what: String::new(),
                },
                70,
            ),
        ] {
            assert_eq!(Failure::from(error).code(), code);
        }
        assert_eq!(Failure::Tasks(String::new()).code(), 1);
        assert_eq!(Failure::Unfinished(String::new()).code(), 4);
        assert_eq!(Failure::Usage(String::new()).code(), 2);
        assert_eq!(Failure::ClaimsLost(String::new()).code(), 6);
    }

    #[test]
    fn a_broken_pipe_is_no_error() {
        let broken = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!((broken.code(), broken.sentence()), (0, String::new()));
        let full = Failure::Output(io::ErrorKind::StorageFull.into());
        assert_eq!(full.code(), 5);
    }
}
