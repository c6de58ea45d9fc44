//! The operations that every system runs, and the traits that a system implements for them.

use queue_core::{Claim, NewTask};

use crate::Result;
use crate::measure::Stopwatch;

/// A system that stores, claims and settles tasks. A call is one commit.
pub(crate) trait System {
    /// Enqueues the tasks durably.
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()>;

    /// Claims up to `limit` tasks, highest priority first.
    fn claim(&self, limit: usize) -> Result<Vec<Claim>>;

    /// Settles the claims as succeeded.
    fn settle(&self, claims: &[Claim]) -> Result<()>;
}

/// Makes `count` tasks: a name, `echo i`, priority i mod 10.
pub(crate) fn tasks(count: usize) -> Vec<NewTask> {
    (0..count)
        .map(|i| {
            let priority = i32::try_from(i % 10).unwrap_or(0);
            NewTask::shell(format!("task {i}"), format!("echo {i}")).priority(priority)
        })
        .collect()
}

/// Groupings of a workload into commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    /// One commit per operation.
    Each,
    /// One commit per enqueue, per five claimed tasks, per settle.
    Fives,
    /// One commit for all operations of a kind.
    Batched,
}

/// Seconds for `operations` enqueues, half as many claims and a quarter as many settles. Opening the
/// file and making the tasks are not included.
pub(crate) fn hundred(system: &dyn System, operations: usize, commits: Commits) -> Result<f64> {
    let tasks = tasks(operations);
    let (claims, settles) = (operations / 2, operations / 4);
    let at_once = match commits {
        Commits::Each => 1,
        Commits::Fives => 5,
        Commits::Batched => claims,
    };
    let watch = Stopwatch::start();
    let mut claimed = Vec::with_capacity(claims);
    if commits == Commits::Batched {
        system.enqueue(tasks)?;
    } else {
        for task in tasks {
            system.enqueue(vec![task])?;
        }
    }
    while claimed.len() < claims {
        let more = system.claim(at_once.min(claims - claimed.len()))?;
        if more.is_empty() {
            return Err(format!("{} of {claims} tasks were claimed", claimed.len()).into());
        }
        claimed.extend(more);
    }
    let ended = claimed.get(..settles).unwrap_or(&claimed);
    if commits == Commits::Batched {
        system.settle(ended)?;
    } else {
        for claim in ended {
            system.settle(std::slice::from_ref(claim))?;
        }
    }
    Ok(watch.seconds())
}

/// Tasks that depend on each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dag {
    /// That many tasks, each after the one before it.
    Chain(usize),
    /// That many tasks, all after the first.
    FanOut(usize),
    /// That many tasks, the last after all others.
    FanIn(usize),
    /// Layers of one width. Every task depends on five of the layer before it, spread over its width;
    /// every twentieth on six.
    Layers {
        layers: usize,
        /// Tasks in a layer; at least six, so that the dependencies differ.
        width: usize,
    },
}

/// A system with dependencies.
pub(crate) trait DagSystem: System {
    /// A DAG in the form that [`insert`](Self::insert) takes.
    type Prepared;

    /// Prepares a DAG, which is not measured.
    fn prepare(&self, dag: &Dag) -> Self::Prepared;

    /// Inserts a DAG durably in one commit.
    fn insert(&self, prepared: Self::Prepared) -> Result<()>;
}

impl Dag {
    /// Number of tasks.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Chain(tasks) | Self::FanOut(tasks) | Self::FanIn(tasks) => tasks,
            Self::Layers { layers, width } => layers * width,
        }
    }

    /// Tasks in an order in which each comes after its dependencies.
    pub(crate) fn tasks(self) -> Vec<NewTask> {
        (0..self.len())
            .map(|i| NewTask::shell(format!("task {i}"), format!("echo {i}")))
            .collect()
    }

    /// Dependencies of a task, as indices in that order.
    pub(crate) fn dependencies(self, task: usize) -> Vec<usize> {
        match self {
            Self::Chain(_) => task.checked_sub(1).into_iter().collect(),
            Self::FanOut(_) if task > 0 => vec![0],
            Self::FanIn(tasks) if task + 1 == tasks => (0..task).collect(),
            Self::FanOut(_) | Self::FanIn(_) => Vec::new(),
            Self::Layers { width, .. } => {
                let (layer, place) = (task / width, task % width);
                let Some(before) = layer.checked_sub(1) else {
                    return Vec::new();
                };
                let degree = if place.is_multiple_of(20) { 6 } else { 5 };
                (0..degree)
                    .map(|step| before * width + (place + step * width / 6) % width)
                    .collect()
            }
        }
    }

    /// Number of edges.
    pub(crate) fn edges(self) -> usize {
        (0..self.len()).map(|i| self.dependencies(i).len()).sum()
    }
}

/// Claims and settles up to `batch` tasks at a time until no task is left to claim. Returns the number
/// of tasks.
pub(crate) fn drain(system: &dyn System, batch: usize) -> Result<usize> {
    let mut done = 0;
    loop {
        let claims = system.claim(batch)?;
        if claims.is_empty() {
            return Ok(done);
        }
        system.settle(&claims)?;
        done += claims.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Dag;

    #[test]
    fn tasks_of_a_dag_depend_on_different_ones_of_the_layer_before() {
        let dag = Dag::Layers {
            layers: 3,
            width: 7,
        };
        assert!(dag.dependencies(6).is_empty());
        assert_eq!(dag.dependencies(7).len(), 6);
        for task in 7..dag.len() {
            let all: HashSet<usize> = dag.dependencies(task).into_iter().collect();
            assert_eq!(all.len(), dag.dependencies(task).len());
            assert!(all.iter().all(|on| on / 7 == task / 7 - 1), "{all:?}");
        }
        assert_eq!(dag.edges(), 2 * (6 + 6 * 5));
    }

    #[test]
    fn chains_and_fans_have_an_edge_for_every_task_but_one() {
        let all = |dag: Dag| -> Vec<Vec<usize>> {
            (0..dag.len()).map(|task| dag.dependencies(task)).collect()
        };
        assert_eq!(all(Dag::Chain(3)), [vec![], vec![0], vec![1]]);
        assert_eq!(all(Dag::FanOut(3)), [vec![], vec![0], vec![0]]);
        assert_eq!(all(Dag::FanIn(3)), [vec![], vec![], vec![0, 1]]);
    }

    #[test]
    fn the_measured_dag_has_half_a_million_edges() {
        let dag = Dag::Layers {
            layers: 100,
            width: 1_000,
        };
        assert_eq!((dag.len(), dag.edges()), (100_000, 499_950));
    }
}
