//! Planted mistakes of an engine with schedules, which a run has to find.

use workflow_queue::WorkflowQueue;

const FORGET: &str = include_str!("../../../queries/mistake_forget_firing.sql");
const MOVE_BACK: &str = include_str!("../../../queries/mistake_move_back.sql");
const MOVE_ON: &str = include_str!("../../../queries/mistake_move_on.sql");

/// Mistake after a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The schedule moves on by one slot, which is in no record.
    LosesSlot,
    /// The record of the last slot is deleted, and the slot is the next one again.
    FiresTwice,
    /// The record of the last slot is deleted.
    ForgetsRecord,
}

impl Mistake {
    /// All mistakes.
    pub const ALL: [Self; 3] = [Self::LosesSlot, Self::FiresTwice, Self::ForgetsRecord];

    fn statements(self) -> &'static [&'static str] {
        match self {
            Self::LosesSlot => &[MOVE_ON],
            Self::FiresTwice => &[FORGET, MOVE_BACK],
            Self::ForgetsRecord => &[FORGET],
        }
    }

    /// Makes the mistake in the file. A disk that refuses it leaves it to a later firing.
    pub(super) fn make(self, queue: &WorkflowQueue) {
        let _ = queue.database().write(move |connection| {
            for statement in self.statements() {
                connection.execute(statement, [])?;
            }
            Ok(())
        });
    }
}
