//! `shrink`: gives the free space in the database back to the file system.

use serde::Serialize;

use super::program::{Access, Context};
use super::{Failure, escape};
use crate::maintenance::shrink;
use crate::queue::Queue;

/// Give the free space in the database back to the file system
///
/// A file keeps its size when tasks are pruned, and uses the space again. Nobody may have the
/// database open: stop its workers first. It needs free space of twice the size that remains, half of
/// it in the folder for temporary files (see `SQLITE_TMPDIR`). Killed at any time, it leaves the content
/// of the database as it was.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Shrink it also if it holds tables of your own without an INTEGER PRIMARY KEY, whose rowids
    /// may change
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    before_bytes: u64,
    after_bytes: u64,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let options = context.options(Access::Write)?;
    let shrunk = shrink(context.path(), &options, arguments.force)?;
    let file = context.path().to_string_lossy();
    let view = View {
        file: &file,
        before_bytes: shrunk.before,
        after_bytes: shrunk.after,
    };
    let sentence = format!(
        "Shrunk {} from {} to {} bytes",
        escape::line(&file),
        shrunk.before,
        shrunk.after
    );
    context.printer.of_done().say(&sentence, &view)
}
