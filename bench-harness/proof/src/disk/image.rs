//! What a power cut leaves.

use std::collections::BTreeMap;
use std::fmt;

use crate::mix::Mix;

/// The content of a disk when the machine starts again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Every file by its name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// A number that tells images apart.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Mix::default();
        for (name, content) in &self.files {
            hash.bytes(name.as_bytes());
            hash.bytes(content);
        }
        hash.value()
    }
}

/// How a power cut deals with what was not synced.
#[derive(Clone, Debug)]
pub enum Guess {
    /// None of it is there.
    Nothing,
    /// All of it is there.
    Everything,
    /// Each change is there, is not, or in part.
    Random(RandomGuess),
}

/// What is drawn by lot at a power cut.
#[derive(Clone)]
pub struct RandomGuess {
    seed: u64,
    lots: fastrand::Rng,
    /// How many of 256 changes are kept.
    kept: u8,
    /// Of the others, how many of 256 are there in part.
    torn: u8,
    /// Only changes before some place are kept: the disk wrote in order.
    in_order: bool,
    /// Where that place is, of 65,536.
    until: u16,
}

impl fmt::Debug for RandomGuess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.seed)
    }
}

impl Guess {
    /// The guess that `seed` determines.
    pub fn random(seed: u64) -> Self {
        let mut lots = fastrand::Rng::with_seed(seed);
        let in_order = lots.u8(..) < 96;
        Self::Random(RandomGuess {
            seed,
            kept: lots.choice([16, 128, 240, 252]).unwrap_or(128),
            torn: lots.choice([0, 32, 128]).unwrap_or(0),
            in_order,
            until: lots.u16(..),
            lots,
        })
    }

    pub(super) fn keeps_name(&mut self) -> bool {
        self.keeps()
    }

    /// Whether the change at `place` of so many is there.
    pub(super) fn keeps_change(&mut self, place: usize, of: usize) -> bool {
        match self {
            Self::Random(guess) if guess.in_order => {
                place * usize::from(u16::MAX) < of * usize::from(guess.until)
            }
            Self::Nothing | Self::Everything | Self::Random(_) => self.keeps(),
        }
    }

    fn keeps(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Random(guess) => guess.lots.u8(..) < guess.kept,
        }
    }

    /// Whether a write that is not there is there in part.
    pub(super) fn tears(&mut self) -> bool {
        match self {
            Self::Nothing | Self::Everything => false,
            Self::Random(guess) => guess.lots.u8(..) < guess.torn,
        }
    }

    pub(super) fn keeps_sector(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Random(guess) => guess.lots.bool(),
        }
    }
}
