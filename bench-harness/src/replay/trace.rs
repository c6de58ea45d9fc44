//! A workflow trace whose parts agree: tasks by their places in the file, what each waits for, and
//! an order in which every task comes after its dependencies.

use std::collections::{HashMap, HashSet};

use super::wfformat::{Execution, Specification, Task, Workflow};
use crate::Result;

/// Tasks of a trace at most.
const MAX_TASKS: usize = 1_000_000;
/// The longest runtime in seconds: 100 years.
const MAX_SECONDS: f64 = 3.2e9;
/// The tasks that a message about a cycle names at most.
const NAMED_AT_MOST: usize = 12;

/// A trace that can be replayed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trace {
    /// In the order of the file.
    pub(super) tasks: Vec<TraceTask>,
    /// Every place once, dependencies first.
    pub(super) order: Vec<usize>,
}

/// A task of a trace.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TraceTask {
    /// Its id in the file; any text.
    pub(super) id: String,
    /// How long it ran, in seconds, if that was recorded.
    pub(super) seconds: Option<f64>,
    /// The places of the tasks it waits for, ascending.
    pub(super) dependencies: Vec<usize>,
}

impl Trace {
    /// Checks a workflow and takes from it what is replayed.
    ///
    /// # Errors
    /// In a sentence that names the place: no tasks or too many, an id twice, a parent, child, file
    /// or recorded task that is not there, parents and children that contradict each other, a
    /// runtime that is negative or longer than 100 years, a cycle.
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
        let places = unique("task", ids)?;
        check_files(&specification)?;
        let dependencies = edges(&specification.tasks, &places)?;
        let seconds = runtimes(execution.as_ref(), &places)?;
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

    /// How many edges it has.
    pub(super) fn edges(&self) -> usize {
        self.tasks.iter().map(|task| task.dependencies.len()).sum()
    }

    /// The recorded runtimes times `scale`, in seconds.
    ///
    /// # Errors
    /// When some were not recorded.
    pub(super) fn scaled(&self, scale: f64) -> Result<Vec<f64>> {
        let lacks = |(_, task): &(usize, &TraceTask)| task.seconds.is_none();
        let mut missing = self.tasks.iter().enumerate().filter(lacks);
        if let Some((place, task)) = missing.next() {
            return Err(format!(
                "{} of {} tasks have no runtimeInSeconds, which --sleep needs; the first is {}",
                1 + missing.count(),
                self.tasks.len(),
                label(place, &task.id)
            )
            .into());
        }
        let seconds = self.tasks.iter().filter_map(|task| task.seconds);
        Ok(seconds.map(|seconds| seconds * scale).collect())
    }
}

/// A task in a message.
fn label(place: usize, id: &str) -> String {
    format!("task {place} ({id:?})")
}

/// The places of the ids, none of which may occur twice.
fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a str>) -> Result<HashMap<&'a str, usize>> {
    let mut places = HashMap::new();
    for (place, id) in ids.enumerate() {
        if let Some(first) = places.insert(id, place) {
            return Err(format!("{what}s {first} and {place} have the same id {id:?}").into());
        }
    }
    Ok(places)
}

fn check_files(specification: &Specification) -> Result<()> {
    let files = unique("file", specification.files.iter().map(|file| &*file.id))?;
    for (place, task) in specification.tasks.iter().enumerate() {
        let named = task.input_files.iter().chain(&task.output_files);
        for file in named {
            if !files.contains_key(file.as_str()) {
                let task = label(place, &task.id);
                return Err(format!("{task} names the file {file:?}, which is not listed").into());
            }
        }
    }
    Ok(())
}

/// What each task waits for: the edges that both ends name.
fn edges(tasks: &[Task], places: &HashMap<&str, usize>) -> Result<Vec<Vec<usize>>> {
    let mut dependencies = Vec::with_capacity(tasks.len());
    let mut from_parents = HashSet::new();
    for (place, task) in tasks.iter().enumerate() {
        let mut own = neighbours(place, task, "parent", places)?;
        own.sort_unstable();
        own.dedup();
        from_parents.extend(own.iter().map(|parent| (*parent, place)));
        dependencies.push(own);
    }
    let mut from_children = HashSet::new();
    for (place, task) in tasks.iter().enumerate() {
        for child in neighbours(place, task, "child", places)? {
            if !from_parents.contains(&(place, child)) {
                return Err(one_sided(tasks, (place, "child"), (child, "parent")));
            }
            from_children.insert((place, child));
        }
    }
    for (place, own) in dependencies.iter().enumerate() {
        let unsaid = |parent: &&usize| !from_children.contains(&(**parent, place));
        if let Some(parent) = own.iter().find(unsaid) {
            return Err(one_sided(tasks, (place, "parent"), (*parent, "child")));
        }
    }
    Ok(dependencies)
}

/// The places of a task's parents or children, as listed.
fn neighbours(
    place: usize,
    task: &Task,
    role: &str,
    places: &HashMap<&str, usize>,
) -> Result<Vec<usize>> {
    let ids = if role == "parent" {
        &task.parents
    } else {
        &task.children
    };
    let found = ids.iter().map(|id| {
        places.get(id.as_str()).copied().ok_or_else(|| {
            let task = label(place, &task.id);
            format!("{task} names the {role} {id:?}, which is no task of it").into()
        })
    });
    found.collect()
}

/// The error about an edge that only one of its ends names.
fn one_sided(
    tasks: &[Task],
    (one, role): (usize, &str),
    (other, missing): (usize, &str),
) -> Box<dyn std::error::Error + Send + Sync> {
    let [one, other] = [one, other].map(|place| label(place, &tasks[place].id));
    format!("{one} names {other} as its {role}, but is not named by it as its {missing}").into()
}

/// The recorded seconds of every task.
fn runtimes(
    execution: Option<&Execution>,
    places: &HashMap<&str, usize>,
) -> Result<Vec<Option<f64>>> {
    let mut seconds = vec![None; places.len()];
    let runs = execution.map_or(&[][..], |execution| &execution.tasks);
    unique("recorded task", runs.iter().map(|run| run.id.as_str()))?;
    for (index, run) in runs.iter().enumerate() {
        let Some(place) = places.get(run.id.as_str()) else {
            let run = &run.id;
            return Err(format!("recorded task {index} ({run:?}) is no task of it").into());
        };
        if let Some(runtime) = run.runtime_in_seconds
            && !(0.0..=MAX_SECONDS).contains(&runtime)
        {
            let task = label(*place, &run.id);
            return Err(format!(
                "{task} has a runtimeInSeconds of {runtime}; it must be 0 to 100 years"
            )
            .into());
        }
        seconds[*place] = run.runtime_in_seconds;
    }
    Ok(seconds)
}

/// Every place once, dependencies first: Kahn, Topological sorting of large networks (1962).
fn order(tasks: &[Task], dependencies: &[Vec<usize>]) -> Result<Vec<usize>> {
    let mut open: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let dependents = dependents(dependencies);
    let mut order: Vec<usize> = (0..tasks.len()).filter(|place| open[*place] == 0).collect();
    let mut next = 0;
    while let Some(place) = order.get(next) {
        next += 1;
        for dependent in &dependents[*place] {
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

/// The reverse of the edges: which tasks wait for each.
pub(super) fn dependents(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (place, own) in dependencies.iter().enumerate() {
        for dependency in own {
            dependents[*dependency].push(place);
        }
    }
    dependents
}

/// The error that names a cycle. Every task with an open dependency has one that is blocked too,
/// so going from one to the next comes back at last.
fn cycle(
    tasks: &[Task],
    dependencies: &[Vec<usize>],
    open: &[usize],
    blocked: usize,
) -> Box<dyn std::error::Error + Send + Sync> {
    let mut path = Vec::new();
    let mut seen = HashMap::new();
    let mut place = Some(blocked);
    while let Some(at) = place {
        if let Some(start) = seen.insert(at, path.len()) {
            path.drain(..start);
            break;
        }
        path.push(at);
        place = dependencies[at].iter().copied().find(|on| open[*on] > 0);
    }
    let mut names: Vec<String> = path
        .iter()
        .take(NAMED_AT_MOST)
        .map(|place| label(*place, &tasks[*place].id))
        .collect();
    if path.len() > NAMED_AT_MOST {
        names.push(format!("… {} more", path.len() - NAMED_AT_MOST));
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
