//! Checks of queue names: a name that nobody has used may be mistyped.

use std::fmt::Write as _;

use super::likeness::is_like;
use super::printer::note;
use super::program::{Access, Context};
use super::run::rerun::Rerun;
use super::{Failure, escape};
use crate::error::{Error, Result};
use crate::queue::{Queue, WorkerInfo};
use crate::served::ServedQueues;
use crate::task::DEFAULT_QUEUE;

/// Most queues that a sentence about an unknown one suggests.
const MOST_NAMED: usize = 5;

/// True if the queue exists: it had tasks or has settings, or a living worker serves it.
pub(super) fn is_known<Q: Queue>(queue: &Q, name: &str) -> Result<bool> {
    let serves = |worker: &WorkerInfo| {
        let mut named = worker.serves.queues.names().iter();
        named.any(|queue| *queue.name == *name)
    };
    Ok(name == DEFAULT_QUEUE
        || queue.knows_queue(name)?
        || queue.live_workers()?.iter().any(serves))
}

/// Refuses a queue that nobody has used. `more` ends the sentence.
///
/// # Errors
/// [`Error::NotFound`] then, and as the reading methods of [`Queue`].
pub(super) fn check_known<Q: Queue>(queue: &Q, name: &str, more: &str) -> Result<()> {
    if is_known(queue, name)? {
        return Ok(());
    }
    let shown = escape::line(name);
    Err(Error::not_found(format!(
        "there is no queue {shown}: no task was ever enqueued to it, and no worker serves it{more}"
    )))
}

/// Checks the names of the queues that a worker is to serve. Prints a note on standard error for each
/// that nobody has used: the queue may get tasks later, or the name may be mistyped.
///
/// # Errors
/// As the reading methods of [`Queue`].
pub(super) fn check<Q: Queue>(context: &Context<Q>, queues: &ServedQueues) -> Result<(), Failure> {
    let named = queues.names().iter().map(|queue| &*queue.name);
    let named: Vec<&str> = named.filter(|name| *name != DEFAULT_QUEUE).collect();
    if named.is_empty() {
        return Ok(());
    }
    let opened = match context.open(Access::Read) {
        Ok(queue) => Some(queue),
        Err(Error::NotFound { .. }) => None,
        // The worker opens it again and reports the error.
        Err(_) => return Ok(()),
    };
    for name in named {
        let is_known = match &opened {
            Some(queue) => is_known(queue, name)?,
            None => false,
        };
        if !is_known {
            note(&sentence(opened.as_ref(), name)?);
        }
    }
    Ok(())
}

/// Prints a note that nobody has used a queue, which explains an empty result.
pub(super) fn note_unknown<Q: Queue>(queue: &Q, name: &str) -> Result<()> {
    if !is_known(queue, name)? {
        note(&sentence(Some(queue), name)?);
    }
    Ok(())
}

/// Sentence that nobody has used the queue, with the queue that may be meant.
fn sentence<Q: Queue>(queue: Option<&Q>, name: &str) -> Result<String> {
    let mut names = Vec::new();
    if let Some(queue) = queue {
        names = queue
            .queues()?
            .into_iter()
            .map(|queue| queue.name)
            .collect();
        names.retain(|name| Rerun::of(name).is_none());
        names.dedup();
    }
    let mut text = format!(
        "nobody has used queue {name} yet: no task was ever enqueued to it, and it has no settings"
    );
    match names.iter().find(|other| is_like(name, other)) {
        Some(other) => {
            let _ = write!(text, "; did you mean {other}?");
        }
        None if names.is_empty() => {}
        None => {
            names.truncate(MOST_NAMED);
            let _ = write!(text, "; queues that were used: {}", names.join(", "));
        }
    }
    Ok(text)
}
