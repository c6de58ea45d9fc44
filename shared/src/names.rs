//! Limits of the names that people give.

use crate::error::{Error, Result};

/// Queue of tasks that name none.
pub const DEFAULT_QUEUE: &str = "default";
/// Most bytes in the name of a task, queue or handler.
pub const MAX_NAME_BYTES: usize = 200;

/// Beginning of the handler name for tasks that were set aside; the id of their queue follows. No
/// handler may have such a name.
pub(crate) const ASIDE_HANDLER: &str = "(set aside) ";

/// Beginning of the queue name for the lines of a file. The path that follows may contain anything.
const OF_LINES: &str = "run:";

/// True for the queue of the lines of a file, which `run` gives a worker of their own.
pub(crate) fn is_of_lines(queue: &str) -> bool {
    queue.starts_with(OF_LINES)
}

/// Checks the name of a new queue: as every name, and without a comma, which separates names.
///
/// # Errors
/// [`Error::Invalid`] with a sentence that names the limit.
pub fn check_queue_name(name: &str) -> Result<()> {
    check_name("a queue's name", name)?;
    if name.contains(',') && !is_of_lines(name) {
        return Err(Error::invalid(format!(
            "{}: a queue's name has no comma, which separates the queues of a worker",
            name.escape_debug()
        )));
    }
    Ok(())
}

/// Checks a name shown to people: 1 to [`MAX_NAME_BYTES`] bytes without NUL.
///
/// # Errors
/// [`Error::Invalid`], in a sentence about `what`.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid(format!("{what} must not be empty")));
    }
    check_no_nul(what, name)?;
    check_length(what, name.len(), MAX_NAME_BYTES)
}

pub(crate) fn check_no_nul(what: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(format!(
            "{what} must not contain a NUL byte"
        )));
    }
    Ok(())
}

pub(crate) fn check_length(what: &str, bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(Error::invalid(format!(
            "{what} is {bytes} bytes long; the limit is {limit}"
        )));
    }
    Ok(())
}
