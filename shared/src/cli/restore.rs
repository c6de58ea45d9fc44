//! `restore FILE`: puts a backup in the database's place.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::printer::note;
use super::program::{Access, Context};
use super::{Failure, escape, select, tasks};
use crate::maintenance::{Restored, restore};
use crate::queue::Queue;
use crate::runtime::recovery::Recovered;
use crate::task::TaskId;

/// Put a backup in the place of the database
///
/// Nobody may have the database open: stop its workers first. The present database is kept under
/// another name. Tasks that ran when the backup was made are queued again, as after a crash, and
/// claims from before are lost. New ids are above all that were ever given out.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The backup
    file: PathBuf,
}

#[derive(Serialize)]
struct View {
    restored: String,
    kept: Option<String>,
    returned: Vec<i64>,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let options = context.options(Access::Create)?;
    let restored = restore(
        context.path(),
        &arguments.file,
        &options,
        |path, options| context.program.open_file(path, options),
    )?;
    if let Some(found) = &restored.found {
        note(&format!(
            "an earlier restore was interrupted; the database that it set aside is {}",
            found.display()
        ));
    }
    unreachable(&restored.recovered);
    if restored.foreign {
        note("the backup is of the other program, and only that program can use it");
    }
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let view = View {
        restored: shown(context.path()),
        kept: restored.kept.as_deref().map(shown),
        returned: returned(&restored.recovered)
            .iter()
            .map(|id| id.0)
            .collect(),
    };
    let printer = context.printer.of_done();
    printer.say(&sentence(&view, &restored), &view)
}

fn sentence(view: &View, restored: &Restored) -> String {
    let mut sentence = format!("Restored {}", escape::line(&view.restored));
    if let Some(kept) = &view.kept {
        let _ = write!(
            sentence,
            "; the previous database is {}",
            escape::line(kept)
        );
    }
    let ids = returned(&restored.recovered);
    if !ids.is_empty() {
        let number = tasks::count(ids.len() as u64);
        let _ = write!(
            sentence,
            "; {number} ran and will run again: {}",
            select::show(&ids)
        );
    }
    sentence
}

/// The tasks that were returned, by id.
pub(crate) fn returned(recovered: &[Recovered]) -> Vec<TaskId> {
    let tasks = recovered.iter().flat_map(|one| &one.tasks);
    let mut ids: Vec<TaskId> = tasks.map(|task| task.claim.task).collect();
    ids.sort_unstable();
    ids
}

/// Prints a note about processes that could not be ended.
pub(crate) fn unreachable(recovered: &[Recovered]) {
    let pids = recovered.iter().flat_map(|one| &one.unreachable);
    let pids: Vec<String> = pids.map(u32::to_string).collect();
    if !pids.is_empty() {
        note(&format!(
            "these processes of dead workers could not be ended: pid {}",
            pids.join(", ")
        ));
    }
}
