//! `history`: everything that happened to tasks.

use serde::Serialize;

use super::event_view::{EventView, details};
use super::program::{Access, Context};
use super::select::{self, Selector};
use super::table::{Column, Table, left, right};
use super::{Failure, find, moment, note};
use crate::journal::Event;
use crate::queue::Queue;
use crate::task::TaskId;

/// Show all that happened to tasks, the oldest first
///
/// A file of fast-queue has no event log: of its tasks, the enqueue, the last start and the end are known.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const COLUMNS: [Column; 4] = [right("ID"), left("TIME"), left("EVENT"), left("DETAILS")];

#[derive(Serialize)]
struct View<'a> {
    id: i64,
    events: Vec<EventView<'a>>,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let mut found: Vec<(TaskId, Vec<Event>)> = Vec::new();
    select::each(&queue, &arguments.ids.concat(), |id| {
        find(&queue, id)?;
        found.extend(queue.history(id)?.map(|events| (id, events)));
        Ok(())
    })?;
    if context.printer.is_json() {
        let views = found.iter().map(|(id, events)| View {
            id: id.0,
            events: events
                .iter()
                .map(|event| EventView::new(event, None))
                .collect(),
        });
        return context.printer.json(&views.collect::<Vec<_>>());
    }
    let zone = jiff::tz::TimeZone::system();
    let mut table = Table::new(&COLUMNS);
    for (id, event) in found
        .iter()
        .flat_map(|(id, events)| events.iter().map(move |one| (id, one)))
    {
        table.row([
            &id.to_string(),
            &moment::shown(event.at, &zone),
            event.kind.name(),
            &details(event),
        ]);
    }
    context.printer.table(&table)?;
    if !queue.keeps_log() {
        note("there is no event log in a file of fast-queue: this is the last attempt");
    }
    Ok(())
}
