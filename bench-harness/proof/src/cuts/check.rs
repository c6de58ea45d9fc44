//! Checks of a file after a power cut: the shipped engine opens it, it is sound, its rows are known,
//! and it accepts another task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use queue_core::NewTask;
use queue_core::sqlite::Durability;
use workflow_queue::{Promotion, promote_file};

use crate::digest::{complaints, digest};
use crate::disk::{Disk, Event, Image};
use crate::test_machine::{Engine, Manner, Opened, TestMachine};

/// Options for opening a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Engine that opens it.
    pub(super) engine: Engine,
    /// A promotion may have begun; finish it first.
    pub(super) promotes: bool,
    /// Open it as a worker does, which empties the log, and record the disk's events.
    pub(super) observed: bool,
    /// Verify every invariant after enqueueing another task.
    pub(super) verified: bool,
}

/// Result of opening a file.
#[derive(Debug)]
pub(super) struct Found {
    /// Digest of its rows.
    pub(super) state: u64,
    /// Recorded recovery, if it was observed.
    pub(super) recovery: Option<Recovery>,
}

/// A recorded recovery.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Events of the disk; an [`Event::Mark`] stands for the file's being opened, and another for the
    /// acknowledgement of one more task.
    pub(super) log: Vec<Event>,
    /// Digest of the rows after opening.
    pub(super) opened: u64,
    /// Digest of the rows with one more task.
    pub(super) written: u64,
}

/// Machine on which files are opened.
#[derive(Debug)]
pub(super) struct Check {
    tested: TestMachine,
    durability: Durability,
}

/// Result, or a fault in words.
type Checked<T> = std::result::Result<T, String>;

fn with_context(what: &str) -> impl Fn(queue_core::Error) -> String {
    move |error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{what}: {error} ({})", cause.unwrap_or_default())
    }
}

impl Check {
    pub(super) fn new(tested: TestMachine, durability: Durability) -> Self {
        Self { tested, durability }
    }

    /// Opens a file after a cut with the shipped engine.
    pub(super) fn open(&mut self, image: &Image, ask: Ask) -> Checked<Found> {
        self.caught(|check| check.try_open(image, ask))
    }

    /// Digest of a file's rows, without an engine.
    pub(super) fn look(&mut self, image: &Image) -> Checked<u64> {
        self.caught(|check| {
            check.tested.boot(image);
            check.look_now()
        })
    }

    fn try_open(&mut self, image: &Image, ask: Ask) -> Checked<Found> {
        self.tested.boot(image);
        let manner = Manner {
            durability: self.durability,
            one_shot: !ask.observed,
        };
        if ask.observed {
            self.tested.machine().disk(Disk::record);
        }
        let before = if ask.promotes {
            Some(self.look_now()?)
        } else {
            None
        };
        if before.is_some_and(|before| before != 0) {
            self.promote(manner)?;
        }
        let opened = self.tested.open(ask.engine, manner);
        let opened = opened.map_err(with_context("not opened"))?;
        let seen = self.examine(&opened, manner)?;
        self.tested.machine().disk(|disk| disk.mark(0));
        let task = NewTask::shell("after the cut", "true");
        opened.enqueue(task).map_err(with_context("not written"))?;
        if ask.verified {
            let broken = opened.broken().map_err(with_context("not verified"))?;
            if !broken.is_empty() {
                return Err(format!("broken invariants: {}", broken.join("; ")));
            }
        }
        let recovery = if ask.observed {
            Some(self.recovered(seen)?)
        } else {
            None
        };
        Ok(Found {
            state: before.unwrap_or(seen),
            recovery,
        })
    }

    fn recovered(&self, opened: u64) -> Checked<Recovery> {
        let log = self.tested.machine().disk(|disk| {
            disk.mark(1);
            disk.take_log()
        });
        let written = self.look_now()?;
        Ok(Recovery {
            log,
            opened,
            written,
        })
    }

    /// Turns a panic into a fault.
    fn caught<T>(&mut self, work: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(format!("a panic: {}", text.unwrap_or_default()))
        })
    }

    fn promote(&self, manner: Manner) -> Checked<()> {
        let options = self.tested.options(manner);
        let promoted = options.and_then(|options| promote_file(self.tested.path(), options));
        match promoted.map_err(with_context("not promoted"))? {
            Promotion::Done => Ok(()),
            Promotion::Waiting(_) => {
                Err("a promotion waits although no worker is registered".to_owned())
            }
        }
    }

    /// Reads through the engine's own connection if it has only one.
    fn examine(&self, opened: &Opened, manner: Manner) -> Checked<u64> {
        if manner.one_shot {
            let seen = opened
                .database()
                .read(|connection| Ok(digest_of_sound(connection)));
            return seen.map_err(with_context("not read"))?;
        }
        self.look_now()
    }

    fn look_now(&self) -> Checked<u64> {
        digest_of_sound(&self.tested.look().map_err(|error| error.to_string())?)
    }
}

/// Digest of a sound file's rows.
fn digest_of_sound(connection: &rusqlite::Connection) -> Checked<u64> {
    let complaints = complaints(connection).map_err(|error| error.to_string())?;
    if complaints.is_empty() {
        return digest(connection).map_err(|error| error.to_string());
    }
    Err(format!("damaged: {}", complaints.join("; ")))
}
