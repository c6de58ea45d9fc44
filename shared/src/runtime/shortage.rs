//! Shortages of the machine. A start that fails for one is not the task's fault, and succeeds once
//! the shortage is over.

use std::error::Error as _;

use rustix::io::Errno;

use super::end::StartError;
use crate::error::Error;

/// Sentence that names the shortage and its remedy; `None` for any other error.
pub(super) fn named(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::MFILE => {
            "this worker has no file descriptors left; raise its `ulimit -n`, or use fewer slots"
        }
        Errno::NFILE => {
            "the machine has no file descriptors left; raise the sysctl fs.file-max, or close some"
        }
        Errno::AGAIN => {
            "there are too many processes; end some, raise `ulimit -u` or the service's TasksMax, or \
             use fewer slots"
        }
        Errno::NOMEM => "there is no memory left for it; free some, or use fewer slots",
        Errno::NOSPC => "no space is left on the disk; free some",
        Errno::DQUOT => "the quota on the disk is used up; free some space, or raise it",
        _ => return None,
    })
}

/// Error for a task that is not started because `what`, a clause, failed with `errno`.
pub(super) fn refusal(what: &str, errno: Errno) -> StartError {
    match named(errno) {
        Some(short) => StartError::Shortage(format!("{what}: {short}")),
        None => StartError::Refused(format!("{what}: {errno}")),
    }
}

/// Error for a thread that cannot be started.
pub(super) fn no_thread(what: &str, error: &std::io::Error) -> StartError {
    StartError::Shortage(match short_io(error) {
        Some(short) => format!("{what}: {short}"),
        None => format!("{what}: {error}"),
    })
}

/// Error for a task that is not started because `what` failed with `error`.
pub(super) fn failure(what: &str, error: &Error) -> StartError {
    let source = error.source().and_then(|source| source.downcast_ref());
    match source.and_then(short_io) {
        Some(short) => StartError::Shortage(format!("{what}: {short}")),
        None if error.may_pass() => StartError::Shortage(format!("{what}: {error}")),
        None => StartError::Refused(format!("{what}: {error}")),
    }
}

fn short_io(error: &std::io::Error) -> Option<&'static str> {
    Errno::from_io_error(error).and_then(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(errno: Errno) -> Error {
        Error::io("cannot write to a folder", errno)
    }

    #[test]
    fn a_shortage_of_the_machine_is_not_the_tasks_fault() {
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::AGAIN,
            Errno::NOMEM,
            Errno::NOSPC,
            Errno::DQUOT,
        ] {
            let StartError::Shortage(sentence) = refusal("no pipe", errno) else {
                panic!("{errno} is a shortage");
            };
            assert!(sentence.starts_with("no pipe: "), "{sentence}");
            assert!(matches!(failure("x", &io(errno)), StartError::Shortage(_)));
        }
        let busy = Error::Busy {
            what: "somebody writes".to_owned(),
        };
        assert!(matches!(failure("x", &busy), StartError::Shortage(_)));
    }

    #[test]
    fn any_other_error_is_the_tasks_fault() {
        for errno in [Errno::ACCESS, Errno::NOENT, Errno::TOOBIG, Errno::LOOP] {
            assert!(matches!(refusal("x", errno), StartError::Refused(_)));
            assert!(matches!(failure("x", &io(errno)), StartError::Refused(_)));
        }
        let bug = Error::Bug {
            what: "a hole".to_owned(),
        };
        assert!(matches!(failure("x", &bug), StartError::Refused(_)));
    }
}
