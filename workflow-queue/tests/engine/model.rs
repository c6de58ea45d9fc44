//! A model of workflows as simple as the promises: who waits, who may run, who is skipped.

use std::collections::{BTreeMap, BTreeSet};

use queue_core::claim::Claim;
use queue_core::state::State;
use queue_core::workflow::{Condition, Standing};

/// Crashes after which a task has failed.
pub(crate) const MAX_CRASHES: u32 = 2;

/// A task as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) state: State,
    pub(crate) after: BTreeMap<usize, Condition>,
    /// The dependencies that held, while it waits for others.
    pub(crate) met: BTreeSet<usize>,
    pub(crate) limited: bool,
    pub(crate) crashes: u32,
    pub(crate) cancel_requested: bool,
    pub(crate) claim: Option<Claim>,
    pub(crate) lease_until: u64,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) nodes: Vec<Node>,
    /// Every claim ever made, most of them stale.
    pub(crate) claims: Vec<Claim>,
    pub(crate) boot: u64,
}

impl Model {
    fn standing(&self, on: usize, condition: Condition) -> Standing {
        condition.standing(self.nodes[on].state)
    }

    /// Starts or restarts a task according to how its dependencies stand.
    pub(crate) fn settle_in(&mut self, node: usize) {
        let after = self.nodes[node].after.clone();
        let stands = |model: &Self, wanted| {
            let of = after
                .iter()
                .filter(|(on, condition)| model.standing(**on, **condition) == wanted);
            of.map(|(on, _)| *on).collect::<BTreeSet<_>>()
        };
        if !stands(self, Standing::Impossible).is_empty() {
            self.nodes[node].state = State::Skipped;
            self.ended(node);
            return;
        }
        self.nodes[node].met = stands(self, Standing::Met);
        let ready = self.nodes[node].met.len() == after.len();
        self.nodes[node].state = if ready { State::Queued } else { State::Blocked };
    }

    fn waiting_for(&self, task: usize) -> Vec<usize> {
        let waits = |node: &Node| node.state == State::Blocked && node.after.contains_key(&task);
        (0..self.nodes.len())
            .filter(|&node| waits(&self.nodes[node]))
            .collect()
    }

    fn ended(&mut self, task: usize) {
        for dependent in self.waiting_for(task) {
            let condition = self.nodes[dependent].after[&task];
            match self.standing(task, condition) {
                Standing::Open => {}
                Standing::Impossible => {
                    self.nodes[dependent].state = State::Skipped;
                    self.ended(dependent);
                }
                Standing::Met => {
                    let node = &mut self.nodes[dependent];
                    node.met.insert(task);
                    if node.met.len() == node.after.len() {
                        node.state = State::Queued;
                    }
                }
            }
        }
    }

    pub(crate) fn end(&mut self, task: usize, state: State) {
        self.nodes[task].state = state;
        self.nodes[task].claim = None;
        if state.is_terminal() {
            self.ended(task);
        }
    }

    pub(crate) fn crash(&mut self, task: usize) {
        let node = &mut self.nodes[task];
        node.crashes += 1;
        let state = if node.cancel_requested {
            State::Cancelled
        } else if node.crashes >= MAX_CRASHES {
            State::Failed
        } else {
            State::Queued
        };
        self.end(task, state);
    }

    fn reopen(&mut self, task: usize) -> bool {
        let former = self.nodes[task].state;
        if !matches!(former, State::Failed | State::Cancelled | State::Skipped) {
            return false;
        }
        let impossible = |(on, condition): (&usize, &Condition)| {
            self.standing(*on, *condition) == Standing::Impossible
        };
        if self.nodes[task].after.iter().any(impossible) {
            return false;
        }
        let node = &mut self.nodes[task];
        (node.crashes, node.cancel_requested) = (0, false);
        self.settle_in(task);
        for dependent in self.waiting_for(task) {
            self.nodes[dependent].met.remove(&task);
        }
        true
    }

    pub(crate) fn retry(&mut self, tasks: &[usize], downstream: bool) -> Vec<bool> {
        let wanted: BTreeSet<usize> = tasks.iter().copied().collect();
        let before: Vec<State> = self.nodes.iter().map(|node| node.state).collect();
        loop {
            let mut work: Vec<usize> = wanted
                .iter()
                .copied()
                .filter(|&task| self.reopen(task))
                .collect();
            let progress = !work.is_empty();
            while downstream && let Some(task) = work.pop() {
                for node in 0..self.nodes.len() {
                    let skipped = self.nodes[node].state == State::Skipped;
                    if skipped && self.nodes[node].after.contains_key(&task) && self.reopen(node) {
                        work.push(node);
                    }
                }
            }
            if !progress {
                break;
            }
        }
        let reopened = |model: &Self, task: usize| {
            before[task].is_terminal() && !model.nodes[task].state.is_terminal()
        };
        for task in 0..self.nodes.len() {
            if reopened(self, task) {
                self.settle_in(task);
            }
        }
        tasks.iter().map(|task| reopened(self, *task)).collect()
    }

    /// Whether `task` waits for `other`, however far up.
    fn is_above(&self, other: usize, task: usize) -> bool {
        task == other
            || self.nodes[task]
                .after
                .keys()
                .any(|&on| self.is_above(other, on))
    }

    /// Makes a waiting task wait for another; false if that is refused.
    pub(crate) fn link(&mut self, dependent: usize, on: usize, condition: Condition) -> bool {
        let node = &self.nodes[dependent];
        let known = node.after.get(&on);
        if !node.state.is_waiting()
            || known.is_some_and(|known| *known != condition)
            || self.is_above(dependent, on)
        {
            return false;
        }
        if known.is_some() {
            return true;
        }
        if self.standing(on, condition) == Standing::Impossible {
            self.nodes[dependent].after.insert(on, condition);
            self.end(dependent, State::Skipped);
            return true;
        }
        let mut after = node.after.clone();
        after.insert(on, condition);
        let open = |(on, condition): &(&usize, &Condition)| {
            self.standing(**on, **condition) == Standing::Open
        };
        let met: BTreeSet<_> = after
            .iter()
            .filter(|edge| !open(edge))
            .map(|(on, _)| *on)
            .collect();
        let node = &mut self.nodes[dependent];
        if met.len() < after.len() {
            node.state = State::Blocked;
        }
        (node.met, node.after) = (met, after);
        true
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.state == State::Running)
    }

    pub(crate) fn live(&self, claim: Claim) -> Option<usize> {
        let found = self.running().find(|(_, node)| node.claim == Some(claim));
        found.map(|(task, _)| task)
    }
}
