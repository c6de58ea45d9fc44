//! Executions in a worker's slots, found by their claims however many there are.

use std::collections::HashMap;

use super::super::execution::Execution;
use crate::claim::Claim;

/// Executions that have not ended.
#[derive(Debug, Default)]
pub(super) struct Executions {
    all: Vec<Execution>,
    positions: HashMap<Claim, usize>,
}

impl Executions {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn push(&mut self, execution: Execution) {
        self.positions.insert(execution.claim, self.all.len());
        self.all.push(execution);
    }

    pub(super) fn contains(&self, claim: Claim) -> bool {
        self.positions.contains_key(&claim)
    }

    pub(super) fn get_mut(&mut self, claim: Claim) -> Option<&mut Execution> {
        let position = *self.positions.get(&claim)?;
        self.all.get_mut(position)
    }

    /// Takes the execution of a claim out of its slot; the last one gets its position.
    pub(super) fn take(&mut self, claim: Claim) -> Option<Execution> {
        let position = self.positions.remove(&claim)?;
        let execution = self.all.swap_remove(position);
        if let Some(moved) = self.all.get(position) {
            self.positions.insert(moved.claim, position);
        }
        Some(execution)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Execution> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Execution> {
        self.all.iter_mut()
    }
}
