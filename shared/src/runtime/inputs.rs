//! What a command is given of the tasks that its own depends on: their outputs, as files in a private
//! folder that lasts as long as the attempt, and short ones as variables too.
//!
//! For each dependency `ID.out` and `ID.err` hold what was kept of its two streams, byte for byte.
//! `index.json` says the rest, an entry a line. Names are made of numbers, whatever tasks are called.

mod writer;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::log::last_outputs;
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::sidecar::{Sidecar, files};
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::workflow::Edge;
use writer::Writer;

/// Bytes of an output that is a variable too, at most.
pub(crate) const VARIABLE_BYTES: usize = 4 << 10;
/// Bytes of all such variables of a command, with their names: a small part of what the system
/// lets a program be started with.
pub(crate) const VARIABLES_BYTES: usize = 32 << 10;

/// The variable that names the folder.
pub(super) const FOLDER: &str = "QUEUE_INPUTS";
/// What the names of the others begin with; the dependency's id follows.
pub(super) const VARIABLE: &str = "QUEUE_INPUT_";

/// Outputs held in memory at a time. One is 128 KiB and a little at most.
const PAGE: usize = 64;

/// Where an executor finds what a task depends on. Its threads ask at the same time.
pub trait Source: Send + Sync {
    /// The edges to what a task depends on, by id.
    ///
    /// # Errors
    /// As [`Queue::dependencies`].
    fn edges(&self, task: TaskId) -> Result<Vec<Edge>>;

    /// Writes the outputs at the other end of a running task's edges into a folder of its claim's
    /// own. A few of them are in memory at a time, however many there are. `None` if `cancelled`
    /// was set meanwhile; then nothing is left of the folder.
    ///
    /// # Errors
    /// When an output cannot be read, or a file not be written.
    fn prepare(
        &self,
        claim: Claim,
        edges: &[Edge],
        cancelled: &AtomicBool,
    ) -> Result<Option<Inputs>>;

    /// Removes the folders of claims that hold no longer: what killed workers left.
    ///
    /// # Errors
    /// As [`Queue::get`].
    fn sweep(&self) -> Result<()>;
}

impl<Q: Queue> Source for Q {
    fn edges(&self, task: TaskId) -> Result<Vec<Edge>> {
        self.dependencies(task)
    }

    fn prepare(
        &self,
        claim: Claim,
        edges: &[Edge],
        cancelled: &AtomicBool,
    ) -> Result<Option<Inputs>> {
        let folder =
            Sidecar::at(self.coordination().folder()).input_folder(claim.task, claim.token);
        let refused = {
            let what = format!("cannot write to {}", folder.display());
            move |error| Error::io(what.clone(), error)
        };
        let mut writer = Writer::create(folder).map_err(&refused)?;
        for page in edges.chunks(PAGE) {
            if cancelled.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let ids: Vec<TaskId> = page.iter().map(|edge| edge.on).collect();
            let mut edges = page.iter();
            // One that was pruned since this task first ended is left out.
            for (task, output) in last_outputs(self, &ids)? {
                let Some(edge) = edges.find(|edge| edge.on == task.id) else {
                    continue;
                };
                writer
                    .add(&task, edge.condition, &output.unwrap_or_default())
                    .map_err(&refused)?;
            }
        }
        writer.finish().map(Some).map_err(&refused)
    }

    fn sweep(&self) -> Result<()> {
        // The folder is there only where a command was ever given something.
        let Ok(entries) = std::fs::read_dir(Sidecar::at(self.coordination().folder()).inputs())
        else {
            return Ok(());
        };
        // A folder is made after its claim was committed: a task that is read after the folder was
        // seen shows that claim, or a later one.
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        for path in paths {
            let Some((task, token)) = claim_of(&path) else {
                continue;
            };
            let holds = |task: Task| task.state == State::Running && task.token == token;
            if !self.get(task)?.is_some_and(holds) {
                // What cannot be removed now is met again by the next sweep.
                let _ = files::remove_folder(&path);
            }
        }
        Ok(())
    }
}

/// The task and token that a folder is named after.
fn claim_of(path: &Path) -> Option<(TaskId, i64)> {
    let (task, token) = path.file_name()?.to_str()?.split_once('.')?;
    Some((TaskId(task.parse().ok()?), token.parse().ok()?))
}

/// Removes folders on another thread.
#[derive(Clone)]
pub(super) struct Remover(Arc<dyn Fn(&Path) -> bool + Send + Sync>);

impl Remover {
    /// One that hands a folder to `remove`, which is false if nobody takes it.
    pub(super) fn new(remove: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(remove))
    }
}

impl fmt::Debug for Remover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remover")
    }
}

/// A folder of inputs. It is removed when this is dropped.
#[derive(Debug)]
pub struct Inputs {
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
    remover: Option<Remover>,
}

impl Inputs {
    /// The folder, absolute if the database's path is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Short outputs by the names of their variables.
    pub fn variables(&self) -> &[(String, OsString)] {
        &self.variables
    }

    /// The same, whose folder is removed by another thread, soon after this is dropped.
    pub(super) fn removed_by(mut self, remover: Option<Remover>) -> Self {
        self.remover = remover;
        self
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        let removed = self.remover.as_ref().map(|thread| (thread.0)(&self.folder));
        if removed != Some(true) {
            // What cannot be removed is swept later.
            let _ = files::remove_folder(&self.folder);
        }
    }
}
