//! Tasks that a newer version wrote, and this program cannot read.

use crate::error::{Error, Result};
use crate::names::ASIDE_HANDLER;
use crate::options::TaskOptions;
use crate::work::Work;

/// Reason why no worker of this program takes a waiting task of that handler.
pub(super) fn why(
    handler: &str,
    stored: (i64, Vec<u8>),
    options: Result<Option<&str>>,
) -> Option<String> {
    let problem = match options {
        Ok(options) => problem(stored, options),
        Err(error) => Some(error.to_string()),
    };
    match problem {
        Some(problem) => Some(format!(
            "a newer version of this program can run it: {problem}"
        )),
        None if handler.starts_with(ASIDE_HANDLER) => Some(
            "an older version of this program could not read it; the next worker of this version \
             takes it back, within seconds if one runs"
                .to_owned(),
        ),
        None => None,
    }
}

/// Reason why this program cannot run a task of that kind and payload with these options.
pub(super) fn problem((kind, payload): (i64, Vec<u8>), options: Option<&str>) -> Option<String> {
    let work = Work::from_row(kind, "", payload).err();
    let problem = work.or_else(|| TaskOptions::from_row(options).err())?;
    Some(if let Error::Bug { what } = problem {
        what
    } else {
        problem.to_string()
    })
}
