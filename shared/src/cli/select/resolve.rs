//! Tasks that are selected by name or key.

use super::super::escape;
use super::{Selector, show};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::task::TaskId;

/// Most tasks of one name that the refusal of an ambiguous name lists.
const MOST_LISTED: usize = 10;

const BY_NAME: &str = "name:";
const BY_KEY: &str = "key:";

/// True for a text that selects a task by its name or its key.
pub fn is_named(text: &str) -> bool {
    text.starts_with(BY_NAME) || text.starts_with(BY_KEY)
}

/// Reads `name:build` and `key:nightly`; `None` without a name or key.
pub(super) fn parse(text: &str) -> Option<Selector> {
    let rest = |begin| {
        let rest: Option<&str> = text.strip_prefix(begin);
        rest.filter(|rest| !rest.is_empty()).map(str::to_owned)
    };
    let name = rest(BY_NAME).map(Selector::Name);
    name.or_else(|| rest(BY_KEY).map(Selector::Key))
}

/// The selectors, with the id of its task in place of each name and key.
///
/// # Errors
/// [`Error::NotFound`] if no task has the name or key; [`Error::Invalid`] if several have the name.
pub(in super::super) fn resolve<Q: Queue>(
    queue: &Q,
    selectors: &[Selector],
) -> Result<Vec<Selector>> {
    let mut resolved = Vec::with_capacity(selectors.len());
    for selector in selectors {
        resolved.push(match selector {
            Selector::Name(name) => Selector::One(of_name(queue, name)?),
            Selector::Key(key) => Selector::One(of_key(queue, key)?),
            Selector::One(_) | Selector::Range(_) | Selector::Last | Selector::All => {
                selector.clone()
            }
        });
    }
    Ok(resolved)
}

fn of_name<Q: Queue>(queue: &Q, name: &str) -> Result<TaskId> {
    let mut ids = queue.named(name, MOST_LISTED + 1)?;
    let shown = escape::line(name);
    match ids.as_slice() {
        [] => Err(Error::not_found(format!("there is no task named {shown}"))),
        [id] => Ok(*id),
        _ => {
            let more = if ids.len() > MOST_LISTED { ", ..." } else { "" };
            ids.truncate(MOST_LISTED);
            ids.sort_unstable();
            Err(Error::invalid(format!(
                "several tasks are named {shown}: {}{more}; choose one by its id",
                show(&ids)
            )))
        }
    }
}

fn of_key<Q: Queue>(queue: &Q, key: &str) -> Result<TaskId> {
    let found = queue.keyed(key.as_bytes())?;
    found.ok_or_else(|| Error::not_found(format!("no task has the key {}", escape::line(key))))
}
