//! The baseline: `posix_spawn` and `wait`.

use super::Runner;
use crate::probe;

pub(super) const RUNNER: Runner = Runner {
    name: "bare spawn",
    needs: None,
    note: "a loop of posix_spawn and wait; keeps nothing",
    run: |batch| probe::spawns(batch.commands, batch.slots),
};
