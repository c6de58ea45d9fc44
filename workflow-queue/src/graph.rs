//! The edges of a submission, and the check that they close no cycle. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use queue_core::error::{Error, Result};
use queue_core::task::TaskId;
use queue_core::workflow::Condition;

use crate::workflow_task::{On, WorkflowTask};

/// Most tasks that a message about a cycle names.
const NAMED_AT_MOST: usize = 12;

/// The dependency of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Node {
    /// The task at this index of the submission.
    Place(usize),
    /// A stored task.
    Stored(TaskId),
}

/// An edge of a submission: the task at index `dependent` waits for `on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NewEdge {
    /// Index of the dependent.
    pub(crate) dependent: usize,
    /// The dependency.
    pub(crate) on: Node,
    /// Condition on the dependency's end.
    pub(crate) condition: Condition,
}

/// The edges of a submission, sorted by dependent, each once.
///
/// # Errors
/// [`Error::Invalid`] for an unknown index or name, a name that two tasks have, a task that waits
/// for itself, two conditions on one edge, or a cycle.
pub(crate) fn edges(tasks: &[WorkflowTask]) -> Result<Vec<NewEdge>> {
    let mut edges = Vec::with_capacity(tasks.iter().map(|task| task.after.len()).sum());
    let mut names = None;
    for (dependent, task) in tasks.iter().enumerate() {
        for dependency in &task.after {
            let on = match &dependency.on {
                On::Task(id) => Node::Stored(*id),
                On::Index(place) if *place < tasks.len() => Node::Place(*place),
                On::Index(place) => {
                    return Err(Error::invalid(format!(
                        "{} depends on place {place}, but there are only {} tasks",
                        label(tasks, dependent),
                        tasks.len()
                    )));
                }
                On::Name(name) => {
                    let names = names.get_or_insert_with(|| places(tasks));
                    Node::Place(named(names, name, || label(tasks, dependent))?)
                }
            };
            edges.push(NewEdge {
                dependent,
                on,
                condition: dependency.condition,
            });
        }
    }
    tidy(tasks, &mut edges)?;
    check_cycles(tasks, &edges)?;
    Ok(edges)
}

/// Sorts the edges and removes repeated ones.
///
/// # Errors
/// [`Error::Invalid`] for a task that waits for itself and for two conditions on one edge.
pub(crate) fn tidy(tasks: &[WorkflowTask], edges: &mut Vec<NewEdge>) -> Result<()> {
    edges.sort_unstable();
    edges.dedup();
    for pair in edges.windows(2) {
        if (pair[0].dependent, pair[0].on) == (pair[1].dependent, pair[1].on) {
            return Err(Error::invalid(format!(
                "{} depends on one task in two ways, {} and {}; choose one",
                label(tasks, pair[0].dependent),
                pair[0].condition,
                pair[1].condition
            )));
        }
    }
    let own = |edge: &&NewEdge| edge.on == Node::Place(edge.dependent);
    match edges.iter().find(own) {
        Some(edge) => Err(Error::invalid(format!(
            "{} depends on itself",
            label(tasks, edge.dependent)
        ))),
        None => Ok(()),
    }
}

/// Refuses a cycle, with a message that names its tasks.
pub(crate) fn check_cycles(tasks: &[WorkflowTask], edges: &[NewEdge]) -> Result<()> {
    let mut waits = vec![0_usize; tasks.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for edge in edges {
        if let Node::Place(on) = edge.on {
            waits[edge.dependent] += 1;
            dependents[on].push(edge.dependent);
        }
    }
    let mut ready: VecDeque<usize> = (0..tasks.len()).filter(|&task| waits[task] == 0).collect();
    let mut reached = 0;
    while let Some(task) = ready.pop_front() {
        reached += 1;
        for &dependent in &dependents[task] {
            waits[dependent] -= 1;
            if waits[dependent] == 0 {
                ready.push_back(dependent);
            }
        }
    }
    if reached == tasks.len() {
        return Ok(());
    }
    let cycle = cycle(edges, &waits);
    let shown = cycle.iter().take(NAMED_AT_MOST);
    let mut names: Vec<_> = shown.map(|&task| label(tasks, task)).collect();
    if cycle.len() > NAMED_AT_MOST {
        names.push(format!("{} more", cycle.len() - NAMED_AT_MOST));
    }
    names.extend(cycle.first().map(|&task| label(tasks, task)));
    Err(Error::invalid(format!(
        "these tasks wait for each other in a circle: {}",
        names.join(", which waits for ")
    )))
}

/// One cycle among the tasks that still wait; each task is followed by its dependency.
fn cycle(edges: &[NewEdge], waits: &[usize]) -> Vec<usize> {
    let mut next: HashMap<usize, usize> = HashMap::new();
    for edge in edges {
        if let Node::Place(on) = edge.on
            && waits[on] > 0
        {
            next.insert(edge.dependent, on);
        }
    }
    let mut task = waits.iter().position(|&count| count > 0).unwrap_or(0);
    let mut seen = HashSet::new();
    while seen.insert(task) {
        task = next.get(&task).copied().unwrap_or(task);
    }
    let mut cycle = vec![task];
    while let Some(&on) = next.get(cycle.last().unwrap_or(&task)) {
        if on == task {
            break;
        }
        cycle.push(on);
    }
    cycle
}

/// The index of each name; `None` for a name of several tasks.
fn places(tasks: &[WorkflowTask]) -> HashMap<&str, Option<usize>> {
    let mut places = HashMap::with_capacity(tasks.len());
    for (place, task) in tasks.iter().enumerate() {
        places
            .entry(task.task.name.as_str())
            .and_modify(|known| *known = None)
            .or_insert(Some(place));
    }
    places
}

fn named(
    places: &HashMap<&str, Option<usize>>,
    name: &str,
    dependent: impl FnOnce() -> String,
) -> Result<usize> {
    let shown = name.escape_debug();
    match places.get(name) {
        Some(Some(place)) => Ok(*place),
        Some(None) => Err(Error::invalid(format!(
            "{} depends on \"{shown}\", but several tasks have that name",
            dependent()
        ))),
        None => Err(Error::invalid(format!(
            "{} depends on \"{shown}\", but no task here has that name",
            dependent()
        ))),
    }
}

/// The label of a task in messages: the line it was read from; otherwise, if it is not the only
/// one, its number from 1.
pub(crate) fn label(tasks: &[WorkflowTask], place: usize) -> String {
    let task = &tasks[place];
    let name = task.task.name.escape_debug();
    match task.line {
        Some(line) => format!("line {line} \"{name}\""),
        None if tasks.len() == 1 => format!("task \"{name}\""),
        None => format!("task {} \"{name}\"", place + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use queue_core::workflow::Condition;

    use super::{Node, edges};
    use crate::workflow_task::{On, WorkflowTask};

    fn tasks(after: &[(&str, &[&str])]) -> Vec<WorkflowTask> {
        let task = |(name, after): &(&str, &[&str])| {
            let task = WorkflowTask::shell(*name, "true");
            let depend = |task: WorkflowTask, on: &&str| task.after(*on, Condition::Success);
            after.iter().fold(task, depend)
        };
        after.iter().map(task).collect()
    }

    fn refusal(tasks: &[WorkflowTask]) -> String {
        edges(tasks).unwrap_err().to_string()
    }

    #[test]
    fn names_may_refer_forwards_and_repeat_an_edge() {
        let found = edges(&tasks(&[("b", &["a", "a"]), ("a", &[])])).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].dependent, found[0].on), (0, Node::Place(1)));
    }

    #[test]
    fn unknown_ambiguous_and_repeated_dependencies_are_refused_by_name() {
        assert!(refusal(&tasks(&[("a", &["x"])])).contains("no task here has that name"));
        assert!(refusal(&tasks(&[("a", &["a"])])).contains("depends on itself"));
        let twice = tasks(&[("a", &[]), ("a", &[]), ("b", &["a"])]);
        assert!(refusal(&twice).contains("several tasks have that name"));
        let beyond = WorkflowTask::shell("a", "true").after(1_usize, Condition::Any);
        assert!(refusal(&[beyond]).contains("only 1 tasks"));
        let mut two_ways = tasks(&[("a", &[]), ("b", &["a"])]);
        two_ways[1] = two_ways[1].clone().after("a", Condition::Failure);
        assert!(refusal(&two_ways).contains("success and failure"));
    }

    /// Blank lines and comments are no tasks: the third task may be on line 7.
    #[test]
    fn tasks_read_from_lines_are_labelled_by_line_number() {
        let mut read = tasks(&[("a", &["b"]), ("b", &["a"])]);
        (read[0].line, read[1].line) = (Some(3), Some(7));
        let circle = "line 3 \"a\", which waits for line 7 \"b\", which waits for line 3 \"a\"";
        assert!(refusal(&read).contains(circle), "{}", refusal(&read));
        let alone = WorkflowTask::shell("a", "true").after("a", Condition::Success);
        assert_eq!(refusal(&[alone]), "task \"a\" depends on itself");
    }

    #[test]
    fn a_cycle_is_refused_with_its_edges() {
        let circle = tasks(&[
            ("x", &["b"]),
            ("a", &["c"]),
            ("b", &["a"]),
            ("c", &["b", "d"]),
            ("d", &[]),
        ]);
        let message = refusal(&circle);
        for edge in [
            "task 2 \"a\", which waits for task 4 \"c\"",
            "task 4 \"c\", which waits for task 3 \"b\"",
            "task 3 \"b\", which waits for task 2 \"a\"",
        ] {
            assert!(message.contains(edge), "{message}");
        }
        assert!(
            !message.contains("\"x\"") && !message.contains("\"d\""),
            "{message}"
        );
    }

    #[test]
    fn a_cycle_is_found_behind_tasks_outside_it() {
        let message = refusal(&tasks(&[
            ("a", &[]),
            ("b", &["c"]),
            ("c", &["b"]),
            ("d", &["b"]),
        ]));
        let circle = "task 2 \"b\", which waits for task 3 \"c\", which waits for task 2 \"b\"";
        assert!(message.contains(circle), "{message}");
    }

    #[test]
    fn a_long_cycle_is_named_in_part() {
        let ring = |length: usize| -> Vec<_> {
            let after = |place: usize| On::Index((place + 1) % length);
            (0..length)
                .map(|place| WorkflowTask::shell("t", "true").after(after(place), Condition::Any))
                .collect()
        };
        let links = |message: &str| message.matches("which waits for task").count();
        let whole = refusal(&ring(12));
        assert!(!whole.contains("more"), "{whole}");
        assert_eq!(links(&whole), 12);
        let longer = refusal(&ring(14));
        assert!(
            longer.contains("which waits for 2 more, which waits for task 1"),
            "{longer}"
        );
        assert_eq!(links(&longer), 12);
    }

    proptest! {
        #[test]
        fn a_graph_is_accepted_exactly_if_it_can_be_ordered(
            edges_of in prop::collection::vec(prop::collection::vec(0..8_usize, 0..3), 8),
        ) {
            let mut list: Vec<_> = (0..8).map(|n| WorkflowTask::shell(n.to_string(), "true")).collect();
            for (task, after) in list.iter_mut().zip(&edges_of) {
                for on in after {
                    task.after.push(crate::workflow_task::Dependency {
                        on: On::Index(*on),
                        condition: Condition::Success,
                    });
                }
            }
            let mut done = [false; 8];
            for _ in 0..8 {
                for task in 0..8 {
                    done[task] |= edges_of[task].iter().all(|&on| done[on]);
                }
            }
            prop_assert_eq!(edges(&list).is_ok(), done.iter().all(|done| *done));
        }
    }
}
