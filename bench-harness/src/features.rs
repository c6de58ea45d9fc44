//! Features of the engines: the table that `compare` counts and `choose` decides by.

/// A feature that a user may need.
#[derive(Debug)]
pub(crate) struct Feature {
    /// Its name, a single word for `choose --needs`.
    pub(crate) need: &'static str,
    /// Description, as a clause.
    pub(crate) what: &'static str,
    pub(crate) of: Of,
    /// The verb and the option of the programs that provide it; the option is empty if the verb alone
    /// does.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the table is held against the programs")
    )]
    shown_by: (&'static str, &'static str),
}

/// Engines that provide a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Both,
    Workflow,
}

const fn both(
    need: &'static str,
    what: &'static str,
    shown_by: (&'static str, &'static str),
) -> Feature {
    Feature {
        need,
        what,
        of: Of::Both,
        shown_by,
    }
}

const fn workflow(
    need: &'static str,
    what: &'static str,
    shown_by: (&'static str, &'static str),
) -> Feature {
    Feature {
        of: Of::Workflow,
        ..both(need, what, shown_by)
    }
}

/// All features.
pub(crate) const FEATURES: [Feature; 23] = [
    both(
        "priorities",
        "tasks that run before others",
        ("enqueue", "--priority"),
    ),
    both("delays", "tasks that start later", ("enqueue", "--delay")),
    both(
        "keys",
        "a repeated enqueue that adds nothing",
        ("enqueue", "--key"),
    ),
    both(
        "retries",
        "failed tasks that run again",
        ("enqueue", "--max-attempts"),
    ),
    both(
        "exit-codes",
        "exit codes that are never or always retried",
        ("enqueue", "--fatal-codes"),
    ),
    both(
        "timeouts",
        "a time limit for an attempt",
        ("enqueue", "--timeout"),
    ),
    both(
        "queues",
        "separate streams of tasks",
        ("enqueue", "--queue"),
    ),
    both("pause", "queues that can be paused", ("pause", "")),
    both("slots", "several tasks at once", ("worker", "--slots")),
    both(
        "drain",
        "a worker that ends once no task is left",
        ("worker", "--drain"),
    ),
    both("services", "a worker under systemd", ("systemd", "")),
    both(
        "files",
        "every line of a file as a task, resumable",
        ("run", ""),
    ),
    both("logs", "kept output, followed live", ("log", "--follow")),
    both("reasons", "why a task waits", ("why", "")),
    workflow(
        "deps",
        "tasks that depend on others",
        ("enqueue", "--after"),
    ),
    workflow(
        "leases",
        "tasks of a stopped worker run elsewhere",
        ("worker", "--lease"),
    ),
    workflow(
        "limits",
        "limits on concurrency and rate",
        ("enqueue", "--limit-key"),
    ),
    workflow(
        "deadlines",
        "a time by which a task must start or end",
        ("enqueue", "--finish-within"),
    ),
    workflow(
        "key-scopes",
        "keys that expire at a chosen time",
        ("enqueue", "--key-scope"),
    ),
    workflow(
        "spawn",
        "tasks that add tasks to their workflow",
        ("enqueue", "--spawn"),
    ),
    workflow(
        "attempts",
        "a recorded row for every attempt",
        ("attempts", ""),
    ),
    workflow(
        "tree",
        "a workflow shown with its dependencies",
        ("tree", ""),
    ),
    workflow(
        "downstream",
        "a retry of all that a failure skipped",
        ("retry", "--downstream"),
    ),
];

/// Features that only workflow-queue has.
pub(crate) fn of_workflow_only() -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().filter(|feature| feature.of == Of::Workflow)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::{FEATURES, Feature, Of};

    #[test]
    fn every_need_has_one_word_of_its_own() {
        let words: HashSet<&str> = FEATURES.iter().map(|feature| feature.need).collect();
        assert_eq!(words.len(), FEATURES.len());
        let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(words.iter().all(is_word), "{words:?}");
    }

    /// Path of a program that cargo has built beside the test.
    fn program(name: &str) -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).unwrap();
        folder.join(name)
    }

    fn shows(program: &Path, feature: &Feature) -> bool {
        let (verb, option) = feature.shown_by;
        let help = Command::new(program)
            .args([verb, "--help"])
            .output()
            .unwrap();
        help.status.success() && String::from_utf8(help.stdout).unwrap().contains(option)
    }

    #[test]
    fn the_programs_show_what_the_table_says() {
        let [fast, workflow] = ["fast-queue", "workflow-queue"].map(program);
        if !fast.is_file() || !workflow.is_file() {
            let why = "the programs are not built; `cargo test --workspace` builds them";
            let _ = writeln!(std::io::stderr(), "skipped: {why}");
            return;
        }
        for feature in &FEATURES {
            assert!(shows(&workflow, feature), "{feature:?}");
            assert_eq!(shows(&fast, feature), feature.of == Of::Both, "{feature:?}");
        }
    }
}
