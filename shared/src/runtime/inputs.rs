//! Inputs of a command: the outputs of its task's dependencies, as files in a private folder that
//! lasts as long as the attempt. Short outputs are variables too.
//!
//! For each dependency, `ID.out` and `ID.err` hold the stored bytes of its two streams.
//! `index.json` has an entry per dependency, one a line, with everything else. File names consist
//! of numbers, never of task names.

mod writer;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::{KeptOutput, found_outputs};
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::sidecar::{Sidecar, files};
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::workflow::Edge;
use writer::Writer;

/// Largest output that is a variable too, in bytes.
pub(crate) const VARIABLE_BYTES: usize = 4 << 10;
/// Largest total of a command's output variables in bytes, with their names: a small part of the
/// system's limit for a program's arguments and environment.
pub(crate) const VARIABLES_BYTES: usize = 32 << 10;

/// The variable that names the folder.
pub(super) const FOLDER: &str = "QUEUE_INPUTS";
/// Prefix of the other variables; the dependency's id follows.
pub(super) const VARIABLE: &str = "QUEUE_INPUT_";

/// Short outputs held in memory at a time. Longer ones are read piece by piece.
const PAGE: usize = 64;

/// Source of the dependencies of tasks and of their outputs. An executor's threads call it
/// concurrently.
pub trait InputSource: Send + Sync {
    /// Reads the edges to a task's dependencies, by id.
    ///
    /// # Errors
    /// As [`Queue::dependencies`].
    fn edges(&self, task: TaskId) -> Result<Vec<Edge>>;

    /// Writes the outputs of a running task's dependencies into the folder of its claim, piece by
    /// piece. Calls `go_on` before each with the number of bytes that are written with it. Returns
    /// `None` once that returns false; then the folder is removed.
    ///
    /// # Errors
    /// When an output cannot be read, or a file not be written.
    fn prepare(
        &self,
        claim: Claim,
        edges: &[Edge],
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Inputs>>;

    /// Removes the folders of claims that no longer hold, which killed workers left.
    ///
    /// # Errors
    /// As [`Queue::get`].
    fn sweep(&self) -> Result<()>;
}

impl<Q: Queue> InputSource for Q {
    fn edges(&self, task: TaskId) -> Result<Vec<Edge>> {
        self.dependencies(task)
    }

    fn prepare(
        &self,
        claim: Claim,
        edges: &[Edge],
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Inputs>> {
        let folder =
            Sidecar::at(self.coordination().folder()).input_folder(claim.task, claim.token);
        let refused = {
            let what = format!("cannot write to {}", folder.display());
            move |error| Error::io(what.clone(), error)
        };
        let mut writer = Writer::create(folder).map_err(&refused)?;
        let mut bytes = 0;
        for page in edges.chunks(PAGE) {
            let ids: Vec<TaskId> = page.iter().map(|edge| edge.on).collect();
            let mut edges = page.iter();
            // A dependency may have been pruned since this task first ended. It is left out.
            for (task, output) in found_outputs(self, &ids)? {
                let Some(edge) = edges.find(|edge| edge.on == task.id) else {
                    continue;
                };
                bytes += output.as_ref().map_or(0, KeptOutput::size);
                if !go_on(bytes) {
                    return Ok(None);
                }
                let mut entry = writer.entry(&task);
                if let Some(mut output) = output {
                    output.each(|chunk| entry.take(chunk))?;
                }
                entry.finish(edge.condition).map_err(&refused)?;
            }
        }
        writer.finish().map(Some).map_err(&refused)
    }

    fn sweep(&self) -> Result<()> {
        // The folder exists only if a command has had inputs.
        let Ok(entries) = std::fs::read_dir(Sidecar::at(self.coordination().folder()).inputs())
        else {
            return Ok(());
        };
        // A folder is made after its claim was committed, so a task that is read after the folder
        // was seen shows that claim or a later one.
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        for path in paths {
            let Some((task, token)) = claim_of(&path) else {
                continue;
            };
            let holds = |task: Task| task.state == State::Running && task.token == token;
            if !self.get(task)?.is_some_and(holds) {
                // The next sweep tries again.
                let _ = files::remove_folder(&path);
            }
        }
        Ok(())
    }
}

/// Task and token in a folder's name.
fn claim_of(path: &Path) -> Option<(TaskId, i64)> {
    let (task, token) = path.file_name()?.to_str()?.split_once('.')?;
    Some((TaskId(task.parse().ok()?), token.parse().ok()?))
}

/// Removes folders on another thread.
#[derive(Clone)]
pub(super) struct Remover(Arc<dyn Fn(&Path) -> bool + Send + Sync>);

impl Remover {
    /// Creates a remover that passes a folder to `remove`, which returns false if it does not take
    /// it.
    pub(super) fn new(remove: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(remove))
    }
}

impl fmt::Debug for Remover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remover")
    }
}

/// Folder of inputs, removed when this is dropped.
#[derive(Debug)]
pub struct Inputs {
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
    remover: Option<Remover>,
}

impl Inputs {
    /// Path of the folder, absolute if the database's path is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Short outputs by the names of their variables.
    pub fn variables(&self) -> &[(String, OsString)] {
        &self.variables
    }

    /// Has the folder removed by another thread, soon after this is dropped.
    pub(super) fn removed_by(mut self, remover: Option<Remover>) -> Self {
        self.remover = remover;
        self
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        let removed = self.remover.as_ref().map(|thread| (thread.0)(&self.folder));
        if removed != Some(true) {
            // A later sweep removes what is left.
            let _ = files::remove_folder(&self.folder);
        }
    }
}
