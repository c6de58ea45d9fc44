//! What the engines do, the one table of it that `compare` counts and `choose` decides by.

/// Something that a person may need of a queue.
#[derive(Debug)]
pub(crate) struct Feature {
    /// One word, as `choose --needs` takes it.
    pub(crate) need: &'static str,
    /// The same in a clause.
    pub(crate) what: &'static str,
    pub(crate) of: Of,
    /// The verb of the programs that has it, and the option; the verb alone if that is empty.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the table is held against the programs")
    )]
    shown_by: (&'static str, &'static str),
}

/// Which engine does it.
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

/// All of them.
pub(crate) const FEATURES: [Feature; 23] = [
    both(
        "priorities",
        "tasks that go first",
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
        "codes never or always retried",
        ("enqueue", "--fatal-codes"),
    ),
    both(
        "timeouts",
        "a longest time for an attempt",
        ("enqueue", "--timeout"),
    ),
    both(
        "queues",
        "streams of tasks apart from each other",
        ("enqueue", "--queue"),
    ),
    both(
        "pause",
        "queues that can be stopped for a while",
        ("pause", ""),
    ),
    both("slots", "several tasks at once", ("worker", "--slots")),
    both(
        "drain",
        "a worker that ends with the work",
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
        "tasks of a stopped worker come back",
        ("worker", "--lease"),
    ),
    workflow(
        "limits",
        "at most so many at once, or so often",
        ("enqueue", "--limit-key"),
    ),
    workflow(
        "deadlines",
        "a time to have started or ended by",
        ("enqueue", "--finish-within"),
    ),
    workflow(
        "key-scopes",
        "keys that last as long as wanted",
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

/// Those that only workflow-queue has.
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

    /// A program that cargo has put beside the test.
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
