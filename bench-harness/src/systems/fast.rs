//! `fast-queue`.

use std::path::Path;

use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};

use super::{Engine, EngineName};
use crate::Result;

/// The engine.
pub(crate) struct Fast;

impl Engine for Fast {
    type Queue = FastQueue;

    const NAME: EngineName = EngineName::Fast;

    fn open(path: &Path, durability: Durability) -> Result<FastQueue> {
        Ok(FastQueue::open_with(path, OpenOptions::new(durability)?)?)
    }
}
