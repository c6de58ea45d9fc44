//! The scenarios. Each can be repeated without doing anything twice.

use std::fmt::Write as _;
use std::fs;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::process::arena::said;
use crate::process::{Arena, Program};

/// One verb on a file prepared for it.
pub(super) struct Scenario {
    /// What is done, with whose program.
    pub(super) name: &'static str,
    /// Whose program does it.
    pub(super) program: Program,
    /// Whose worker finishes the tasks afterwards.
    pub(super) finisher: Program,
    pub(super) durability: Durability,
    /// What the file holds before.
    pub(super) prepare: fn(&Arena, Program) -> Result<()>,
    /// The arguments.
    pub(super) words: &'static [&'static str],
    /// Whether it reads the arena's file `input`.
    pub(super) reads_input: bool,
    /// Whether it is one transaction, so that the file is as before or as after.
    pub(super) is_atomic: bool,
    /// Whether the file's rows stay as they are, to the last byte.
    pub(super) keeps_content: bool,
    /// What the program says once it is done.
    pub(super) says: &'static str,
}

const ADD: &[&str] = &["add-task", "new", "true", "--key", "k", "--print", "id"];
const RESTORE: &[&str] = &["restore", "backup.db"];
const WORK: &[&str] = &["worker", "--drain", "--slots", "1"];

impl Scenario {
    /// Whether it begins a new epoch, in which no claim from before is good.
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
    prepare: a_few,
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

/// All of them.
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

/// Of a file that is not there yet, only what the input holds.
fn nothing(arena: &Arena, _: Program) -> Result<()> {
    Ok(fs::write(arena.file("input"), "")?)
}

/// A task that failed, two that wait, and lines for many more.
fn a_few(arena: &Arena, program: Program) -> Result<()> {
    arena.ok(
        program,
        &["add-task", "failed", "exit 1", "--max-attempts", "1"],
    )?;
    arena.run(program, &["worker", "--drain"])?;
    for name in ["one", "two"] {
        arena.ok(program, &["add-task", name, "true"])?;
    }
    let mut lines = String::new();
    for task in 0..50 {
        let name = format!("bulk-{task}");
        let line = serde_json::json!({"name": name, "command": "true", "key": name});
        writeln!(lines, "{line}")?;
    }
    Ok(fs::write(arena.file("input"), lines)?)
}

fn one_waits(arena: &Arena, program: Program) -> Result<()> {
    arena.ok(program, &["add-task", "one", "true"])?;
    Ok(())
}

fn many_ended(arena: &Arena, program: Program) -> Result<()> {
    add(arena, program, &"true\n".repeat(30))?;
    arena.ok(program, &["worker", "--drain"])?;
    Ok(())
}

/// A backup, and a task that is not in it.
fn a_backup(arena: &Arena, program: Program) -> Result<()> {
    a_few(arena, program)?;
    arena.ok(program, &["backup", "backup.db"])?;
    arena.ok(program, &["add-task", "later", "true"])?;
    Ok(())
}

/// So much in the log that the next program copies it back into the file.
fn long_log(arena: &Arena, program: Program) -> Result<()> {
    let long = format!("true # {}\n", "x".repeat(100_000));
    add(arena, program, &long.repeat(8))
}

/// Some tasks of every kind, in a file with space for many more.
fn pruned(arena: &Arena, program: Program) -> Result<()> {
    let long = format!("true # {}\n", "x".repeat(300));
    add(arena, program, &long.repeat(300))?;
    arena.ok(program, &["cancel", "all"])?;
    arena.ok(program, &["prune", "--older-than", "0s"])?;
    a_few(arena, program)
}

fn fast_file(arena: &Arena, _: Program) -> Result<()> {
    a_few(arena, Program::Fast)
}

fn add(arena: &Arena, program: Program, lines: &str) -> Result<()> {
    fs::write(arena.file("input"), lines)?;
    let mut bulk = arena.command(program, &["add-task", "--stdin", "bulk"])?;
    bulk.stdin(fs::File::open(arena.file("input"))?);
    let output = bulk.output()?;
    if !output.status.success() {
        return Err(said(&output).into());
    }
    Ok(())
}
