//! `tree`: tasks with those that wait for them, or that they wait for.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use queue_core::cli::json::FullView;
use queue_core::cli::note;
use queue_core::cli::select::{self, Selector};
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, find, moment, number, tasks};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::{Fact, Queue};
use queue_core::task::{Task, TaskId};
use queue_core::workflow::Condition;
use serde::Serialize;
use workflow_queue::{Edge, WorkflowQueue};

/// Show tasks with all that waits for them
///
/// A task that several others lead to stands below the first of them; further down it is only
/// named. A condition other than success stands beside the name. What a task added while it ran
/// stands below it too.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Which tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Show what they wait for instead
    #[arg(long)]
    up: bool,

    /// Lines shown at most
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1000,
        value_parser = number::within(1..=usize::MAX)
    )]
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
    /// How the task has to end or the one above it, unless no edge leads here.
    condition: Option<Condition>,
    task: Task,
    facts: Vec<Fact>,
    /// Who added it while running, and whether that is the line above.
    spawner: Option<(TaskId, bool)>,
    /// Whether its own branches stand elsewhere.
    again: bool,
}

/// A task still to be visited.
struct Next {
    id: TaskId,
    /// The task in the line above.
    above: Option<TaskId>,
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
            above: None,
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
                let details = queue.details(next.id)?.unwrap_or_default();
                if !again {
                    let edges = if up {
                        queue.dependencies(next.id)?
                    } else {
                        queue.dependents(next.id)?
                    };
                    let others = if up {
                        details.spawner.into_iter().collect()
                    } else {
                        queue.spawned(next.id)?
                    };
                    open.extend(below(
                        &next,
                        neighbours(queue, &edges, others, (up, limit))?,
                        limit,
                    ));
                    tree.edges.extend(edges);
                }
                tree.lines.push(Line {
                    branches: next.branches,
                    condition: next.condition,
                    task,
                    facts: queue.facts(next.id)?,
                    spawner: details.spawner.map(|id| (id, next.above == Some(id))),
                    again,
                });
            }
        }
        Ok(tree)
    }
}

/// The tasks at the far ends of edges, and those that are related by having been added, in the order
/// of their ids; of many a few more than `limit`. A pruned one has nothing to show.
fn neighbours(
    queue: &WorkflowQueue,
    edges: &[Edge],
    others: Vec<TaskId>,
    (up, limit): (bool, usize),
) -> Result<Vec<(TaskId, Option<Condition>)>> {
    let mut found: BTreeMap<TaskId, Option<Condition>> =
        others.into_iter().map(|id| (id, None)).collect();
    let far = |edge: &Edge| if up { edge.on } else { edge.dependent };
    found.extend(edges.iter().map(|edge| (far(edge), Some(edge.condition))));
    let mut neighbours = Vec::new();
    for (id, condition) in found.into_iter().take(limit.saturating_add(1)) {
        // Only what is above may be gone: edges down go with the task they lead to.
        if !up || queue.get(id)?.is_some() {
            neighbours.push((id, condition));
        }
    }
    Ok(neighbours)
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
            match line.spawner {
                Some((_, true)) => label += " (spawned)",
                Some((id, false)) => {
                    let _ = write!(label, " (spawned by {id})");
                }
                None => {}
            }
            if line.again {
                label += " (above)";
            }
            let took = tasks::took(task).map_or_else(|| "-".to_owned(), moment::rough);
            table.row([
                &label,
                task.state.as_str(),
                &format!("{}/{}", task.attempts_spent(), task.options.max_attempts),
                &took,
                &tasks::when(task, now),
            ]);
        }
        table
    }

    fn view(&self) -> View<'_> {
        let fresh = self.lines.iter().filter(|line| !line.again);
        View {
            tasks: fresh
                .map(|line| FullView::new(&line.task, &line.facts))
                .collect(),
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
fn below(next: &Next, nodes: Vec<(TaskId, Option<Condition>)>, limit: usize) -> Vec<Next> {
    let count = nodes.len();
    let nodes = nodes.into_iter().enumerate().take(limit);
    let mut nodes: Vec<Next> = nodes
        .map(|(index, (id, condition))| {
            let (branch, stem) = if index + 1 == count {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            Next {
                id,
                above: Some(next.id),
                condition,
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
    tasks: Vec<FullView<'a>>,
    edges: Vec<EdgeView>,
}

#[derive(Serialize)]
struct EdgeView {
    task: i64,
    dependent: i64,
    condition: &'static str,
}
