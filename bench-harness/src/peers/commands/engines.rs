//! The engines' programs, in both ways to run many commands.

use super::{Batch, Runner};
use crate::Result;
use crate::suite::verb;
use crate::systems::EngineName;

const RUN: &str = "`run FILE --slots SLOTS`; durable at `fast`, output kept";
const WORKER: &str = "`add-task --stdin`, then `worker --drain`; durable at `fast`, output kept";

pub(super) const FAST_RUN: Runner = Runner {
    name: "fast-queue run",
    needs: None,
    note: RUN,
    run: |batch| run(batch, EngineName::Fast),
};

pub(super) const FAST_WORKER: Runner = Runner {
    name: "fast-queue worker",
    needs: None,
    note: WORKER,
    run: |batch| worker(batch, EngineName::Fast),
};

pub(super) const WORKFLOW_RUN: Runner = Runner {
    name: "workflow-queue run",
    needs: None,
    note: RUN,
    run: |batch| run(batch, EngineName::Workflow),
};

pub(super) const WORKFLOW_WORKER: Runner = Runner {
    name: "workflow-queue worker",
    needs: None,
    note: WORKER,
    run: |batch| worker(batch, EngineName::Workflow),
};

// Both ways exit 0 only if every command has succeeded.

fn run(batch: &Batch<'_>, engine: EngineName) -> Result<f64> {
    let lines = batch.folder.join("lines");
    std::fs::write(&lines, batch.lines())?;
    let (lines, slots) = (lines.to_string_lossy(), batch.slots.to_string());
    let database = batch.folder.join("tasks.db");
    let mut run = verb(engine, &database, &["run", &lines, "--slots", &slots])?;
    batch.time(&mut run, "")
}

fn worker(batch: &Batch<'_>, engine: EngineName) -> Result<f64> {
    let slots = batch.slots.to_string();
    let database = batch.folder.join("tasks.db");
    let mut add = verb(engine, &database, &["add-task", "--stdin"])?;
    let mut work = verb(engine, &database, &["worker", "--drain", "--slots", &slots])?;
    Ok(batch.time(&mut add, &batch.lines())? + batch.time(&mut work, "")?)
}
