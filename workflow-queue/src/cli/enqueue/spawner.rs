//! The running task whose command calls this program, found by the environment.

use std::path::PathBuf;

use queue_core::claim::{Claim, WorkerId};
use queue_core::cli::Failure;
use queue_core::task::TaskId;

/// A running task.
#[derive(Debug)]
pub(super) struct Spawner {
    pub(super) claim: Claim,
    /// The file it was claimed from.
    pub(super) database: PathBuf,
}

/// The task that this process belongs to.
///
/// # Errors
/// [`Failure::Usage`] outside of a task.
pub(super) fn running() -> Result<Spawner, Failure> {
    let claim = Claim {
        task: TaskId(variable("QUEUE_TASK_ID", |text| text.parse().ok())?),
        token: variable("QUEUE_TOKEN", |text| text.parse().ok())?,
        worker: variable("QUEUE_WORKER", WorkerId::parse)?,
    };
    let database = std::env::var_os("QUEUE_DB").filter(|path| !path.is_empty());
    let database = database.ok_or_else(|| outside("QUEUE_DB is not set"))?;
    Ok(Spawner {
        claim,
        database: database.into(),
    })
}

fn variable<T>(name: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    let Some(text) = std::env::var_os(name).filter(|text| !text.is_empty()) else {
        return Err(outside(&format!("{name} is not set")));
    };
    let value = text.to_str().and_then(read);
    value.ok_or_else(|| outside(&format!("{name} is not what a worker sets")))
}

fn outside(why: &str) -> Failure {
    Failure::Usage(format!(
        "--spawn is for the command of a running task, which this is not: {why}"
    ))
}
