//! The only module that takes random numbers from the system. Everything else receives a source.

use std::fmt;
use std::sync::Mutex;

/// Source of random numbers: the system's, or a seeded one in a simulation.
pub trait Random: Send + Sync + fmt::Debug {
    /// 64 uniformly distributed bits.
    fn bits(&self) -> u64;
}

/// Generator seeded from the operating system.
#[derive(Debug)]
pub struct SystemRandom(Mutex<fastrand::Rng>);

impl SystemRandom {
    /// Seeds a generator from the operating system.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn new() -> crate::Result<Self> {
        let seed = getrandom::u64().map_err(|error| crate::Error::Bug {
            what: format!("the operating system gave no random bytes: {error}"),
        })?;
        Ok(Self::seeded(seed))
    }

    /// Makes the generator that `seed` determines.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for SystemRandom {
    fn bits(&self) -> u64 {
        let mut generator = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        generator.u64(..)
    }
}
