//! Drawings of workflows: layers, the order in them, positions, and the picture. Pure functions.

mod draw;
mod group;
mod layout;

pub(super) use draw::picture;
pub(super) use group::grouped;
pub(super) use layout::layers;

use crate::state::State;
use crate::workflow::Condition;

/// Graph whose edges lead from a task to a dependent of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Arrow>,
}

/// Box of a drawing: a task, or several of them.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Id of the task; `None` for several.
    pub(super) id: Option<i64>,
    /// Name.
    pub(super) name: String,
    /// Number of its tasks in each state, by the state's code.
    pub(super) states: [u64; 8],
    /// True for the task that the page is about.
    pub(super) is_focus: bool,
}

/// Edge of a drawing, between positions in the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) condition: Condition,
}

impl Node {
    /// Number of its tasks.
    pub(super) fn count(&self) -> u64 {
        self.states.iter().sum()
    }

    /// The state that most needs to be seen.
    pub(super) fn state(&self) -> Option<State> {
        const ORDER: [State; 8] = [
            State::Failed,
            State::Running,
            State::Cancelled,
            State::Skipped,
            State::Queued,
            State::Scheduled,
            State::Blocked,
            State::Succeeded,
        ];
        let mut order = ORDER.into_iter();
        order.find(|state| self.states[*state as usize] > 0)
    }
}
