//! `verify`: checks every invariant of the database.

use serde::Serialize;

use super::Failure;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right, text};
use crate::error::Error;
use crate::queue::{Invariant, Queue};

/// Check every invariant of the database
///
/// Nothing is changed, and workers go on meanwhile. It reads the whole file twice. The exit code is
/// 5 if anything is broken; `doctor` says what to do then.
#[derive(clap::Args, Debug)]
pub struct Arguments {}

#[derive(Serialize)]
struct View<'a> {
    invariant: &'a str,
    holds: bool,
    violations: u64,
    examples: &'a [String],
}

const COLUMNS: [Column; 3] = [left("INVARIANT"), right("BROKEN"), text("HOW")];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let invariants = queue.verify()?;
    if context.printer.is_json() {
        let views: Vec<View<'_>> = invariants.iter().map(view).collect();
        context.printer.json(&views)?;
    } else {
        let mut table = Table::new(&COLUMNS);
        for one in &invariants {
            let number = one.violations.to_string();
            let how = one.examples.join("; ");
            table.row([one.name, &number, &how]);
        }
        context.printer.table(&table)?;
    }
    let broken = invariants.iter().filter(|one| !one.holds());
    let broken: Vec<&str> = broken.map(|one| one.name).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Error(Error::Unusable {
        path: queue.coordination().location().path().to_owned(),
        what: format!(
            "this does not hold: {}; {} says what to do",
            broken.join("; "),
            context.command("doctor")
        ),
        remedy: None,
        source: None,
    }))
}

fn view(invariant: &Invariant) -> View<'_> {
    View {
        invariant: invariant.name,
        holds: invariant.holds(),
        violations: invariant.violations,
        examples: &invariant.examples,
    }
}
