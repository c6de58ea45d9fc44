//! A played script, with every event of the disk.

use queue_core::sqlite::Durability;
use queue_core::{Error, Result};

use super::Config;
use crate::digest::digest;
use crate::disk::Event;
use crate::test_machine::{Engine, Manner, TestMachine};
use crate::workload::{Player, Script, Step};

/// A deliberate mistake that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The disk acknowledges syncs without doing them.
    LyingSync,
    /// The engine never syncs.
    SynchronousOff,
    /// The engine syncs as for `fast` and promises `full`.
    NormalForFull,
    /// The engine acknowledges before it commits.
    EarlyReply,
}

impl Plant {
    /// All mistakes.
    pub const ALL: [Self; 4] = [
        Self::LyingSync,
        Self::SynchronousOff,
        Self::NormalForFull,
        Self::EarlyReply,
    ];
}

/// A played script.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(super) seed: u64,
    pub(super) engine: Engine,
    /// Promised durability.
    pub(super) durability: Durability,
    /// Events of the disk. An [`Event::Mark`] holds the number of calls acknowledged so far.
    pub(super) events: Vec<Event>,
    pub(super) steps: Vec<Step>,
    /// Digest of the rows after each call.
    pub(super) states: Vec<u64>,
    /// Rows count as acknowledged one call early: see [`Plant::EarlyReply`].
    pub(super) early: bool,
}

impl Recording {
    /// Plays the script of a seed with the shipped engine.
    ///
    /// # Errors
    /// When a file cannot be opened or read on a disk without faults.
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
            // A refused call is fine here; only its writes matter.
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
