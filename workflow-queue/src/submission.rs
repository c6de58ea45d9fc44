//! Submissions: the checked input of an enqueue.

use queue_core::claim::Claim;
use queue_core::error::{Error, Result};
use queue_core::task::NewTask;
use queue_core::workflow::Edge;

use crate::graph;
use crate::workflow_task::{Dependent, DependentTasks, WorkflowTask};

/// The checked input of an enqueue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submission {
    /// The tasks, in the order of their ids.
    pub(crate) tasks: Vec<WorkflowTask>,
    /// Their edges.
    pub(crate) edges: Vec<graph::NewEdge>,
    /// True if the tasks form a workflow.
    pub(crate) workflow: bool,
    /// The claim of the running task that adds these tasks; it must still hold.
    pub(crate) spawner: Option<Claim>,
    /// Edges between stored tasks.
    pub(crate) links: Vec<Edge>,
}

impl Submission {
    /// Checked tasks without edges.
    pub(crate) fn unrelated(tasks: impl IntoIterator<Item = NewTask>) -> Self {
        Self {
            tasks: tasks.into_iter().map(WorkflowTask::from).collect(),
            ..Self::default()
        }
    }

    /// Edges between stored tasks.
    pub(crate) fn links(links: Vec<Edge>) -> Self {
        Self {
            links,
            ..Self::default()
        }
    }

    /// A checked workflow, or an addition to the workflow of a running task.
    pub(crate) fn workflow(tasks: Vec<WorkflowTask>, spawner: Option<Claim>) -> Result<Self> {
        NewTask::validate_all(tasks.iter().map(|task| &task.task))?;
        for (place, task) in tasks.iter().enumerate() {
            if let Err(error) = task.validate() {
                if tasks.len() == 1 && task.line.is_none() {
                    return Err(error);
                }
                let label = graph::label(&tasks, place);
                return Err(Error::invalid(format!("{label}: {error}")));
            }
            let of_spawner = |dependent: &Dependent| dependent.tasks == DependentTasks::OfSpawner;
            if spawner.is_none() && task.before.iter().any(of_spawner) {
                return Err(Error::invalid(
                    "only a running task can add tasks in front of its own dependents",
                ));
            }
        }
        Ok(Self {
            edges: graph::edges(&tasks)?,
            tasks,
            workflow: true,
            spawner,
            ..Self::default()
        })
    }
}
