//! A script as it was played, with everything that happened on the disk.

use queue_core::sqlite::Durability;
use queue_core::{Error, Result};

use super::Config;
use crate::digest::digest;
use crate::disk::Event;
use crate::test_machine::{Engine, Manner, TestMachine};
use crate::workload::{Player, Script, Step};

/// A mistake that has to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The disk answers a sync and does not do it.
    LyingSync,
    /// The engine does not sync at all.
    SynchronousOff,
    /// The engine syncs as for `fast` and promises `full`.
    NormalForFull,
    /// The engine answers before it commits.
    EarlyReply,
}

impl Plant {
    /// Every mistake there is.
    pub const ALL: [Self; 4] = [
        Self::LyingSync,
        Self::SynchronousOff,
        Self::NormalForFull,
        Self::EarlyReply,
    ];
}

/// A script as it was played.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(super) seed: u64,
    pub(super) engine: Engine,
    /// What was promised.
    pub(super) durability: Durability,
    /// What happened. [`Event::Mark`] says that so many calls have been answered.
    pub(super) events: Vec<Event>,
    pub(super) steps: Vec<Step>,
    /// What the file said after each call.
    pub(super) states: Vec<u64>,
    /// The rows are answered for from the call before on: see [`Plant::EarlyReply`].
    pub(super) early: bool,
}

impl Recording {
    /// Has the shipped engine play the script of a seed.
    ///
    /// # Errors
    /// When a file cannot be opened or read on a disk that does not fail.
    pub fn make(seed: u64, config: &Config, durability: Durability) -> Result<Self> {
        let script = Script::new(seed, config.calls);
        let tested = TestMachine::new(seed).map_err(|error| Error::io("no folder", error))?;
        tested.machine().disk(|disk| {
            disk.record();
            disk.lies = config.plant == Some(Plant::LyingSync);
        });
        let manner = Manner {
            durability: match config.plant {
                Some(Plant::NormalForFull) => Durability::Fast,
                _ => durability,
            },
            // The other half stays open, as a worker does.
            one_shot: seed.is_multiple_of(2),
        };
        let mut player = Player::new(seed, script.engine, manner);
        let mut states = Vec::new();
        let mut events = Vec::new();
        let mut look = None;
        for (place, step) in script.steps.iter().enumerate() {
            if matches!(step, Step::Open | Step::Promote) {
                look = None;
            }
            // What a call refuses is no matter here; what it wrote is.
            let answer = player.play(*step, &tested);
            if player.opened().is_none() {
                answer?;
            }
            if config.plant == Some(Plant::SynchronousOff) {
                player.sync_off()?;
            }
            let connection = match look.take() {
                Some(connection) => connection,
                None => tested.look()?,
            };
            states.push(digest(&connection)?);
            look = Some(connection);
            tested.machine().disk(|disk| {
                disk.mark(place + 1);
                events.extend(disk.take_log());
            });
        }
        Ok(Self {
            seed,
            engine: script.engine,
            durability,
            events,
            steps: script.steps,
            states,
            early: config.plant == Some(Plant::EarlyReply),
        })
    }
}
