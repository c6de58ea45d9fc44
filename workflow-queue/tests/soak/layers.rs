//! A workflow in layers, and the required end of each task, derived from the edges and the failing
//! commands without the engine.

use std::path::Path;

use queue_core::State;
use workflow_queue::{Condition, WorkflowTask};

use queue_testing::soak::command;
use queue_testing::soak::journal::{Journal, Verdicts};

/// A task's behaviour and its required end.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    kind: Kind,
    body: &'static str,
    /// Earlier nodes by index, each once.
    pub(crate) after: Vec<(usize, Condition)>,
    /// [`State::Skipped`], or the end of its last run.
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Well,
    /// The second run succeeds.
    FailsOnce,
    /// Both of its runs fail.
    FailsAlways,
    /// It fails with a code that is not retried.
    FailsForGood,
}

/// The commands before the end: most do nothing, some linger, some in a session of their own.
const BODIES: [&str; 8] = [
    ":",
    "echo done",
    ":",
    "sleep 0.05; say tick",
    ":",
    "for i in 1 2 3; do sleep 0.03; say tick; done",
    ":",
    "(sleep 0.04; say tick) & setsid sleep 0.06; wait",
];

/// `layers` of `width` nodes each. Every node outside the first layer waits for one to three nodes
/// of the two layers before it. One in fifty fails; another one in fifty fails in its first run
/// only.
pub(crate) fn layered(layers: usize, width: usize) -> Vec<Node> {
    let mut rng = fastrand::Rng::with_seed(20_000);
    let mut nodes: Vec<Node> = Vec::with_capacity(layers * width);
    for place in 0..layers * width {
        let layer_begin = place - place % width;
        let candidates = layer_begin.saturating_sub(2 * width)..layer_begin;
        let mut after: Vec<(usize, Condition)> = Vec::new();
        for _ in 0..rng.usize(1..=3) {
            if candidates.is_empty() {
                break;
            }
            let on = rng.usize(candidates.clone());
            if after.iter().all(|(other, _)| *other != on) {
                after.push((on, condition(&mut rng, nodes[on].state)));
            }
        }
        let kind = match rng.u32(0..100) {
            0 => Kind::FailsAlways,
            1 => Kind::FailsForGood,
            2 | 3 => Kind::FailsOnce,
            _ => Kind::Well,
        };
        let held = |(on, condition): &(usize, Condition)| holds(*condition, nodes[*on].state);
        let state = match kind {
            _ if !after.iter().all(held) => State::Skipped,
            Kind::Well | Kind::FailsOnce => State::Succeeded,
            Kind::FailsAlways | Kind::FailsForGood => State::Failed,
        };
        let body = BODIES[rng.usize(0..BODIES.len())];
        nodes.push(Node {
            kind,
            body,
            after,
            state,
        });
    }
    nodes
}

/// A condition that will mostly hold, so that the workflow does not die out after a few layers.
fn condition(rng: &mut fastrand::Rng, of: State) -> Condition {
    let likely = if of == State::Failed {
        Condition::Failure
    } else {
        Condition::Success
    };
    match rng.u32(0..100) {
        0..3 => Condition::Failure,
        3..15 => Condition::Success,
        15..35 => likely,
        _ => Condition::Any,
    }
}

fn holds(condition: Condition, end: State) -> bool {
    match condition {
        Condition::Success => end == State::Succeeded,
        Condition::Failure => end == State::Failed,
        Condition::Any => true,
    }
}

impl Node {
    /// The node as a task that writes a journal.
    pub(crate) fn task(&self, journal: &Path) -> WorkflowTask {
        let body = match self.kind {
            Kind::Well => self.body.to_owned(),
            Kind::FailsOnce => format!(r#"{}; [ "$QUEUE_ATTEMPT" -ge 2 ] || leave 7"#, self.body),
            Kind::FailsAlways => format!("{}; leave 3", self.body),
            Kind::FailsForGood => format!("{}; leave 9", self.body),
        };
        let mut task = command("node", &body, journal);
        task.options.max_attempts = 2;
        task.options.fatal_codes = vec![9];
        let task = WorkflowTask::from(task);
        self.after
            .iter()
            .fold(task, |task, (on, condition)| task.after(*on, *condition))
    }

    /// The required results of its runs.
    pub(crate) fn verdicts(&self) -> Verdicts {
        let (attempts, exit_code) = match (self.state, self.kind) {
            (State::Skipped, _) => (0, None),
            (_, Kind::Well) => (1, Some(0)),
            (_, Kind::FailsOnce) => (2, Some(0)),
            (_, Kind::FailsAlways) => (2, Some(3)),
            (_, Kind::FailsForGood) => (1, Some(9)),
        };
        Verdicts {
            attempts,
            exit_code,
        }
    }
}

/// Runs that started before their dependencies had ended. Node `n` is task `first + n`.
pub(crate) fn order_faults(nodes: &[Node], first: i64, journal: &Journal) -> Vec<String> {
    let mut faults = Vec::new();
    // The journal line at which each node had ended. A skipped node writes none: it ended with the
    // first dependency that could no longer hold.
    let mut ended: Vec<usize> = Vec::with_capacity(nodes.len());
    for (task, node) in (first..).zip(nodes) {
        let runs = journal.of(task);
        for (on, _) in &node.after {
            if runs.first().is_some_and(|run| run.first_line <= ended[*on]) {
                faults.push(format!(
                    "task {task} started before task {} had ended",
                    first + i64::try_from(*on).unwrap()
                ));
            }
        }
        let broken = node
            .after
            .iter()
            .filter(|(on, condition)| !holds(*condition, nodes[*on].state))
            .map(|(on, _)| ended[*on]);
        let line = if node.state == State::Skipped {
            broken.min()
        } else {
            runs.last().map(|run| run.last_line)
        };
        // A node that never ran is a fault reported elsewhere.
        ended.push(line.unwrap_or(0));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failing task, a task skipped because of it, and one that runs after that.
    fn chain() -> Vec<Node> {
        let node = |after, state| Node {
            kind: Kind::FailsForGood,
            body: ":",
            after,
            state,
        };
        vec![
            node(vec![], State::Failed),
            node(vec![(0, Condition::Success)], State::Skipped),
            node(vec![(1, Condition::Any)], State::Failed),
        ]
    }

    #[test]
    fn a_run_after_its_dependencies_end_is_in_order() {
        let text = "start 7 1 1 5 1\nend:9 7 1 1 5 1\nstart 9 1 1 5 1\nend:9 9 1 1 5 1\n";
        assert_eq!(order_faults(&chain(), 7, &Journal::parse(text)), [""; 0]);
    }

    #[test]
    fn a_run_before_the_end_of_its_dependency_is_a_fault() {
        let text = "start 7 1 1 5 1\nstart 9 1 1 5 1\nend:9 9 1 1 5 1\nend:9 7 1 1 5 1\n";
        let faults = order_faults(&chain(), 7, &Journal::parse(text));
        assert_eq!(faults, ["task 9 started before task 8 had ended"]);
    }
}
