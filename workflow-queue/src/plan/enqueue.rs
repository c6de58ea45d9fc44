//! Enqueue: adds tasks with their dependencies, and edges between stored tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use queue_core::QueueSet;
use queue_core::error::{Error, Result};
use queue_core::queue::Enqueued;
use queue_core::queue_ids::Learned;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Edge, Standing};

use super::ended::EndedTask;
use super::writing::Writing;
use crate::graph::{self, Node};
use crate::slice::{Inserted, NewRow, Slice, TaskChange, Workflow};
use crate::submission::Submission;
use crate::workflow_task::{OnConflict, WorkflowTask};

/// The first state of a submitted task, as its dependencies decide it.
#[derive(Clone, Copy, Debug, Default)]
struct FirstState {
    /// Number of dependencies that have not ended.
    pending: u32,
    /// A dependency that can no longer meet its condition, so that the task never starts.
    never: Option<TaskId>,
    /// True if it has dependencies, ended or not.
    depends: bool,
}

impl<S: Slice> Writing<S> {
    /// Enqueues a submission.
    pub(crate) fn enqueue(&mut self, submission: &Submission) -> Result<Vec<Enqueued>> {
        let workflow = self.workflow(submission)?;
        // Read before the insert: the new tasks may wait for the spawner too.
        let held = self.waiting_for_spawner(submission)?;
        let enqueued = if submission.edges.is_empty() {
            let tasks: Vec<&WorkflowTask> = submission.tasks.iter().collect();
            self.insert(submission, workflow, &tasks, |_| FirstState::default())?
        } else {
            self.insert_graph(submission, workflow)?
        };
        let own = match workflow {
            Workflow::Of(own) if submission.spawner.is_some() => Some(own),
            Workflow::None | Workflow::Of(_) | Workflow::New => None,
        };
        let links = self.links(submission, own, &enqueued, &held)?;
        let linked = self.link(&links);
        linked.map_err(|error| by_label(error, &submission.tasks, &enqueued))?;
        Ok(enqueued)
    }

    /// The workflow of the tasks: the spawner's, that of the first stored task they depend on, or a
    /// new one.
    fn workflow(&mut self, submission: &Submission) -> Result<Workflow> {
        let stored = submission.edges.iter().filter_map(|edge| match edge.on {
            Node::Stored(task) => Some(task),
            Node::Place(_) => None,
        });
        let of = if let Some(claim) = submission.spawner {
            let found = self.slice.executions(&[claim])?.into_iter().flatten();
            if !found
                .map(|one| one.state)
                .any(|state| state == State::Running)
            {
                return Err(Error::ClaimLost { task: claim.task.0 });
            }
            Some(claim.task)
        } else {
            stored.min()
        };
        if let Some(task) = of {
            let found = self.slice.workflows(&[task])?.into_iter().flatten().next();
            return Ok(found.map_or(Workflow::None, Workflow::Of));
        }
        let is_new = submission.workflow && submission.tasks.len() > 1;
        Ok(if is_new {
            Workflow::New
        } else {
            Workflow::None
        })
    }

    /// Inserts tasks that depend on each other or on stored ones, and their edges.
    fn insert_graph(
        &mut self,
        submission: &Submission,
        workflow: Workflow,
    ) -> Result<Vec<Enqueued>> {
        let known = self.known(&submission.tasks)?;
        let edges = resolve(&submission.tasks, &submission.edges, &known)?;
        let first_states = self.first_states(&submission.tasks, &edges)?;
        // Chosen before the insert: after it, the key of a task that is skipped from the start has
        // expired.
        let places: Vec<usize> = (0..known.len()).filter(|at| known[*at].is_none()).collect();
        let tasks: Vec<&WorkflowTask> = places.iter().map(|at| &submission.tasks[*at]).collect();
        let inserted = self.insert(submission, workflow, &tasks, |at| first_states[places[at]])?;
        let mut inserted = inserted.into_iter();
        let mut enqueued: Vec<Enqueued> = Vec::with_capacity(known.len());
        for (task, known) in submission.tasks.iter().zip(&known) {
            let holder = match known {
                Some(Node::Stored(id)) => Some(*id),
                Some(Node::Place(first)) => Some(enqueued[*first].id),
                None => None,
            };
            enqueued.push(match holder {
                Some(holder) => existing(task, holder)?,
                None => inserted.next().ok_or_else(|| Error::Bug {
                    what: "a task was not inserted".to_owned(),
                })?,
            });
        }
        let id_of = |node| match node {
            Node::Stored(id) => id,
            Node::Place(place) => enqueued[place].id,
        };
        let stored = edges.iter().map(|edge| Edge {
            dependent: enqueued[edge.dependent].id,
            on: id_of(edge.on),
            condition: edge.condition,
        });
        self.slice.store_edges(stored.collect())?;
        let inserted = enqueued.iter().zip(&first_states);
        let skipped = inserted.filter(|(one, first)| first.never.is_some() && !one.existed);
        let ends: Vec<EndedTask> = skipped.map(|(one, _)| (one.id, State::Skipped)).collect();
        self.ended(&ends)?;
        Ok(enqueued)
    }

    /// The first state of each task, from the states of its dependencies.
    fn first_states(
        &mut self,
        tasks: &[WorkflowTask],
        edges: &[graph::NewEdge],
    ) -> Result<Vec<FirstState>> {
        let stored = edges.iter().filter_map(|edge| match edge.on {
            Node::Stored(task) => Some(task),
            Node::Place(_) => None,
        });
        let stored: BTreeSet<TaskId> = stored.collect();
        let stored: Vec<TaskId> = stored.into_iter().collect();
        let states: BTreeMap<TaskId, Option<State>> = if stored.is_empty() {
            BTreeMap::new()
        } else {
            let states = self.slice.states(&stored)?;
            stored.into_iter().zip(states).collect()
        };
        let mut first_states = vec![FirstState::default(); tasks.len()];
        for edge in edges {
            let first = &mut first_states[edge.dependent];
            first.depends = true;
            let Node::Stored(on) = edge.on else {
                first.pending += 1;
                continue;
            };
            let Some(state) = states.get(&on).copied().flatten() else {
                let label = graph::label(tasks, edge.dependent);
                return Err(Error::not_found(format!(
                    "there is no task {on} for {label} to depend on; it may have been pruned"
                )));
            };
            match edge.condition.standing(state) {
                Standing::Open => first.pending += 1,
                Standing::Met => {}
                Standing::Impossible => first.never = first.never.or(Some(on)),
            }
        }
        Ok(first_states)
    }

    /// The node that already holds each task's key: a stored task, or an earlier one of the
    /// submission.
    fn known(&mut self, tasks: &[WorkflowTask]) -> Result<Vec<Option<Node>>> {
        let mut known = vec![None; tasks.len()];
        let mut first: HashMap<&[u8], usize> = HashMap::new();
        let (mut places, mut keys) = (Vec::new(), Vec::new());
        for (place, task) in tasks.iter().enumerate() {
            let Some(key) = task.task.key.as_deref() else {
                continue;
            };
            if let Some(first) = first.get(key) {
                known[place] = Some(Node::Place(*first));
                continue;
            }
            first.insert(key, place);
            places.push(place);
            keys.push(key);
        }
        if keys.is_empty() {
            return Ok(known);
        }
        for (place, holder) in places.into_iter().zip(self.slice.key_holders(&keys)?) {
            known[place] = holder.map(Node::Stored);
        }
        for place in 0..known.len() {
            if let Some(Node::Place(first)) = known[place] {
                known[place] = known[first].or(known[place]);
            }
        }
        Ok(known)
    }

    /// Inserts tasks in this order, each in its first state, unless their keys are taken.
    fn insert(
        &mut self,
        submission: &Submission,
        workflow: Workflow,
        tasks: &[&WorkflowTask],
        first_state: impl Fn(usize) -> FirstState,
    ) -> Result<Vec<Enqueued>> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now().wall;
        let spawner = submission.spawner.map(|claim| claim.task);
        let queues = self.queues(tasks)?;
        let rows = tasks.iter().zip(queues).enumerate();
        let rows: Vec<NewRow<'_>> = rows
            .map(|(at, (task, queue))| {
                let FirstState {
                    pending,
                    never,
                    depends,
                } = first_state(at);
                let pending = pending + u32::from(task.task.held);
                let is_due = task.task.run_at.is_none_or(|at| at <= now);
                let state = if never.is_some() {
                    State::Skipped
                } else if pending > 0 || (task.settings.limit_key.is_some() && is_due) {
                    State::Blocked
                } else {
                    task.task.free_state(now)
                };
                NewRow {
                    task,
                    queue,
                    state,
                    workflow,
                    spawner,
                    depends,
                    pending,
                    never,
                }
            })
            .collect();
        let inserted = self.slice.insert(&rows)?;
        let mut enqueued = Vec::with_capacity(rows.len());
        for (row, inserted) in rows.iter().zip(inserted) {
            enqueued.push(match inserted {
                Inserted::New(id) => {
                    self.account(row);
                    if let Some(cause) = row.never {
                        let skipped = TaskChange::skipped(id, cause).leaving(State::Blocked);
                        self.slice.record(&skipped)?;
                    }
                    Enqueued { id, existed: false }
                }
                Inserted::Taken(holder) => existing(row.task, holder)?,
            });
        }
        Ok(enqueued)
    }

    /// The queue id of each task; a run of tasks with one queue and handler is looked up once.
    fn queues(&mut self, tasks: &[&WorkflowTask]) -> Result<Vec<i64>> {
        let mut handler_queues: Vec<(&str, &str)> = Vec::new();
        let mut index_of = Vec::with_capacity(tasks.len());
        let mut known: HashMap<(&str, &str), usize> = HashMap::new();
        for task in tasks {
            let handler_queue = (task.task.queue.as_str(), task.task.work.handler());
            let at = match index_of.last() {
                Some(&last) if handler_queues[last] == handler_queue => last,
                _ => *known.entry(handler_queue).or_insert_with(|| {
                    handler_queues.push(handler_queue);
                    handler_queues.len() - 1
                }),
            };
            index_of.push(at);
        }
        let ids = self.slice.queue_ids(&handler_queues)?;
        let learned = handler_queues
            .iter()
            .zip(&ids)
            .filter(|(_, found)| found.is_learned);
        let learned = learned.map(|((queue, handler), found)| Learned {
            queue: (*queue).to_owned(),
            handler: (*handler).to_owned(),
            id: found.id,
        });
        self.effects.learned.extend(learned);
        Ok(index_of.into_iter().map(|at| ids[at].id).collect())
    }

    /// Notes the work that an inserted task leaves for after the commit.
    fn account(&mut self, row: &NewRow<'_>) {
        let (state, settings) = (row.state, &row.task.settings);
        let effects = &mut self.effects;
        if state == State::Queued {
            let new = &row.task.task;
            effects
                .ready
                .add(QueueSet::only(&new.queue, new.work.handler()));
        }
        effects.scheduled |= state == State::Scheduled
            || settings.start_within.is_some()
            || settings.finish_within.is_some();
        if let (State::Blocked, 0, Some(key)) = (state, row.pending, &settings.limit_key) {
            self.freed.insert(key.clone());
        }
    }
}

/// The result for a task whose key is taken.
fn existing(task: &WorkflowTask, id: TaskId) -> Result<Enqueued> {
    match task.settings.on_conflict {
        OnConflict::Existing => Ok(Enqueued { id, existed: true }),
        OnConflict::Refuse => {
            let label = graph::label(std::slice::from_ref(task), 0);
            Err(Error::invalid(format!(
                "the key of {label} is taken by task {id}"
            )))
        }
    }
}

/// Rewrites the error about a refused edge: tasks of the submission appear under their labels,
/// since the ids they were given are rolled back.
fn by_label(error: Error, tasks: &[WorkflowTask], enqueued: &[Enqueued]) -> Error {
    let Error::Invalid { what } = error else {
        return error;
    };
    let mut parts = what.split("task ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        let id = part[..digits].parse().ok().map(TaskId);
        let place = enqueued
            .iter()
            .position(|one| Some(one.id) == id && !one.existed);
        if let Some(place) = place {
            text += &graph::label(tasks, place);
            text += &part[digits..];
        } else {
            text += "task ";
            text += part;
        }
    }
    Error::invalid(text)
}

/// The edges, with every task whose key is taken replaced by the holder of the key. The replaced
/// task's own edges are dropped: the holder's dependencies were given when it was enqueued.
fn resolve(
    tasks: &[WorkflowTask],
    edges: &[graph::NewEdge],
    known: &[Option<Node>],
) -> Result<Vec<graph::NewEdge>> {
    if known.iter().all(Option::is_none) {
        return Ok(edges.to_vec());
    }
    let mut resolved: Vec<_> = edges
        .iter()
        .filter(|edge| known[edge.dependent].is_none())
        .map(|edge| {
            let on = match edge.on {
                Node::Place(place) => known[place].unwrap_or(edge.on),
                Node::Stored(_) => edge.on,
            };
            graph::NewEdge { on, ..*edge }
        })
        .collect();
    graph::tidy(tasks, &mut resolved)?;
    graph::check_cycles(tasks, &resolved)?;
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use queue_core::state::State;
    use queue_core::task::{NewTask, TaskId};
    use queue_core::workflow::Condition;

    use crate::plan::memory::Memory;
    use crate::workflow_task::WorkflowTask;

    fn keyed(key: &str) -> WorkflowTask {
        NewTask::shell(key, "true").key(key).into()
    }

    #[test]
    fn any_number_of_tasks_without_edges_takes_two_loads() {
        let mut rows = Memory::default();
        let tasks = (0..100).map(|n| NewTask::shell("t", "true").queue(format!("q{}", n % 3)));
        let enqueued = rows.enqueue(tasks.map(WorkflowTask::from).collect());
        let ids: Vec<TaskId> = enqueued.unwrap().iter().map(|one| one.id).collect();
        assert_eq!(ids, (1..=100).map(TaskId).collect::<Vec<_>>());
        assert_eq!(rows.loads, ["queue_ids", "insert"]);
    }

    #[test]
    fn a_key_is_taken_once_within_one_submission() {
        let mut rows = Memory::default();
        let enqueued = rows.enqueue(vec![keyed("a"), keyed("b"), keyed("a")]);
        let enqueued = enqueued.unwrap();
        assert_eq!(enqueued[2].id, enqueued[0].id);
        assert!(enqueued[2].existed && !enqueued[1].existed);
        let again = rows.enqueue(vec![keyed("b"), keyed("c").after("b", Condition::Success)]);
        let again = again.unwrap();
        assert_eq!(again[0].id, enqueued[1].id);
        assert_eq!(rows.state(again[1].id.0), State::Blocked);
        assert_eq!(rows.pending(again[1].id.0), Some(1));
    }

    #[test]
    fn a_workflow_is_loaded_at_once_and_tasks_that_can_never_start_are_skipped() {
        let mut rows = Memory::default();
        rows.add(1, State::Failed);
        let first = WorkflowTask::shell("a", "true").after(TaskId(1), Condition::Success);
        let second = WorkflowTask::shell("b", "true").after("a", Condition::Success);
        let third = WorkflowTask::shell("c", "true").after("a", Condition::Any);
        let enqueued = rows.enqueue(vec![first, second, third]).unwrap();
        let states: Vec<State> = enqueued.iter().map(|one| rows.state(one.id.0)).collect();
        assert_eq!(states, [State::Skipped, State::Skipped, State::Queued]);
        assert_eq!(rows.cause(enqueued[0].id.0), Some(TaskId(1)));
        let loads = [
            "workflows",
            "states",
            "queue_ids",
            "insert",
            "waiting_for",
            "waiting_for",
            "starts",
        ];
        assert_eq!(rows.loads, loads);
    }
}
