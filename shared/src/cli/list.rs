//! `list`: a page of tasks, newest first.

use serde::Serialize;

use super::json::TaskView;
use super::printer::note;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right, text};
use super::{Failure, number, possible_values, queue_name, select, tasks};
use crate::queue::{ListQuery, Queue};
use crate::state::State;
use crate::task::{Task, TaskId};

/// List tasks, newest first
///
/// In a table the column WHEN says when a scheduled task starts, a queued one was enqueued, a
/// running one was started and an ended one ended.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only tasks in these states; several are separated by commas
    #[arg(
        short,
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = possible_values::of(states(|_| true), state)
    )]
    states: Vec<State>,

    /// Only tasks of this queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,

    /// Only tasks whose name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// Only tasks with an id below this: the next page
    #[arg(long, value_name = "ID", value_parser = select::id)]
    before: Option<i64>,

    /// Most tasks to list
    #[arg(
        short = 'n',
        long,
        value_name = "NUMBER",
        default_value_t = 50,
        value_parser = number::within(1..=100_000_u32)
    )]
    limit: u32,
}

/// The words of the states that may be asked for.
pub(crate) fn states(may: impl Fn(State) -> bool) -> impl Iterator<Item = &'static str> {
    let states = State::ALL.into_iter().filter(move |state| may(*state));
    states.map(State::as_str)
}

/// Reads a state's word.
pub(crate) fn state(word: &str) -> Result<State, String> {
    State::parse(word).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("it is not a state; states are {}", words.join(", "))
    })
}

const COLUMNS: [Column; 7] = [
    right("ID"),
    left("STATE"),
    right("PRIORITY"),
    right("ATTEMPT"),
    left("WHEN"),
    text("NAME"),
    left("COMMAND"),
];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    // One more than is shown tells whether there is a next page.
    let mut page = queue.list(&ListQuery {
        states: arguments.states.clone(),
        queue: arguments.queue.clone(),
        name: arguments.name.clone(),
        from: None,
        before: arguments.before.map(TaskId),
        limit: limit + 1,
    })?;
    let more = page.len() > limit;
    page.truncate(limit);
    if context.printer.is_json() {
        return context.printer.json(&Page(&page));
    }
    let now = queue.now().wall;
    let mut table = Table::new(&COLUMNS);
    for task in &page {
        table.row([
            &task.id.to_string(),
            task.state.as_str(),
            &task.priority.to_string(),
            &format!("{}/{}", task.attempts_spent(), task.options.max_attempts),
            &tasks::when(task, now),
            &task.name,
            &task.work.display(),
        ]);
    }
    if table.is_empty() {
        note("no tasks");
        if let Some(name) = &arguments.queue {
            queue_name::note_unknown(&queue, name)?;
        }
        return Ok(());
    }
    context.printer.table(&table)?;
    if let (true, Some(last)) = (more, page.last()) {
        note(&format!("older tasks follow: --before {}", last.id));
    }
    Ok(())
}

struct Page<'a>(&'a [Task]);

impl Serialize for Page<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(TaskView::from))
    }
}
