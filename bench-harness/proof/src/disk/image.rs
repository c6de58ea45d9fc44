//! Content of a disk after a power cut.

use std::collections::BTreeMap;
use std::fmt;

use crate::mix::Mix;

/// Content of a disk when the machine starts again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Every file by its name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// A hash that distinguishes images.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Mix::default();
        for (name, content) in &self.files {
            hash.bytes(name.as_bytes());
            hash.bytes(content);
        }
        hash.value()
    }
}

/// Effect of a power cut on unsynced changes.
#[derive(Clone, Debug)]
pub enum Guess {
    /// All of them are lost.
    Nothing,
    /// All of them are kept.
    Everything,
    /// Each change is kept, lost, or torn.
    Random(RandomGuess),
}

/// Random choices of a power cut.
#[derive(Clone)]
pub struct RandomGuess {
    seed: u64,
    rng: fastrand::Rng,
    /// Number of changes in 256 that are kept.
    kept: u8,
    /// Number of the other changes in 256 that are torn.
    torn: u8,
    /// The disk wrote in order: only changes before `until` are kept.
    in_order: bool,
    /// End of the kept changes as a fraction of 65,536.
    until: u16,
}

impl fmt::Debug for RandomGuess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.seed)
    }
}

impl Guess {
    /// The guess determined by `seed`.
    pub fn random(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let in_order = rng.u8(..) < 96;
        Self::Random(RandomGuess {
            seed,
            kept: rng.choice([16, 128, 240, 252]).unwrap_or(128),
            torn: rng.choice([0, 32, 128]).unwrap_or(0),
            in_order,
            until: rng.u16(..),
            rng,
        })
    }

    pub(super) fn keeps_name(&mut self) -> bool {
        self.keeps()
    }

    /// Returns true if the change at `index` of `of` is kept.
    pub(super) fn keeps_change(&mut self, index: usize, of: usize) -> bool {
        match self {
            Self::Random(guess) if guess.in_order => {
                index * usize::from(u16::MAX) < of * usize::from(guess.until)
            }
            Self::Nothing | Self::Everything | Self::Random(_) => self.keeps(),
        }
    }

    fn keeps(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Random(guess) => guess.rng.u8(..) < guess.kept,
        }
    }

    /// Returns true if a lost write is kept in part.
    pub(super) fn tears(&mut self) -> bool {
        match self {
            Self::Nothing | Self::Everything => false,
            Self::Random(guess) => guess.rng.u8(..) < guess.torn,
        }
    }

    pub(super) fn keeps_sector(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Random(guess) => guess.rng.bool(),
        }
    }
}
