//! The verbs on hooks.

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::journal::{Cursor, EventKind};

use crate::hook::{DeadLetter, Hook, MOST_HOOKS, NewHook};
use crate::queue::WorkflowQueue;
use crate::slice::Slice as _;
use crate::sqlite::hooks as stored;
use crate::sqlite::transaction::Writing;

/// The hooks of a queue. Their events are delivered by a program that runs
/// [`deliver`](queue_core::watch::deliver::deliver).
#[derive(Clone, Copy, Debug)]
pub struct Hooks<'q> {
    queue: &'q WorkflowQueue,
}

impl WorkflowQueue {
    /// The hooks of this queue.
    pub fn hooks(&self) -> Hooks<'_> {
        Hooks { queue: self }
    }
}

impl Hooks<'_> {
    /// Adds a hook. It gets the events from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values out of their bounds, if there is a hook of that name, and beyond
    /// [`MOST_HOOKS`].
    pub fn add(&self, new: &NewHook) -> Result<()> {
        new.check()?;
        let new = new.clone();
        // Never that of a hook that was removed while an event for it was under way.
        let id = i64::try_from(self.queue.database().random() >> 12).unwrap_or(1);
        self.queue.write(move |writing| {
            let connection = writing.slice.connection;
            if stored::find(connection, &new.name)?.is_some() {
                return Err(Error::invalid(format!(
                    "there is a hook `{}` already; choose another name, or remove it first with `hook \
                     remove`",
                    new.name.escape_debug()
                )));
            }
            if usize::try_from(stored::count(connection)?).is_ok_and(|count| count >= MOST_HOOKS) {
                return Err(Error::invalid(format!(
                    "a file has {MOST_HOOKS} hooks at most"
                )));
            }
            let data = serde_json::json!({ "hook": new.name });
            writing.slice.note(EventKind::HookAdded, &data)?;
            stored::add(connection, (id, &new), writing.now().wall)
        })
    }

    /// All hooks, by name.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn list(&self) -> Result<Vec<Hook>> {
        self.queue.read(stored::list)
    }

    /// The hook of that name, if there is one.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn get(&self, name: &str) -> Result<Option<Hook>> {
        let mut hooks = self.list()?.into_iter();
        Ok(hooks.find(|hook| hook.standing.name == name))
    }

    /// Stops (`true`) the deliveries of a hook, of which one under way ends; or lets it go on where it was
    /// (`false`), from the next event at once. Returns true if that changed anything.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let name = name.to_owned();
        self.queue.write(move |writing| {
            let (id, paused_at) = found(writing, &name)?;
            if paused_at.is_some() == paused {
                return Ok(false);
            }
            let at = paused.then_some(writing.now().wall);
            stored::pause(writing.slice.connection, id, at)?;
            let kind = if paused {
                EventKind::HookPaused
            } else {
                EventKind::HookResumed
            };
            let data = serde_json::json!({ "hook": name });
            writing.slice.note(kind, &data)?;
            Ok(true)
        })
    }

    /// Removes a hook and its dead letters.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.queue.write(move |writing| {
            let (id, _) = found(writing, &name)?;
            stored::remove(writing.slice.connection, id)?;
            let data = serde_json::json!({ "hook": name });
            writing.slice.note(EventKind::HookRemoved, &data)
        })
    }

    /// Sets a hook to another position: it gets the events after it, those that it had already too.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a cursor of another epoch or of another file.
    pub fn replay(&self, name: &str, since: Cursor) -> Result<()> {
        // Refuses a cursor that this file did not give out.
        self.queue.events_after(&since, 1)?;
        let name = name.to_owned();
        self.queue.write(move |writing| {
            let (id, _) = found(writing, &name)?;
            stored::set(writing.slice.connection, id, since)?;
            let data = serde_json::json!({ "hook": name, "cursor": since.to_string() });
            writing.slice.note(EventKind::HookReplayed, &data)
        })
    }

    /// Up to `most` dead letters of a hook or of all, the oldest first.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn dead_letters(&self, hook: Option<&str>, most: u32) -> Result<Vec<DeadLetter>> {
        self.queue
            .read(|connection| stored::dead_letters(connection, hook, most))
    }

    /// Lets dead letters of a hook be delivered again, once each: the one of that number, or all. One
    /// that is taken is deleted. Returns their number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the hook, and for a number that it does not have.
    pub fn retry(&self, hook: &str, letter: Option<i64>) -> Result<usize> {
        self.of_letters(hook, letter, stored::want)
    }

    /// Deletes dead letters of a hook: the one of that number, or all. Returns their number.
    ///
    /// # Errors
    /// As [`retry`](Self::retry).
    pub fn forget(&self, hook: &str, letter: Option<i64>) -> Result<usize> {
        self.of_letters(hook, letter, stored::forget)
    }

    fn of_letters(
        self,
        hook: &str,
        letter: Option<i64>,
        verb: fn(&rusqlite::Connection, i64, Option<i64>) -> Result<usize>,
    ) -> Result<usize> {
        let name = hook.to_owned();
        self.queue.write(move |writing| {
            let (id, _) = found(writing, &name)?;
            let count = verb(writing.slice.connection, id, letter)?;
            match letter {
                Some(letter) if count == 0 => Err(Error::not_found(format!(
                    "hook `{}` has no dead letter {letter}; `hook dead` lists all",
                    name.escape_debug()
                ))),
                _ => Ok(count),
            }
        })
    }

    /// The position of the first event of the retained log.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn beginning(&self) -> Result<Cursor> {
        Ok(Cursor::start(self.queue.events_end()?.epoch))
    }

    /// The position before the events from that time on.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn position_at(&self, at: Timestamp) -> Result<Cursor> {
        self.queue.events_from(at)
    }
}

fn found(writing: &Writing<'_>, name: &str) -> Result<stored::Found> {
    stored::find(writing.slice.connection, name)?.ok_or_else(|| missing(name))
}

/// The error for a name that no hook has.
pub(crate) fn missing(name: &str) -> Error {
    Error::not_found(format!(
        "there is no hook `{}`; `hook list` names all",
        name.escape_debug()
    ))
}
