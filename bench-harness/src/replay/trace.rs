//! A consistent workflow trace: tasks by their index in the file, the dependencies of each, and an
//! order in which every task comes after its dependencies.

use std::collections::{HashMap, HashSet};

use super::wfformat::{Execution, Specification, Task, Workflow};
use crate::Result;

/// Largest number of tasks in a trace.
const MAX_TASKS: usize = 1_000_000;
/// The longest runtime in seconds: 100 years.
const MAX_SECONDS: f64 = 3.2e9;
/// Largest number of tasks named in a message about a cycle.
const MAX_NAMED: usize = 12;

/// A trace that can be replayed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trace {
    /// Tasks in the order of the file.
    pub(super) tasks: Vec<TraceTask>,
    /// Every index once, dependencies first.
    pub(super) order: Vec<usize>,
}

/// A task of a trace.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TraceTask {
    /// Its id in the file; any text.
    pub(super) id: String,
    /// Recorded runtime in seconds, if any.
    pub(super) seconds: Option<f64>,
    /// Indices of the dependencies, ascending.
    pub(super) dependencies: Vec<usize>,
}

impl Trace {
    /// Checks a workflow and keeps the parts to replay.
    ///
    /// # Errors
    /// A sentence that names the position: no tasks or too many, a duplicate id, an unknown parent,
    /// child, file or recorded task, parents and children that contradict each other, a runtime that is
    /// negative or longer than 100 years, a cycle.
    pub(super) fn new(workflow: Workflow) -> Result<Self> {
        let Workflow {
            specification,
            execution,
        } = workflow;
        let count = specification.tasks.len();
        if count == 0 {
            return Err("it has no tasks".into());
        }
        if count > MAX_TASKS {
            return Err(format!("it has {count} tasks; the limit is {MAX_TASKS}").into());
        }
        let ids = specification.tasks.iter().map(|task| task.id.as_str());
        let indices = unique("task", ids)?;
        check_files(&specification)?;
        let dependencies = edges(&specification.tasks, &indices)?;
        let seconds = runtimes(execution.as_ref(), &indices)?;
        let order = order(&specification.tasks, &dependencies)?;
        let tasks = specification.tasks.into_iter().zip(dependencies);
        let tasks = tasks
            .zip(seconds)
            .map(|((task, dependencies), seconds)| TraceTask {
                id: task.id,
                seconds,
                dependencies,
            });
        Ok(Self {
            tasks: tasks.collect(),
            order,
        })
    }

    /// Number of edges.
    pub(super) fn edges(&self) -> usize {
        self.tasks.iter().map(|task| task.dependencies.len()).sum()
    }

    /// The recorded runtimes times `scale`, in seconds.
    ///
    /// # Errors
    /// When a runtime was not recorded.
    pub(super) fn scaled(&self, scale: f64) -> Result<Vec<f64>> {
        let lacks = |(_, task): &(usize, &TraceTask)| task.seconds.is_none();
        let mut missing = self.tasks.iter().enumerate().filter(lacks);
        if let Some((index, task)) = missing.next() {
            return Err(format!(
                "{} of {} tasks have no runtimeInSeconds, which --sleep needs; the first is {}",
                1 + missing.count(),
                self.tasks.len(),
                label(index, &task.id)
            )
            .into());
        }
        let seconds = self.tasks.iter().filter_map(|task| task.seconds);
        Ok(seconds.map(|seconds| seconds * scale).collect())
    }
}

/// Description of a task for messages.
fn label(index: usize, id: &str) -> String {
    format!("task {index} ({id:?})")
}

/// Maps each id to its index; refuses duplicates.
fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a str>) -> Result<HashMap<&'a str, usize>> {
    let mut indices = HashMap::new();
    for (index, id) in ids.enumerate() {
        if let Some(first) = indices.insert(id, index) {
            return Err(format!("{what}s {first} and {index} have the same id {id:?}").into());
        }
    }
    Ok(indices)
}

fn check_files(specification: &Specification) -> Result<()> {
    let files = unique("file", specification.files.iter().map(|file| &*file.id))?;
    for (index, task) in specification.tasks.iter().enumerate() {
        let named = task.input_files.iter().chain(&task.output_files);
        for file in named {
            if !files.contains_key(file.as_str()) {
                let task = label(index, &task.id);
                return Err(format!("{task} names the file {file:?}, which is not listed").into());
            }
        }
    }
    Ok(())
}

/// Dependencies of each task: the edges that both ends name.
fn edges(tasks: &[Task], indices: &HashMap<&str, usize>) -> Result<Vec<Vec<usize>>> {
    let mut dependencies = Vec::with_capacity(tasks.len());
    let mut from_parents = HashSet::new();
    for (index, task) in tasks.iter().enumerate() {
        let mut own = neighbours(index, task, "parent", indices)?;
        own.sort_unstable();
        own.dedup();
        from_parents.extend(own.iter().map(|parent| (*parent, index)));
        dependencies.push(own);
    }
    let mut from_children = HashSet::new();
    for (index, task) in tasks.iter().enumerate() {
        for child in neighbours(index, task, "child", indices)? {
            if !from_parents.contains(&(index, child)) {
                return Err(one_sided(tasks, (index, "child"), (child, "parent")));
            }
            from_children.insert((index, child));
        }
    }
    for (index, own) in dependencies.iter().enumerate() {
        let unsaid = |parent: &&usize| !from_children.contains(&(**parent, index));
        if let Some(parent) = own.iter().find(unsaid) {
            return Err(one_sided(tasks, (index, "parent"), (*parent, "child")));
        }
    }
    Ok(dependencies)
}

/// Indices of a task's parents or children, as listed.
fn neighbours(
    index: usize,
    task: &Task,
    role: &str,
    indices: &HashMap<&str, usize>,
) -> Result<Vec<usize>> {
    let ids = if role == "parent" {
        &task.parents
    } else {
        &task.children
    };
    let found = ids.iter().map(|id| {
        indices.get(id.as_str()).copied().ok_or_else(|| {
            let task = label(index, &task.id);
            format!("{task} names the {role} {id:?}, which is not one of its tasks").into()
        })
    });
    found.collect()
}

/// Error about an edge that only one of its ends names.
fn one_sided(
    tasks: &[Task],
    (one, role): (usize, &str),
    (other, missing): (usize, &str),
) -> Box<dyn std::error::Error + Send + Sync> {
    let [one, other] = [one, other].map(|index| label(index, &tasks[index].id));
    format!("{one} names {other} as its {role}, but is not named by it as its {missing}").into()
}

/// Recorded seconds of every task.
fn runtimes(
    execution: Option<&Execution>,
    indices: &HashMap<&str, usize>,
) -> Result<Vec<Option<f64>>> {
    let mut seconds = vec![None; indices.len()];
    let runs = execution.map_or(&[][..], |execution| &execution.tasks);
    unique("recorded task", runs.iter().map(|run| run.id.as_str()))?;
    for (record, run) in runs.iter().enumerate() {
        let Some(index) = indices.get(run.id.as_str()) else {
            let run = &run.id;
            return Err(format!("recorded task {record} ({run:?}) is not one of its tasks").into());
        };
        if let Some(runtime) = run.runtime_in_seconds
            && !(0.0..=MAX_SECONDS).contains(&runtime)
        {
            let task = label(*index, &run.id);
            return Err(format!(
                "{task} has a runtimeInSeconds of {runtime}; it must be 0 to 100 years"
            )
            .into());
        }
        seconds[*index] = run.runtime_in_seconds;
    }
    Ok(seconds)
}

/// Every index once, dependencies first: Kahn, Topological sorting of large networks (1962).
fn order(tasks: &[Task], dependencies: &[Vec<usize>]) -> Result<Vec<usize>> {
    let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let dependents = dependents(dependencies);
    let mut order: Vec<usize> = (0..tasks.len()).filter(|index| open[*index] == 0).collect();
    let mut next = 0;
    while let Some(index) = order.get(next) {
        next += 1;
        for dependent in &dependents[*index] {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                order.push(*dependent);
            }
        }
    }
    match open.iter().position(|open| *open > 0) {
        None => Ok(order),
        Some(blocked) => Err(cycle(tasks, dependencies, &open, blocked)),
    }
}

/// The reverse edges: the dependents of each task.
pub(super) fn dependents(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (index, own) in dependencies.iter().enumerate() {
        for dependency in own {
            dependents[*dependency].push(index);
        }
    }
    dependents
}

/// Error that names a cycle. Every task with an open dependency has one that is blocked too, so a walk
/// along blocked dependencies ends in a cycle.
fn cycle(
    tasks: &[Task],
    dependencies: &[Vec<usize>],
    open: &[usize],
    blocked: usize,
) -> Box<dyn std::error::Error + Send + Sync> {
    let mut path = Vec::new();
    let mut seen = HashMap::new();
    let mut index = Some(blocked);
    while let Some(at) = index {
        if let Some(start) = seen.insert(at, path.len()) {
            path.drain(..start);
            break;
        }
        path.push(at);
        index = dependencies[at].iter().copied().find(|on| open[*on] > 0);
    }
    let mut names: Vec<String> = path
        .iter()
        .take(MAX_NAMED)
        .map(|index| label(*index, &tasks[*index].id))
        .collect();
    if path.len() > MAX_NAMED {
        names.push(format!("… {} more", path.len() - MAX_NAMED));
    }
    names.extend(names.first().cloned());
    format!(
        "its tasks wait for each other in a circle: {}",
        names.join(" → ")
    )
    .into()
}

#[cfg(test)]
mod tests;
