//! Tasks that dead workers leave.

use crate::claim::Claim;
use crate::state::State;

/// Task returned from a dead worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// Claim of the dead worker.
    pub claim: Claim,
    /// New state of the task: queued, failed or cancelled.
    pub state: State,
}
