//! `backup FILE`: a copy of the database while it is in use.

use std::path::PathBuf;

use serde::Serialize;

use super::program::{Access, Context};
use super::{Failure, escape};
use crate::queue::Queue;
use crate::sqlite::{CORE, Database};

/// Copy the database to a file, while workers go on
///
/// The copy is the database as it is at this moment, in one file that needs nothing beside it; it
/// has its name once it is complete, checked and on disk. Long outputs, which are in the folder
/// beside the database, are not in it. `restore` puts it back.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The file to create
    file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    bytes: u64,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let options = context.options(Access::Read)?;
    let database = Database::open(context.path(), options, &[CORE])?;
    let bytes = database.backup(&arguments.file, arguments.force)?;
    let file = arguments.file.to_string_lossy();
    let sentence = format!("Backed up to {} ({bytes} bytes)", escape::line(&file));
    let view = View { file: &file, bytes };
    context.printer.of_done().say(&sentence, &view)
}
