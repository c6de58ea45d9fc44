//! The baseline with dependencies: the core schema driven by bare rusqlite, with a counter of open
//! dependencies for each waiting task.
//!
//! It supports one condition, checks no edge, records no attempt, enforces no limit, and cannot list a
//! task's dependencies.

use std::path::Path;

use queue_core::clock::{Clock, SystemClock};
use queue_core::sqlite::Durability;
use queue_core::{Claim, NewTask, State};
use rusqlite::{CachedStatement, Connection, params};

use super::raw::Raw;
use crate::Result;
use crate::workload::{Dag, DagSystem, System};

const SCHEMA: &str = include_str!("../../queries/raw_dag_schema.sql");
const PUSH: &str = include_str!("../../queries/raw_dag_push.sql");
const EDGE: &str = include_str!("../../queries/raw_dag_edge.sql");
const WAIT: &str = include_str!("../../queries/raw_dag_wait.sql");
const DEPENDENTS: &str = include_str!("../../queries/raw_dag_dependents.sql");
const PENDING: &str = include_str!("../../queries/raw_dag_pending.sql");
const RELEASE: &str = include_str!("../../queries/raw_dag_release.sql");

/// A bare connection on a new file.
pub(crate) struct RawDag(Raw);

/// A task, and its number of dependencies.
type Node = (NewTask, usize);

impl RawDag {
    /// Makes the file.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self> {
        let raw = Raw::open(path, durability)?;
        raw.connection.execute_batch(SCHEMA)?;
        Ok(Self(raw))
    }

    fn insert_nodes(&self, nodes: &[Node]) -> Result<()> {
        let now = SystemClock.now().wall.0;
        let mut push = self.0.connection.prepare_cached(PUSH)?;
        let mut wait = self.0.connection.prepare_cached(WAIT)?;
        for ((task, pending), id) in nodes.iter().zip(1_i64..) {
            let state = if *pending == 0 {
                State::Queued
            } else {
                wait.execute(params![id, i64::try_from(*pending)?])?;
                State::Blocked
            };
            let payload = task.work.to_payload();
            push.execute(params![
                id,
                self.0.queue,
                state.code(),
                task.priority,
                now,
                task.name,
                payload.as_ref()
            ])?;
        }
        Ok(())
    }
}

/// The statements that run for every edge, prepared once per transaction.
struct Edges<'a> {
    dependents: CachedStatement<'a>,
    pending: CachedStatement<'a>,
    release: CachedStatement<'a>,
}

impl<'a> Edges<'a> {
    fn prepare(connection: &'a Connection) -> Result<Self> {
        Ok(Self {
            dependents: connection.prepare_cached(DEPENDENTS)?,
            pending: connection.prepare_cached(PENDING)?,
            release: connection.prepare_cached(RELEASE)?,
        })
    }

    /// Releases the dependents of a succeeded task that wait for no other.
    fn release_dependents(&mut self, task: i64) -> Result<()> {
        let dependents = self
            .dependents
            .query_map([task], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
        for (dependent, pending) in dependents {
            if pending > 1 {
                self.pending.execute([dependent, pending - 1])?;
            } else {
                self.release.execute([dependent])?;
            }
        }
        Ok(())
    }
}

impl System for RawDag {
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()> {
        self.0.enqueue(tasks)
    }

    fn claim(&self, limit: usize) -> Result<Vec<Claim>> {
        self.0.claim(limit)
    }

    fn settle(&self, claims: &[Claim]) -> Result<()> {
        self.0.in_transaction(|| {
            let mut edges = Edges::prepare(&self.0.connection)?;
            claims.iter().try_for_each(|claim| {
                self.0.settle_one(claim)?;
                edges.release_dependents(claim.task.0)
            })
        })
    }
}

impl DagSystem for RawDag {
    /// The tasks in the order of their ids, which begin with 1, and the edges as pairs of ids in the
    /// order of their table.
    type Prepared = (Vec<Node>, Vec<(i64, i64)>);

    fn prepare(&self, dag: &Dag) -> Self::Prepared {
        let dependencies: Vec<Vec<usize>> =
            (0..dag.len()).map(|task| dag.dependencies(task)).collect();
        let pending = dependencies.iter().map(Vec::len);
        let nodes = dag.tasks().into_iter().zip(pending).collect();
        let id = |place: usize| i64::try_from(place + 1).unwrap_or(i64::MAX);
        let mut edges: Vec<(i64, i64)> = dependencies
            .iter()
            .enumerate()
            .flat_map(|(task, on)| on.iter().map(move |on| (id(*on), id(task))))
            .collect();
        edges.sort_unstable();
        (nodes, edges)
    }

    fn insert(&self, (nodes, edges): Self::Prepared) -> Result<()> {
        self.0.in_transaction(|| {
            self.insert_nodes(&nodes)?;
            let mut insert = self.0.connection.prepare_cached(EDGE)?;
            for (task, dependent) in edges {
                insert.execute([task, dependent])?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use queue_core::sqlite::Durability;

    use super::RawDag;
    use crate::systems::{Library, Workflow};
    use crate::workload::{Dag, DagSystem, drain};

    const WIDTH: usize = 25;
    const DAG: Dag = Dag::Layers {
        layers: 4,
        width: WIDTH,
    };

    /// Inserts the DAG, checks that no task of its first layers can be claimed too early, and drains
    /// it.
    fn works(system: &impl DagSystem) {
        system.insert(system.prepare(&DAG)).unwrap();
        for layer in 0..2_usize {
            let claims = system.claim(DAG.len()).unwrap();
            let first = i64::try_from(layer * WIDTH).unwrap();
            let ids: Vec<i64> = claims.iter().map(|claim| claim.task.0).collect();
            assert_eq!(ids.len(), WIDTH);
            assert!(ids.iter().all(|id| (first + 1..=first + 25).contains(id)));
            let (last, others) = claims.split_last().unwrap();
            system.settle(others).unwrap();
            system.settle(std::slice::from_ref(last)).unwrap();
        }
        assert_eq!(drain(system, 10).unwrap(), DAG.len() - 2 * WIDTH);
    }

    #[test]
    fn the_baseline_and_the_engine_drain_a_dag_layer_by_layer() {
        let folder = tempfile::tempdir().unwrap();
        works(&RawDag::open(&folder.path().join("raw.db"), Durability::Fast).unwrap());
        let path = folder.path().join("workflow.db");
        works(&Library::<Workflow>::open(&path, Durability::Fast).unwrap());
    }
}
