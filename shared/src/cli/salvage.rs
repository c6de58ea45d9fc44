//! `salvage FILE`: copies the readable rows of a damaged database to a new one.

use std::path::PathBuf;

use serde::Serialize;

use super::printer::{Printer, note};
use super::program::{Access, Context};
use super::table::{Column, Table, left, right};
use super::{Failure, escape, restore};
use crate::error::Error;
use crate::maintenance::{Salvaged, salvage};
use crate::queue::Queue;
use crate::task::Work;

/// Copy the readable rows of a damaged database to a new one
///
/// The old file is only read; nobody else may have it open. Tasks keep their ids. Running tasks are
/// queued again, as after a crash, and their claims are lost. The exit code is 5 where rows were
/// lost.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The database to create
    file: PathBuf,
}

#[derive(Serialize)]
struct View {
    table: &'static str,
    saved: u64,
    places: u64,
    lost: Option<u64>,
    refused: u64,
}

const COLUMNS: [Column; 5] = [
    left("TABLE"),
    right("SAVED"),
    right("DAMAGED PLACES"),
    right("LOST AT MOST"),
    right("INVALID"),
];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let options = context.options(Access::Write)?;
    let saved = salvage(
        context.path(),
        &arguments.file,
        &options,
        |path, options| context.program.open_file(path, options),
    )?;
    let Some(saved) = saved else {
        return Err(foreign(context, arguments));
    };
    restore::unreachable(&saved.recovered);
    for one in &saved.repaired {
        note(&format!("computed anew in {} rows: {}", one.rows, one.name));
    }
    let views = saved.tables.iter().map(|table| View {
        table: table.table,
        saved: table.saved,
        places: table.stretches,
        lost: table.lost,
        refused: table.refused,
    });
    let views: Vec<View> = views.collect();
    let printer = context.printer.of_done();
    if printer.is_json() {
        printer.json(&views)?;
    } else {
        show(printer, &views)?;
    }
    let file = arguments.file.to_string_lossy();
    note(&format!(
        "saved to {}; look at it before you use it in place of the old one",
        escape::line(&file)
    ));
    if saved.tables.iter().all(Salvaged::is_whole) {
        return Ok(());
    }
    Err(Failure::Error(Error::Unusable {
        path: context.path().to_owned(),
        what: "not everything in it could be saved".to_owned(),
        remedy: None,
        source: None,
    }))
}

/// Failure for a file of the other program, with the command of that program which saves it.
fn foreign<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Failure {
    let other = context.program.other;
    let quoted = |path: &std::path::Path| {
        let path = path.to_string_lossy().into_owned();
        Work::Argv(vec![path]).display()
    };
    Failure::Error(Error::Unusable {
        path: context.path().to_owned(),
        what: format!(
            "it is {other}'s, and nothing was made; `{other} --db {} salvage {}` saves it",
            quoted(context.path()),
            quoted(&arguments.file)
        ),
        remedy: None,
        source: None,
    })
}

fn show(printer: Printer, views: &[View]) -> Result<(), Failure> {
    let mut table = Table::new(&COLUMNS);
    for view in views {
        let [saved, places, refused] =
            [view.saved, view.places, view.refused].map(|one| one.to_string());
        let lost = view
            .lost
            .map_or("unknown".to_owned(), |lost| lost.to_string());
        table.row([view.table, &saved, &places, &lost, &refused]);
    }
    printer.table(&table)
}
