//! Enqueue: make tasks and their edges durable.

mod inserter;
mod plain;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::queue::Enqueued;
use queue_core::sqlite::{Lanes, aside, verbs};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::workflow::{Edge, Standing};
use rusqlite::Connection;

use self::inserter::{Inserter, Start, existing};
use self::plain::{free_state, plain_row};
use super::link;
use super::statements::{ENQUEUE, ENQUEUE_NEXT_ID, LANE_LIMITED};
use super::transaction::Writing;
use crate::graph::{self, Node};
use crate::store::Submission;
use crate::submission::{Settings, WorkflowTask};

/// The lane of a submission that is one task with nothing but what every task has, if its number is
/// known: [`enqueue_one`] may do.
pub(super) fn only_lane(submission: &Submission, lanes: &Lanes) -> Option<i64> {
    let [task] = submission.tasks.as_slice() else {
        return None;
    };
    let plain = task.settings == Settings::default()
        && task.before.is_empty()
        && submission.edges.is_empty()
        && submission.links.is_empty()
        && submission.spawner.is_none();
    plain.then(|| lanes.get(&task.task.queue, task.task.work.handler()))?
}

/// Inserts one task into a known lane in one statement; `None` where its key is taken, and then
/// nothing is written.
pub(super) fn enqueue_one(
    connection: &Connection,
    lane: i64,
    task: &NewTask,
    now: Timestamp,
) -> Result<Option<(Enqueued, State)>> {
    let state = free_state(task, now);
    let mut insert = connection.prepare_cached(ENQUEUE)?;
    let inserted = insert.execute(plain_row(lane, state, task, now, &task.work.to_payload())?)?;
    let enqueued = Enqueued {
        id: TaskId(connection.last_insert_rowid()),
        existed: false,
    };
    Ok((inserted == 1).then_some((enqueued, state)))
}

impl Writing<'_> {
    /// Sets aside a task that this version cannot read.
    pub(super) fn set_aside(&self, task: TaskId) -> Result<()> {
        if let Some(lane) = aside::set_aside(self.slice.connection, task)? {
            self.slice
                .connection
                .prepare_cached(LANE_LIMITED)?
                .execute([lane.id])?;
        }
        Ok(())
    }
}

/// Carries out a submission within the transaction.
pub(super) fn enqueue(
    writing: &mut Writing<'_>,
    lanes: &Lanes,
    submission: &Submission,
) -> Result<Vec<Enqueued>> {
    let workflow = workflow(writing, submission)?;
    // Read first: the new tasks may wait for the spawner too.
    let held = writing.waiting_for_spawner(submission)?;
    let mut inserter = Inserter::new(writing, lanes);
    let enqueued = if submission.edges.is_empty() {
        let start = Start {
            workflow,
            spawner: submission.spawner.map(|claim| claim.task),
            ..Start::default()
        };
        let tasks = submission.tasks.iter();
        tasks
            .map(|task| inserter.insert(task, start))
            .collect::<Result<Vec<_>>>()?
    } else {
        graph(&mut inserter, submission, workflow)?
    };
    let own = workflow.filter(|_| submission.spawner.is_some());
    let links = writing.links(submission, own, &enqueued, &held)?;
    let linked = writing.link(&links);
    linked.map_err(|error| by_label(error, &submission.tasks, &enqueued))?;
    Ok(enqueued)
}

/// A refused edge in which the tasks of the submission are called as they were handed in: with it
/// the ids they were given are gone.
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

/// The workflow the tasks belong to: the spawner's, that of the first stored task they depend on, or
/// their own.
fn workflow(writing: &Writing<'_>, submission: &Submission) -> Result<Option<TaskId>> {
    let connection = writing.slice.connection;
    if let Some(claim) = submission.spawner {
        let held = verbs::held(connection, &[claim])?;
        if held == [queue_core::claim::Held::Lost] {
            return Err(Error::ClaimLost { task: claim.task.0 });
        }
        return link::workflow_of(connection, claim.task);
    }
    let stored = submission.edges.iter().filter_map(|edge| match edge.on {
        Node::Stored(task) => Some(task),
        Node::Place(_) => None,
    });
    if let Some(first) = stored.min() {
        return link::workflow_of(connection, first);
    }
    if !submission.workflow || submission.tasks.len() < 2 {
        return Ok(None);
    }
    let mut query = connection.prepare_cached(ENQUEUE_NEXT_ID)?;
    Ok(Some(TaskId(query.query_row([], |row| row.get(0))?)))
}

/// Inserts tasks that depend on each other or on stored ones, and their edges.
fn graph(
    inserter: &mut Inserter<'_, '_>,
    submission: &Submission,
    workflow: Option<TaskId>,
) -> Result<Vec<Enqueued>> {
    let known = inserter.known(&submission.tasks)?;
    let edges = resolve(&submission.tasks, &submission.edges, &known)?;
    let mut starts = vec![
        Start {
            workflow,
            spawner: submission.spawner.map(|claim| claim.task),
            ..Start::default()
        };
        submission.tasks.len()
    ];
    for edge in &edges {
        let start = &mut starts[edge.dependent];
        start.depends = true;
        let Node::Stored(on) = edge.on else {
            start.pending += 1;
            continue;
        };
        let Some((state, _)) = verbs::state_of(inserter.writing.slice.connection, on)? else {
            let label = graph::label(&submission.tasks, edge.dependent);
            return Err(Error::not_found(format!(
                "there is no task {on} for {label} to depend on; it may have been pruned"
            )));
        };
        match edge.condition.standing(state) {
            Standing::Open => start.pending += 1,
            Standing::Met => {}
            Standing::Impossible => start.never = start.never.or(Some(on)),
        }
    }
    let mut enqueued: Vec<Enqueued> = Vec::with_capacity(submission.tasks.len());
    for (place, task) in submission.tasks.iter().enumerate() {
        // Asked for again, the key of one that is skipped from the start would have lapsed.
        let holder = known[place].map(|known| match known {
            Node::Stored(id) => id,
            Node::Place(first) => enqueued[first].id,
        });
        enqueued.push(match holder {
            Some(holder) => existing(task, holder)?,
            None => inserter.insert(task, starts[place])?,
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
    let writing = &mut *inserter.writing;
    writing.slice.store_edges(stored.collect())?;
    let started = enqueued.iter().zip(&starts);
    let skipped = started.filter(|(one, start)| start.never.is_some() && !one.existed);
    let ends: Vec<_> = skipped.map(|(one, _)| (one.id, State::Skipped)).collect();
    writing.ended(&ends)?;
    Ok(enqueued)
}

/// The edges with every task that is known already in its stored or first form: what such a task
/// waits for was said when it was enqueued, so its own edges fall away.
fn resolve(
    tasks: &[WorkflowTask],
    edges: &[graph::Edge],
    known: &[Option<Node>],
) -> Result<Vec<graph::Edge>> {
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
            graph::Edge { on, ..*edge }
        })
        .collect();
    graph::tidy(tasks, &mut resolved)?;
    graph::check_cycles(tasks, &resolved)?;
    Ok(resolved)
}
