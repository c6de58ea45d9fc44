//! The required effect of a submission: taken keys, edges, budgets.

use std::collections::BTreeMap;

use queue_core::claim::Claim;
use queue_core::clock::Timestamp;
use queue_core::queue::Enqueued;
use queue_core::task::{NewTask, TaskId};
use queue_core::workflow::Condition;
use workflow_queue::{DependentTasks, On, OnConflict, WorkflowTask};

use crate::checks::{At, Checks};
use crate::model::{Model, Node};
use crate::seen::Sight;

/// Origin of a submission.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// Tasks without edges.
    Unrelated,
    /// A workflow.
    Workflow,
    /// An addition to the workflow of a running task.
    Spawner(Claim),
}

/// A task of a submission: new, or the holder of its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    New,
    Place(usize),
    Stored(TaskId),
}

/// The reason a submission must be refused.
type Refusal = &'static str;

impl Checks {
    /// Checks an enqueue of tasks without edges.
    pub(crate) fn enqueued(&mut self, tasks: &[NewTask], enqueued: &[Enqueued], at: At<'_>) {
        let tasks: Vec<WorkflowTask> = tasks.iter().cloned().map(Into::into).collect();
        self.submitted(&tasks, From::Unrelated, Ok(enqueued), at);
    }

    /// Checks the result of a submission of this origin.
    pub(crate) fn submitted(
        &mut self,
        tasks: &[WorkflowTask],
        from: From,
        result: Result<&[Enqueued], &queue_core::error::Error>,
        at: At<'_>,
    ) {
        let mut model = self.model.clone();
        let expected = carry_out(&mut model, tasks, from, at.now.wall);
        match (expected, result) {
            (Ok(expected), Ok(enqueued)) => {
                at.check(expected == enqueued, || {
                    format!("a submission came to {enqueued:?}, not {expected:?}")
                });
                for (task, one) in tasks.iter().zip(&expected) {
                    if one.existed {
                        self.seen.saw(Sight::TakenKey);
                    } else if !task.after.is_empty() {
                        self.seen.saw(Sight::Dependent);
                    }
                    if !task.before.is_empty() {
                        self.seen.saw(Sight::PutBefore);
                    }
                }
                self.model = model;
            }
            (Err(why), Err(error)) => {
                let lost = why == CLAIM_LOST;
                at.check(lost == error.is_claim_lost(), || format!("{why}: {error}"));
                self.seen.saw(Sight::Refusal);
            }
            (Ok(_), Err(error)) => {
                let what = format!("a submission was refused: {error}");
                at.ledger.violated(what);
            }
            (Err(why), Ok(_)) => {
                let what = format!("a submission was accepted, and {why}");
                at.ledger.violated(what);
            }
        }
    }
}

const CLAIM_LOST: Refusal = "the claim is lost";

/// The required result of a submission.
fn carry_out(
    model: &mut Model,
    tasks: &[WorkflowTask],
    from: From,
    now: Timestamp,
) -> Result<Vec<Enqueued>, Refusal> {
    if let From::Spawner(claim) = from
        && !model.is_live(claim)
    {
        return Err(CLAIM_LOST);
    }
    let known = known(model, tasks, now)?;
    check_edges(model, tasks, &known)?;
    let enqueued = ids(model, &known);
    let ids: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
    let workflow = workflow(model, tasks, from, &enqueued);
    let links = links(model, tasks, from, &ids)?;
    let mut nodes = Vec::new();
    for (task, one) in tasks.iter().zip(&enqueued).filter(|(_, one)| !one.existed) {
        if let Some(key) = &task.task.key {
            model.keys.insert(key.clone(), one.id);
        }
        let mut node = Node::new(task, &ids, now);
        node.workflow = workflow.unwrap_or(one.id);
        nodes.push((one.id, node));
    }
    model.submit(nodes);
    for link in links {
        if !model.can_link(link) {
            return Err("a task cannot be made to wait for a new one");
        }
        model.link(link);
    }
    Ok(enqueued)
}

/// The holder of each task's key, if it is taken.
fn known(model: &Model, tasks: &[WorkflowTask], now: Timestamp) -> Result<Vec<Known>, Refusal> {
    let mut first: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut known = Vec::new();
    for (place, task) in tasks.iter().enumerate() {
        let taken = match task.task.key.as_deref() {
            None => Known::New,
            Some(key) => match (first.get(key), model.holder(key, now)) {
                (_, Some(holder)) => Known::Stored(holder),
                (Some(first), None) => Known::Place(*first),
                (None, None) => {
                    first.insert(key, place);
                    Known::New
                }
            },
        };
        if taken != Known::New && task.settings.on_conflict == OnConflict::Refuse {
            return Err("a key is taken");
        }
        known.push(taken);
    }
    Ok(known)
}

/// Drops the edges of tasks whose keys are taken.
fn check_edges(model: &Model, tasks: &[WorkflowTask], known: &[Known]) -> Result<(), Refusal> {
    for (place, task) in tasks.iter().enumerate() {
        let mut conditions: BTreeMap<Known, Condition> = BTreeMap::new();
        for dependency in task.after.iter().filter(|_| known[place] == Known::New) {
            let on = match dependency.on {
                On::Task(on) if !model.is_stored(on) => return Err("a dependency is gone"),
                On::Task(on) => Known::Stored(on),
                On::Index(index) if known[index] == Known::New => Known::Place(index),
                On::Index(index) => known[index],
                On::Name(_) | _ => return Err("names are not used"),
            };
            let condition = dependency.condition;
            if *conditions.entry(on).or_insert(condition) != condition {
                return Err("a task depends on another in two ways");
            }
        }
    }
    Ok(())
}

/// The ids of a submission, given out one after the other.
fn ids(model: &Model, known: &[Known]) -> Vec<Enqueued> {
    let mut last = model.nodes.last_key_value().map_or(0, |(last, _)| last.0);
    let mut enqueued: Vec<Enqueued> = Vec::new();
    for known in known {
        let id = match known {
            Known::New => {
                last += 1;
                TaskId(last)
            }
            Known::Place(first) => enqueued[*first].id,
            Known::Stored(holder) => *holder,
        };
        let existed = *known != Known::New;
        enqueued.push(Enqueued { id, existed });
    }
    enqueued
}

/// The workflow of new tasks; `None` makes each its own.
fn workflow(
    model: &Model,
    tasks: &[WorkflowTask],
    from: From,
    enqueued: &[Enqueued],
) -> Option<TaskId> {
    let stored = tasks.iter().flat_map(|task| &task.after);
    let stored = stored.filter_map(|dependency| match dependency.on {
        On::Task(on) => Some(on),
        On::Index(_) | On::Name(_) | _ => None,
    });
    let first = enqueued.iter().find(|one| !one.existed);
    match (from, stored.min()) {
        (From::Spawner(claim), _) => Some(model.nodes[&claim.task].workflow),
        (From::Workflow, Some(on)) => model.is_stored(on).then(|| model.nodes[&on].workflow),
        (From::Workflow, None) => first.map(|one| one.id).filter(|_| tasks.len() > 1),
        (From::Unrelated, _) => None,
    }
}

/// The edges from stored tasks to new ones put in front of them.
fn links(
    model: &Model,
    tasks: &[WorkflowTask],
    from: From,
    ids: &[TaskId],
) -> Result<Vec<workflow_queue::Edge>, Refusal> {
    let mut links = Vec::new();
    for (task, id) in tasks.iter().zip(ids) {
        for before in &task.before {
            let dependents: Vec<TaskId> = match (before.tasks, from) {
                (DependentTasks::OfSpawner, From::Spawner(claim)) => {
                    let held = model.stored().filter(|(_, node)| {
                        node.phase.is_waiting() && node.after.contains_key(&claim.task)
                    });
                    held.map(|(dependent, _)| dependent).collect()
                }
                (DependentTasks::OfSpawner, From::Workflow | From::Unrelated) => {
                    return Err("nothing waits for no spawner");
                }
                (DependentTasks::Task(dependent), From::Spawner(claim)) => {
                    let own = model.nodes[&claim.task].workflow;
                    let node = model.nodes.get(&dependent);
                    if node.is_none_or(|node| node.workflow != own) {
                        return Err("a dependent is of another workflow");
                    }
                    vec![dependent]
                }
                (DependentTasks::Task(dependent), From::Workflow | From::Unrelated) => {
                    vec![dependent]
                }
                (other, _) => panic!("no submission names {other:?}"),
            };
            let condition = before.condition;
            links.extend(
                dependents
                    .into_iter()
                    .map(|dependent| workflow_queue::Edge {
                        dependent,
                        on: *id,
                        condition,
                    }),
            );
        }
    }
    Ok(links)
}
