//! The required effect of calls on tasks and their dependencies: which tasks wait, may start, or
//! are skipped. The model learns of ends only through the calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use queue_core::claim::Claim;
use queue_core::clock::{BootTime, Timestamp};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Standing};
use workflow_queue::{KeyScope, On, WorkflowTask};

/// Phase of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A dependency is not met yet, or it is held.
    Waits,
    /// Only time, limits and workers keep it from running.
    Free,
    /// It runs under its last claim.
    Runs,
    Ended(State),
}

impl Phase {
    pub(crate) fn is_waiting(self) -> bool {
        matches!(self, Self::Waits | Self::Free)
    }

    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) condition: Condition,
    /// True if the condition was met at the dependency's last end.
    pub(crate) met: bool,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a task"
)]
pub(crate) struct Node {
    pub(crate) phase: Phase,
    pub(crate) held: bool,
    /// True if it was claimed since it was enqueued or retried.
    pub(crate) started: bool,
    pub(crate) after: BTreeMap<TaskId, Edge>,
    pub(crate) workflow: TaskId,
    pub(crate) queue: String,
    pub(crate) limit_key: Option<Vec<u8>>,
    pub(crate) key_scope: KeyScope,
    pub(crate) key_until: Option<Timestamp>,
    pub(crate) priority: i32,
    pub(crate) run_at: Option<Timestamp>,
    pub(crate) start_within: Option<Duration>,
    pub(crate) finish_within: Option<Duration>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) deadline_at: Option<Timestamp>,
    pub(crate) max_attempts: u32,
    pub(crate) max_crashes: u32,
    pub(crate) attempts: u32,
    /// Attempts before its last retry.
    pub(crate) attempts_before: u32,
    /// True if the last ended claim was lost.
    pub(crate) lost: bool,
    pub(crate) crashes: u32,
    pub(crate) cancel_requested: bool,
    /// The last claim, and the end of its lease if it runs.
    pub(crate) claim: Option<Claim>,
    pub(crate) lease_until: BootTime,
    /// True if the worker settled the last claim.
    pub(crate) settled: bool,
    /// Number of attempts that must be recorded.
    pub(crate) recorded: usize,
    pub(crate) pruned: bool,
}

impl Node {
    /// A task of a submission before its edges are known; `ids` are the ids of the submission.
    pub(crate) fn new(task: &WorkflowTask, ids: &[TaskId], now: Timestamp) -> Self {
        let (new, settings) = (&task.task, &task.settings);
        let from = new.run_at.map_or(now, |at| at.max(now));
        let after = task.after.iter().filter_map(|dependency| {
            let (condition, met) = (dependency.condition, false);
            let on = match dependency.on {
                On::Task(on) => on,
                On::Index(index) => ids[index],
                On::Name(_) | _ => return None,
            };
            Some((on, Edge { condition, met }))
        });
        let mut node = Self {
            phase: Phase::Free,
            held: new.held,
            started: false,
            after: after.collect(),
            workflow: TaskId(0),
            queue: new.queue.clone(),
            limit_key: settings.limit_key.clone(),
            key_scope: settings.key_scope,
            key_until: match settings.key_scope {
                KeyScope::For(period) => Some(now.after(period)),
                KeyScope::Forever | KeyScope::WhileUnfinished | _ => None,
            },
            priority: new.priority,
            run_at: new.run_at,
            start_within: settings.start_within,
            finish_within: settings.finish_within,
            expires_at: None,
            deadline_at: None,
            max_attempts: new.options.max_attempts,
            max_crashes: new.options.max_crashes,
            attempts: 0,
            attempts_before: 0,
            lost: false,
            crashes: 0,
            cancel_requested: false,
            claim: None,
            lease_until: BootTime(0),
            settled: false,
            recorded: 0,
            pruned: false,
        };
        node.give_time(from);
        node
    }

    /// Frees the task unless it waits for a dependency or its release.
    fn let_go(&mut self) {
        if !self.held && self.after.values().all(|edge| edge.met) {
            self.phase = Phase::Free;
        }
    }

    /// Begins the time limits of its start and end at `from`.
    pub(crate) fn give_time(&mut self, from: Timestamp) {
        let start = self.start_within.map(|within| from.after(within));
        self.deadline_at = self.finish_within.map(|within| from.after(within));
        self.expires_at = start.into_iter().chain(self.deadline_at).min();
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) nodes: BTreeMap<TaskId, Node>,
    /// The holder of each idempotency key.
    pub(crate) keys: BTreeMap<Vec<u8>, TaskId>,
}

impl Model {
    pub(crate) fn node(&mut self, task: TaskId) -> &mut Node {
        self.nodes.get_mut(&task).expect("the model knows the task")
    }

    pub(crate) fn phase(&self, task: TaskId) -> Phase {
        self.nodes[&task].phase
    }

    /// True for a stored task that was not pruned.
    pub(crate) fn is_stored(&self, task: TaskId) -> bool {
        self.nodes.get(&task).is_some_and(|node| !node.pruned)
    }

    pub(crate) fn stored(&self) -> impl Iterator<Item = (TaskId, &Node)> {
        let nodes = self.nodes.iter().filter(|(_, node)| !node.pruned);
        nodes.map(|(task, node)| (*task, node))
    }

    /// True if the claim's task runs under it.
    pub(crate) fn is_live(&self, claim: Claim) -> bool {
        let node = self.nodes.get(&claim.task);
        node.is_some_and(|node| node.phase == Phase::Runs && node.claim == Some(claim))
    }

    /// The holder of a key, unless the key has expired.
    pub(crate) fn holder(&self, key: &[u8], now: Timestamp) -> Option<TaskId> {
        let holder = *self.keys.get(key)?;
        let node = &self.nodes[&holder];
        let lapsed = match node.key_scope {
            KeyScope::WhileUnfinished => node.phase.has_ended(),
            KeyScope::For(_) => node.key_until.is_some_and(|until| until <= now),
            KeyScope::Forever | _ => false,
        };
        (!lapsed).then_some(holder)
    }

    /// Standing of a dependency. A pruned one counts as met, unless the dependent may have been
    /// skipped because of it.
    fn standing(&self, dependent: TaskId, on: TaskId, condition: Condition) -> Standing {
        let node = &self.nodes[&on];
        match node.phase {
            _ if node.pruned => match self.phase(dependent) {
                Phase::Ended(State::Skipped) => Standing::Impossible,
                Phase::Waits | Phase::Free | Phase::Runs | Phase::Ended(_) => Standing::Met,
            },
            Phase::Ended(state) => condition.standing(state),
            Phase::Waits | Phase::Free | Phase::Runs => Standing::Open,
        }
    }

    /// Adds the tasks of one submission, with open edges to stored tasks and to each other.
    pub(crate) fn submit(&mut self, tasks: Vec<(TaskId, Node)>) {
        let fresh: Vec<TaskId> = tasks.iter().map(|(task, _)| *task).collect();
        self.nodes.extend(tasks);
        let mut never = Vec::new();
        for task in &fresh {
            let stands = |on: &TaskId, edge: &Edge| {
                if fresh.contains(on) {
                    Standing::Open
                } else {
                    self.standing(*task, *on, edge.condition)
                }
            };
            let after = &self.nodes[task].after;
            let stands: Vec<_> = after.iter().map(|(on, edge)| stands(on, edge)).collect();
            let node = self.node(*task);
            for (edge, stands) in node.after.values_mut().zip(&stands) {
                edge.met = *stands == Standing::Met;
            }
            node.phase = if stands.contains(&Standing::Impossible) {
                never.push(*task);
                node.held = false;
                Phase::Ended(State::Skipped)
            } else if stands.contains(&Standing::Open) || node.held {
                Phase::Waits
            } else {
                Phase::Free
            };
        }
        for task in never {
            self.carry_on(task);
        }
    }

    fn waiting_for(&self, task: TaskId) -> Vec<TaskId> {
        let waits = |node: &Node| node.phase == Phase::Waits && node.after.contains_key(&task);
        let found = self.nodes.iter().filter(|(_, node)| waits(node));
        found.map(|(dependent, _)| *dependent).collect()
    }

    /// Applies an end to the dependents that wait for it.
    fn carry_on(&mut self, task: TaskId) {
        for dependent in self.waiting_for(task) {
            let condition = self.nodes[&dependent].after[&task].condition;
            match self.standing(dependent, task, condition) {
                Standing::Open => {}
                Standing::Impossible => self.end(dependent, State::Skipped),
                Standing::Met => {
                    let node = self.node(dependent);
                    if let Some(edge) = node.after.get_mut(&task) {
                        edge.met = true;
                    }
                    node.let_go();
                }
            }
        }
    }

    pub(crate) fn end(&mut self, task: TaskId, state: State) {
        let node = self.node(task);
        node.phase = Phase::Ended(state);
        node.held = false;
        self.carry_on(task);
    }

    /// True if a task ended without success.
    pub(crate) fn may_reopen(&self, task: TaskId) -> bool {
        let node = self.nodes.get(&task).map(|node| node.phase);
        matches!(
            node,
            Some(Phase::Ended(
                State::Failed | State::Cancelled | State::Skipped
            ))
        )
    }

    /// Re-opens an ended task, if its dependencies allow it.
    fn reopen(&mut self, task: TaskId, now: Timestamp) -> bool {
        if !self.may_reopen(task) || self.nodes[&task].pruned {
            return false;
        }
        let after = &self.nodes[&task].after;
        let stands: Vec<_> = after
            .iter()
            .map(|(on, edge)| self.standing(task, *on, edge.condition))
            .collect();
        if stands.contains(&Standing::Impossible) {
            return false;
        }
        let node = self.node(task);
        node.attempts += u32::from(std::mem::take(&mut node.lost));
        node.attempts_before = node.attempts;
        (node.crashes, node.cancel_requested) = (0, false);
        node.run_at = None;
        node.started = false;
        node.give_time(now);
        node.phase = Phase::Free;
        self.look_up(task);
        for dependent in self.waiting_for(task) {
            if let Some(edge) = self.node(dependent).after.get_mut(&task) {
                edge.met = false;
            }
        }
        true
    }

    /// Makes a waiting task wait for exactly the dependencies that are open now.
    fn look_up(&mut self, task: TaskId) {
        let after = &self.nodes[&task].after;
        let open: Vec<bool> = after
            .iter()
            .map(|(on, edge)| self.standing(task, *on, edge.condition) == Standing::Open)
            .collect();
        let node = self.node(task);
        for (edge, open) in node.after.values_mut().zip(&open) {
            edge.met = !open;
        }
        if open.contains(&true) || node.held {
            node.phase = Phase::Waits;
        }
    }

    /// Gives a waiting task another time.
    pub(crate) fn set_time(&mut self, task: TaskId, run_at: Option<Timestamp>, now: Timestamp) {
        let node = self.node(task);
        node.run_at = run_at;
        if !node.started {
            node.give_time(run_at.map_or(now, |at| at.max(now)));
        }
    }

    /// Holds a task. Returns true if it waits and was not held.
    pub(crate) fn hold(&mut self, task: TaskId) -> bool {
        let node = self.node(task);
        if !node.phase.is_waiting() || node.held {
            return false;
        }
        node.held = true;
        self.look_up(task);
        true
    }

    /// Releases a task. Returns true if it was held.
    pub(crate) fn release(&mut self, task: TaskId) -> bool {
        let node = self.node(task);
        if !std::mem::take(&mut node.held) {
            return false;
        }
        node.let_go();
        true
    }

    /// Re-opens tasks and the tasks skipped because of them. Returns the requested tasks that wait
    /// again.
    pub(crate) fn retry(
        &mut self,
        tasks: &[TaskId],
        downstream: bool,
        now: Timestamp,
    ) -> Vec<bool> {
        let ended = self.nodes.iter().filter(|(_, node)| node.phase.has_ended());
        let ended: BTreeSet<TaskId> = ended.map(|(task, _)| *task).collect();
        let wanted: BTreeSet<TaskId> = tasks.iter().copied().collect();
        loop {
            let mut work: Vec<TaskId> = wanted
                .iter()
                .copied()
                .filter(|task| self.nodes.contains_key(task) && self.reopen(*task, now))
                .collect();
            if work.is_empty() {
                break;
            }
            while downstream && let Some(task) = work.pop() {
                let below = |node: &Node| {
                    node.phase == Phase::Ended(State::Skipped) && node.after.contains_key(&task)
                };
                let found = self.nodes.iter().filter(|(_, node)| below(node));
                let found: Vec<TaskId> = found.map(|(task, _)| *task).collect();
                work.extend(found.into_iter().filter(|task| self.reopen(*task, now)));
            }
        }
        let again =
            |model: &Self, task: &TaskId| ended.contains(task) && !model.phase(*task).has_ended();
        for task in &ended {
            if again(self, task) {
                self.look_up(*task);
            }
        }
        tasks.iter().map(|task| again(self, task)).collect()
    }

    /// True if `task` depends on `other`, at any distance.
    fn is_above(&self, other: TaskId, task: TaskId) -> bool {
        let node = &self.nodes[&task];
        let above = || node.after.keys().any(|on| self.is_above(other, *on));
        task == other || (!node.pruned && above())
    }

    /// True if an edge may be added.
    pub(crate) fn can_link(&self, edge: workflow_queue::Edge) -> bool {
        let Some(node) = self.nodes.get(&edge.dependent).filter(|node| !node.pruned) else {
            return false;
        };
        let known = node.after.get(&edge.on);
        let fresh = known.is_none();
        node.phase.is_waiting()
            && edge.dependent != edge.on
            && known.is_none_or(|known| known.condition == edge.condition)
            && !(fresh && (!self.is_stored(edge.on) || self.is_above(edge.dependent, edge.on)))
    }

    /// Adds an edge, which must be allowed.
    pub(crate) fn link(&mut self, edge: workflow_queue::Edge) {
        let (task, condition) = (edge.dependent, edge.condition);
        if self.nodes[&task].after.contains_key(&edge.on) {
            return;
        }
        let met = false;
        let after = &mut self.node(task).after;
        after.insert(edge.on, Edge { condition, met });
        if self.standing(task, edge.on, condition) == Standing::Impossible {
            return self.end(task, State::Skipped);
        }
        self.look_up(task);
    }
}
