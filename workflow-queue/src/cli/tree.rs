//! `tree`: prints tasks with their dependents, or with their dependencies.

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

/// Show tasks with all their dependents
///
/// A task with several dependencies is shown below the first of them; further down it is only
/// named. A condition other than success is shown beside the name. Tasks that a task added while it
/// ran are shown below it too.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Show their dependencies instead
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
    /// True if there are more lines than the limit.
    cut: bool,
}

#[derive(Debug)]
struct Line {
    /// Branches drawn in front of it.
    branches: String,
    /// Condition of the edge from the line above; none for a root or a spawned task.
    condition: Option<Condition>,
    task: Task,
    facts: Vec<Fact>,
    /// The task that added it while it ran, and true if that is the line above.
    spawner: Option<(TaskId, bool)>,
    /// True if its own branches are drawn at another line.
    again: bool,
}

/// A task still to be visited.
struct Next {
    id: TaskId,
    /// The task in the line above.
    above: Option<TaskId>,
    condition: Option<Condition>,
    /// Text in front of its line; `below` is the text in front of the lines below it.
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
            // A task that was reached from another root is drawn there.
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

/// Tasks at the other ends of edges and tasks related by spawning, in the order of their ids; at
/// most a few more than `limit`. Pruned tasks are left out.
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
        // Only dependencies can be pruned alone: an edge to a dependent is deleted with that
        // dependent.
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
        if context.printer.is_json() {
            context.printer.json(&self.view())?;
        } else {
            context.printer.table(&self.table(now))?;
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

/// Tasks below a task, with the first on top of the stack.
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
