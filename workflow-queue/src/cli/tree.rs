//! `tree`: tasks with those that wait for them, or that they wait for.

use std::collections::HashSet;
use std::fmt::Write as _;

use queue_core::cli::json::TaskView;
use queue_core::cli::screen::note;
use queue_core::cli::select::{self, Selector};
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, find, moment, tasks};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Queue;
use queue_core::task::{Task, TaskId};
use queue_core::workflow::Condition;
use serde::Serialize;
use workflow_queue::{Edge, WorkflowQueue};

/// Show tasks with all that waits for them
///
/// A task that several others lead to stands below the first of them; further down it is only
/// named. A condition other than success stands beside the name.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Which tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Show what they wait for instead
    #[arg(long)]
    up: bool,

    /// Lines shown at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit: usize,
}

const COLUMNS: [Column; 5] = [
    left("TASK"),
    left("STATE"),
    right("ATTEMPT"),
    right("TOOK"),
    left("WHEN"),
];

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let mut roots = Vec::new();
    select::visit(&queue, &arguments.ids.concat(), &[], |ids| {
        roots.extend_from_slice(ids);
        Ok(())
    })?;
    roots.sort_unstable();
    roots.dedup();
    let tree = Tree::grow(&queue, &roots, arguments.up, arguments.limit)?;
    tree.show(context, queue.now().wall)
}

/// Tasks in the order they are shown in.
#[derive(Debug, Default)]
pub(super) struct Tree {
    lines: Vec<Line>,
    edges: Vec<Edge>,
    /// Whether there is more than was asked for.
    cut: bool,
}

#[derive(Debug)]
struct Line {
    /// The branches in front of it.
    branches: String,
    /// How the task has to end or the one above it, unless it is a root.
    condition: Option<Condition>,
    task: Task,
    /// Whether its own branches stand elsewhere.
    again: bool,
}

/// A task still to be visited.
struct Next {
    id: TaskId,
    condition: Option<Condition>,
    /// What stands in front of its line, and in front of the lines below it.
    branches: String,
    below: String,
}

impl Tree {
    /// Follows the edges from `roots` down, or `up`, for at most `limit` lines.
    pub(super) fn grow(
        queue: &WorkflowQueue,
        roots: &[TaskId],
        up: bool,
        limit: usize,
    ) -> Result<Self> {
        let mut tree = Self::default();
        let mut seen = HashSet::new();
        let root = |id: &TaskId| Next {
            id: *id,
            condition: None,
            branches: String::new(),
            below: String::new(),
        };
        for root in roots.iter().map(root) {
            // One that was reached from another root has its place there.
            if seen.contains(&root.id) {
                continue;
            }
            let mut open = vec![root];
            while let Some(next) = open.pop() {
                if tree.lines.len() >= limit {
                    tree.cut = true;
                    return Ok(tree);
                }
                let again = !seen.insert(next.id);
                let task = find(queue, next.id)?;
                let edges = match (again, up) {
                    (true, _) => Vec::new(),
                    (false, true) => queue.dependencies(next.id)?,
                    (false, false) => queue.dependents(next.id)?,
                };
                open.extend(below(&next, &edges, up, limit));
                tree.lines.push(Line {
                    branches: next.branches,
                    condition: next.condition,
                    task,
                    again,
                });
                tree.edges.extend(edges);
            }
        }
        Ok(tree)
    }
}

impl Tree {
    /// Prints it.
    pub(super) fn show(
        &self,
        context: &Context<WorkflowQueue>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if context.screen.is_json() {
            context.screen.json(&self.view())?;
        } else {
            context.screen.table(&self.table(now))?;
        }
        if self.cut {
            let shown = self.lines.len();
            note(&format!(
                "more follows after {shown} lines: --limit {}",
                shown * 10
            ));
        }
        Ok(())
    }

    fn table(&self, now: Timestamp) -> Table {
        let mut table = Table::new(&COLUMNS);
        for line in &self.lines {
            let task = &line.task;
            let mut label = format!("{}{} {}", line.branches, task.id, task.name);
            if let Some(condition) = line.condition.filter(|one| *one != Condition::Success) {
                let _ = write!(label, " ({condition})");
            }
            if line.again {
                label += " (above)";
            }
            let took = tasks::took(task).map_or_else(|| "-".to_owned(), moment::rough);
            table.row([
                &label,
                task.state.as_str(),
                &format!("{}/{}", task.attempt, task.options.max_attempts),
                &took,
                &tasks::when(task, now),
            ]);
        }
        table
    }

    fn view(&self) -> View<'_> {
        let fresh = self.lines.iter().filter(|line| !line.again);
        View {
            tasks: fresh.map(|line| TaskView::from(&line.task)).collect(),
            edges: self
                .edges
                .iter()
                .map(|edge| EdgeView {
                    task: edge.on.0,
                    dependent: edge.dependent.0,
                    condition: edge.condition.as_str(),
                })
                .collect(),
        }
    }
}

/// What hangs below a task, the first on top of the stack.
fn below(next: &Next, edges: &[Edge], up: bool, limit: usize) -> Vec<Next> {
    let mut edges: Vec<(TaskId, Condition)> = edges
        .iter()
        .map(|edge| if up { edge.on } else { edge.dependent })
        .zip(edges.iter().map(|edge| edge.condition))
        .collect();
    edges.sort_unstable();
    let count = edges.len();
    let nodes = edges.into_iter().enumerate().take(limit);
    let mut nodes: Vec<Next> = nodes
        .map(|(index, (id, condition))| {
            let (branch, stem) = if index + 1 == count {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            Next {
                id,
                condition: Some(condition),
                branches: format!("{}{branch}", next.below),
                below: format!("{}{stem}", next.below),
            }
        })
        .collect();
    nodes.reverse();
    nodes
}

#[derive(Serialize)]
struct View<'a> {
    tasks: Vec<TaskView<'a>>,
    edges: Vec<EdgeView>,
}

#[derive(Serialize)]
struct EdgeView {
    task: i64,
    dependent: i64,
    condition: &'static str,
}
