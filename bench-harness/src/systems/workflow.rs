//! `workflow-queue`, under leases of 30 seconds, its default.

use std::path::Path;

use queue_core::sqlite::{Durability, OpenOptions};
use workflow_queue::{Condition, SqliteOptions, WorkflowQueue, WorkflowTask};

use super::{Engine, EngineName, Library};
use crate::Result;
use crate::workload::{Dag, DagSystem};

/// The engine.
pub(crate) struct Workflow;

impl Engine for Workflow {
    type Queue = WorkflowQueue;

    const NAME: EngineName = EngineName::Workflow;

    fn open(path: &Path, durability: Durability) -> Result<WorkflowQueue> {
        let options = SqliteOptions::new()?.open(OpenOptions::new(durability)?);
        Ok(WorkflowQueue::open_with(path, options)?)
    }
}

impl DagSystem for Library<Workflow> {
    type Prepared = Vec<WorkflowTask>;

    fn prepare(&self, dag: &Dag) -> Self::Prepared {
        let tasks = dag.tasks().into_iter().enumerate();
        tasks
            .map(|(index, task)| {
                let all = dag.dependencies(index).into_iter();
                all.fold(WorkflowTask::from(task), |task, on| {
                    task.after(on, Condition::Success)
                })
            })
            .collect()
    }

    fn insert(&self, tasks: Self::Prepared) -> Result<()> {
        self.queue.enqueue_workflow(tasks)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use queue_core::sqlite::Durability;
    use queue_core::{Queue, State};

    use super::{Library, Workflow};
    use crate::workload::{Commits, System, hundred, tasks};

    #[test]
    fn a_cycle_leaves_a_recorded_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.db");
        let system = Library::<Workflow>::open(&path, Durability::Fast).unwrap();
        system.enqueue(tasks(1)).unwrap();
        let claims = system.claim(1).unwrap();
        system.settle(&claims).unwrap();
        let attempts = system.queue.attempts(claims[0].task).unwrap();
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].state, State::Succeeded);
    }

    #[test]
    fn every_way_of_committing_ends_in_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        for commits in [Commits::Each, Commits::Fives, Commits::Batched] {
            let path = folder.path().join(format!("{commits:?}.db"));
            let system = Library::<Workflow>::open(&path, Durability::Fast).unwrap();
            hundred(&system, 100, commits).unwrap();
            let stats = system.queue.stats().unwrap();
            let counts = [State::Queued, State::Running, State::Succeeded];
            assert_eq!(
                counts.map(|state| stats.count(state)),
                [50, 25, 25],
                "{commits:?}"
            );
        }
    }
}
