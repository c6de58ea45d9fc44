//! A submission that was checked: what an enqueue carries out.

use queue_core::claim::Claim;
use queue_core::error::{Error, Result};
use queue_core::task::NewTask;
use queue_core::workflow::Edge;

use crate::graph;
use crate::submission::{Dependent, Which, WorkflowTask};

/// A checked submission.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submission {
    /// The tasks, in the order of their ids.
    pub(crate) tasks: Vec<WorkflowTask>,
    /// Their edges.
    pub(crate) edges: Vec<graph::Edge>,
    /// Whether the tasks belong together.
    pub(crate) workflow: bool,
    /// The claim of the task that adds these while it runs, which must still hold.
    pub(crate) spawner: Option<Claim>,
    /// Edges between tasks that are stored already.
    pub(crate) links: Vec<Edge>,
}

impl Submission {
    /// Checked tasks that have nothing to do with each other.
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

    /// A checked workflow, or addition to that of a running task.
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
            let of_spawner = |dependent: &Dependent| dependent.which == Which::OfSpawner;
            if spawner.is_none() && task.before.iter().any(of_spawner) {
                return Err(Error::invalid(
                    "only what a running task adds can be put in front of that task's dependents",
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
