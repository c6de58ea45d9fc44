//! The scenarios. Each can be repeated without a double effect.

use std::fmt::Write as _;
use std::fs;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::process::scratch::describe_exit;
use crate::process::{Program, ScratchFolder};

/// One verb on a file prepared for it.
pub(super) struct Scenario {
    /// Action, and program.
    pub(super) name: &'static str,
    /// Program that runs the verb.
    pub(super) program: Program,
    /// Program whose worker finishes the tasks afterwards.
    pub(super) finisher: Program,
    pub(super) durability: Durability,
    /// Fills the initial file.
    pub(super) prepare: fn(&ScratchFolder, Program) -> Result<()>,
    /// Command-line arguments.
    pub(super) words: &'static [&'static str],
    /// Reads the file `input` beside the database.
    pub(super) reads_input: bool,
    /// Is one transaction, so that the file is in the state before or after it.
    pub(super) is_atomic: bool,
    /// Leaves every row unchanged.
    pub(super) keeps_content: bool,
    /// Output of a successful run.
    pub(super) says: &'static str,
}

const ADD: &[&str] = &["add-task", "new", "true", "--key", "k", "--print", "id"];
const RESTORE: &[&str] = &["restore", "backup.db"];
const WORK: &[&str] = &["worker", "--drain", "--slots", "1"];

impl Scenario {
    /// Returns true if the verb begins a new epoch, in which no earlier claim is valid.
    pub(super) fn restores(&self) -> bool {
        self.words == RESTORE
    }
}

/// A verb of fast-queue at `fast`, in one transaction.
const VERB: Scenario = Scenario {
    name: "",
    program: Program::Fast,
    finisher: Program::Fast,
    durability: Durability::Fast,
    prepare: few_tasks,
    words: &[],
    reads_input: false,
    is_atomic: true,
    keeps_content: false,
    says: "1\n",
};

const FLOW: Scenario = Scenario {
    program: Program::Workflow,
    finisher: Program::Workflow,
    durability: Durability::Full,
    ..VERB
};

/// All scenarios except `shrink`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fast-queue makes a new file",
        prepare: nothing,
        words: ADD,
        ..VERB
    },
    Scenario {
        name: "workflow-queue makes a new file",
        prepare: nothing,
        words: ADD,
        ..FLOW
    },
    Scenario {
        name: "fast-queue add-task",
        words: ADD,
        says: "4\n",
        ..VERB
    },
    Scenario {
        name: "workflow-queue add-task",
        words: ADD,
        says: "4\n",
        ..FLOW
    },
    Scenario {
        name: "fast-queue add-task --stdin",
        words: &["add-task", "--stdin"],
        reads_input: true,
        says: "Added 50 tasks",
        ..VERB
    },
    Scenario {
        name: "workflow-queue enqueue --stdin",
        words: &["enqueue", "--stdin"],
        reads_input: true,
        says: "Added 50 tasks",
        ..FLOW
    },
    Scenario {
        name: "fast-queue worker",
        prepare: one_waits,
        words: WORK,
        is_atomic: false,
        says: "task 1 (one) succeeded",
        ..VERB
    },
    Scenario {
        name: "workflow-queue worker",
        prepare: one_waits,
        words: WORK,
        is_atomic: false,
        says: "task 1 (one) succeeded",
        ..FLOW
    },
    Scenario {
        name: "fast-queue cancel",
        words: &["cancel", "3"],
        says: "Cancelled task 3",
        ..VERB
    },
    Scenario {
        name: "workflow-queue cancel",
        words: &["cancel", "3"],
        says: "Cancelled task 3",
        ..FLOW
    },
    Scenario {
        name: "fast-queue retry",
        words: &["retry", "1"],
        says: "Requeued task 1",
        ..VERB
    },
    Scenario {
        name: "workflow-queue retry",
        words: &["retry", "1"],
        says: "Requeued task 1",
        ..FLOW
    },
    Scenario {
        name: "fast-queue prune",
        prepare: many_ended,
        words: &["prune", "--keep", "5"],
        says: "Pruned 25 tasks",
        ..VERB
    },
    Scenario {
        name: "workflow-queue prune",
        prepare: many_ended,
        words: &["prune", "--keep", "5"],
        says: "Pruned 25 tasks",
        ..FLOW
    },
    Scenario {
        name: "fast-queue copies a long log back",
        prepare: long_log,
        words: ADD,
        says: "9\n",
        ..VERB
    },
    Scenario {
        name: "fast-queue restore",
        prepare: a_backup,
        words: RESTORE,
        says: "Restored",
        ..VERB
    },
    Scenario {
        name: "workflow-queue restore",
        prepare: a_backup,
        words: RESTORE,
        says: "Restored",
        ..FLOW
    },
    Scenario {
        name: "workflow-queue promotes a file",
        prepare: fast_file,
        words: &["promote"],
        is_atomic: false,
        says: "Promoted",
        ..FLOW
    },
];

/// `shrink` of a file with space to give back.
pub(super) const SHRINKS: &[Scenario] = &[
    Scenario {
        name: "fast-queue shrink",
        prepare: pruned,
        words: &["shrink"],
        keeps_content: true,
        says: "Shrunk",
        ..VERB
    },
    Scenario {
        name: "workflow-queue shrink",
        prepare: pruned,
        words: &["shrink"],
        keeps_content: true,
        says: "Shrunk",
        ..FLOW
    },
];

/// Leaves the database missing, and writes only the input.
fn nothing(scratch: &ScratchFolder, _: Program) -> Result<()> {
    Ok(fs::write(scratch.file("input"), "")?)
}

/// Enqueues a task that failed, two that wait, and an input of many more.
fn few_tasks(scratch: &ScratchFolder, program: Program) -> Result<()> {
    scratch.ok(
        program,
        &["add-task", "failed", "exit 1", "--max-attempts", "1"],
    )?;
    scratch.run(program, &["worker", "--drain"])?;
    for name in ["one", "two"] {
        scratch.ok(program, &["add-task", name, "true"])?;
    }
    let mut lines = String::new();
    for task in 0..50 {
        let name = format!("bulk-{task}");
        let line = serde_json::json!({"name": name, "command": "true", "key": name});
        writeln!(lines, "{line}")?;
    }
    Ok(fs::write(scratch.file("input"), lines)?)
}

fn one_waits(scratch: &ScratchFolder, program: Program) -> Result<()> {
    scratch.ok(program, &["add-task", "one", "true"])?;
    Ok(())
}

fn many_ended(scratch: &ScratchFolder, program: Program) -> Result<()> {
    add(scratch, program, &"true\n".repeat(30))?;
    scratch.ok(program, &["worker", "--drain"])?;
    Ok(())
}

/// Makes a backup, and a task that is not in it.
fn a_backup(scratch: &ScratchFolder, program: Program) -> Result<()> {
    few_tasks(scratch, program)?;
    scratch.ok(program, &["backup", "backup.db"])?;
    scratch.ok(program, &["add-task", "later", "true"])?;
    Ok(())
}

/// Fills the log until the next program copies it back into the file.
fn long_log(scratch: &ScratchFolder, program: Program) -> Result<()> {
    let long = format!("true # {}\n", "x".repeat(100_000));
    add(scratch, program, &long.repeat(8))
}

/// Leaves some tasks of every kind, in a file with space for many more.
fn pruned(scratch: &ScratchFolder, program: Program) -> Result<()> {
    let long = format!("true # {}\n", "x".repeat(300));
    add(scratch, program, &long.repeat(300))?;
    scratch.ok(program, &["cancel", "all"])?;
    scratch.ok(program, &["prune", "--older-than", "0s"])?;
    few_tasks(scratch, program)
}

fn fast_file(scratch: &ScratchFolder, _: Program) -> Result<()> {
    few_tasks(scratch, Program::Fast)
}

fn add(scratch: &ScratchFolder, program: Program, lines: &str) -> Result<()> {
    fs::write(scratch.file("input"), lines)?;
    let mut bulk = scratch.command(program, &["add-task", "--stdin", "bulk"])?;
    bulk.stdin(fs::File::open(scratch.file("input"))?);
    let output = bulk.output()?;
    if !output.status.success() {
        return Err(describe_exit(&output).into());
    }
    Ok(())
}
