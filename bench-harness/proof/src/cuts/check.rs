//! What is asked of a file after a power cut: that the shipped engine opens it, that it is sound,
//! what it says, and that it takes another task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use queue_core::NewTask;
use queue_core::sqlite::Durability;
use workflow_queue::{Promotion, promote_file};

use crate::digest::{complaints, digest};
use crate::disk::{Disk, Event, Image};
use crate::test_machine::{Engine, Manner, Opened, TestMachine};

/// How a file is to be opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// By whom.
    pub(super) engine: Engine,
    /// A promotion may have begun, and is finished first.
    pub(super) promotes: bool,
    /// As a worker does, which empties the log, and written down.
    pub(super) observed: bool,
    /// Every invariant is verified once it has taken another task.
    pub(super) verified: bool,
}

/// What a file said.
#[derive(Debug)]
pub(super) struct Found {
    /// Its rows.
    pub(super) state: u64,
    /// How it was recovered, if that was observed.
    pub(super) recovery: Option<Recovery>,
}

/// A recovery that was observed.
#[derive(Debug)]
pub(super) struct Recovery {
    /// What happened on the disk; [`Event::Mark`] says that it was opened, and that a task more was
    /// answered for.
    pub(super) log: Vec<Event>,
    /// The rows once it was opened.
    pub(super) opened: u64,
    /// The rows with one task more.
    pub(super) written: u64,
}

/// Where files are opened.
#[derive(Debug)]
pub(super) struct Check {
    tested: TestMachine,
    durability: Durability,
}

/// What was found, or what is wrong.
type Answer<T> = std::result::Result<T, String>;

fn told(what: &str) -> impl Fn(queue_core::Error) -> String {
    move |error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{what}: {error} ({})", cause.unwrap_or_default())
    }
}

impl Check {
    pub(super) fn new(tested: TestMachine, durability: Durability) -> Self {
        Self { tested, durability }
    }

    /// Has the shipped engine open a file after a cut.
    pub(super) fn open(&mut self, image: &Image, ask: Ask) -> Answer<Found> {
        self.caught(|check| check.try_open(image, ask))
    }

    /// What a file says, whoever opens it.
    pub(super) fn look(&mut self, image: &Image) -> Answer<u64> {
        self.caught(|check| {
            check.tested.boot(image);
            check.look_now()
        })
    }

    fn try_open(&mut self, image: &Image, ask: Ask) -> Answer<Found> {
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
        let opened = opened.map_err(told("not opened"))?;
        let seen = self.examine(&opened, manner)?;
        self.tested.machine().disk(|disk| disk.mark(0));
        let task = NewTask::shell("after the cut", "true");
        opened.enqueue(task).map_err(told("not written"))?;
        if ask.verified {
            let broken = opened.broken().map_err(told("not verified"))?;
            if !broken.is_empty() {
                return Err(format!("this does not hold: {}", broken.join("; ")));
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

    fn recovered(&self, opened: u64) -> Answer<Recovery> {
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

    /// Nothing may panic.
    fn caught<T>(&mut self, work: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(format!("a panic: {}", text.unwrap_or_default()))
        })
    }

    fn promote(&self, manner: Manner) -> Answer<()> {
        let options = self.tested.options(manner);
        let promoted = options.and_then(|options| promote_file(self.tested.path(), options));
        match promoted.map_err(told("not promoted"))? {
            Promotion::Done => Ok(()),
            Promotion::Waiting(_) => Err("a promotion waits for nobody".to_owned()),
        }
    }

    /// Through the engine's connection where it has but one.
    fn examine(&self, opened: &Opened, manner: Manner) -> Answer<u64> {
        if manner.one_shot {
            let seen = opened.database().read(|connection| Ok(said(connection)));
            return seen.map_err(told("not read"))?;
        }
        self.look_now()
    }

    fn look_now(&self) -> Answer<u64> {
        said(&self.tested.look().map_err(|error| error.to_string())?)
    }
}

/// What a sound file says.
fn said(connection: &rusqlite::Connection) -> Answer<u64> {
    let complaints = complaints(connection).map_err(|error| error.to_string())?;
    if complaints.is_empty() {
        return digest(connection).map_err(|error| error.to_string());
    }
    Err(format!("damaged: {}", complaints.join("; ")))
}
