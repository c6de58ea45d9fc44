//! `list`: a page of tasks, newest first.

mod columns;

use serde::Serialize;

use super::extra::Plain;
use super::json::TaskView;
use super::printer::note;
use super::program::{Access, Context};
use super::{Failure, number, possible_values, queue_name, select};
use crate::clock::Timestamp;
use crate::queue::{ListQuery, Queue};
use crate::state::State;
use crate::task::{Task, TaskId};
use columns::{Order, TaskColumn};

/// List tasks, newest first
///
/// In a table the column WHEN says when a scheduled task starts, a queued one was enqueued, a
/// running one was started and an ended one ended. EXIT is the exit code or signal of the last
/// attempt, TOOK its duration, CPU the processor time of its command and MEMORY its peak memory. A
/// task that is named after its command has no NAME. On a terminal, columns that say nothing of any
/// task are left out; the names of all columns are: id, state, priority, attempt, exit, took, cpu,
/// memory, when, queue, name, command, created, due, started, finished, crashes, key, worker.
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

    /// Only held tasks
    #[arg(long)]
    held: bool,

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

    /// Columns of the table, in this order; several are separated by commas
    #[arg(
        long,
        value_name = "COLUMN",
        value_delimiter = ',',
        value_parser = possible_values::of(TaskColumn::words(), columns::column),
        hide_possible_values = true
    )]
    columns: Vec<TaskColumn>,

    /// Sort the page by this column, `:desc` for the highest first; tasks without a value come last
    #[arg(
        long,
        value_name = "COLUMN",
        value_parser = possible_values::of(TaskColumn::words(), Order::parse),
        hide_possible_values = true
    )]
    sort: Option<Order>,
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

/// A program's additions to a list.
pub trait Extra<Q: Queue> {
    /// Page of the tasks that the query and these options choose, newest first.
    ///
    /// # Errors
    /// As [`Queue::list`].
    fn page(&self, queue: &Q, query: &ListQuery) -> crate::error::Result<Vec<Task>>;
}

impl<Q: Queue> Extra<Q> for Plain {
    fn page(&self, queue: &Q, query: &ListQuery) -> crate::error::Result<Vec<Task>> {
        queue.list(query)
    }
}

/// Lists the tasks that the arguments and `extra` choose.
///
/// # Errors
/// The errors of the engine, and [`Failure::Output`].
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &impl Extra<Q>,
) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    // One more than is shown tells whether there is a next page.
    let query = ListQuery {
        states: arguments.states.clone(),
        queue: arguments.queue.clone(),
        name: arguments.name.clone(),
        held: arguments.held,
        from: None,
        before: arguments.before.map(TaskId),
        limit: limit + 1,
    };
    let mut page = extra.page(&queue, &query)?;
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().map(|task| task.id);
    if let Some(order) = arguments.sort {
        order.sort(&mut page);
    }
    if context.printer.is_json() {
        return context.printer.json(&Page(&page));
    }
    if page.is_empty() {
        note("no tasks");
        if let Some(name) = &arguments.queue {
            queue_name::note_unknown(&queue, name)?;
        }
        return Ok(());
    }
    show(context, arguments, &page, queue.now().wall)?;
    if let (true, Some(last)) = (more, last) {
        let unsorted = if arguments.sort.is_some() {
            " and are not sorted among these"
        } else {
            ""
        };
        note(&format!("older tasks follow{unsorted}: --before {last}"));
    }
    Ok(())
}

/// Prints the page as a table.
fn show<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    page: &[Task],
    now: Timestamp,
) -> Result<(), Failure> {
    let zone = jiff::tz::TimeZone::system();
    let mut columns = arguments.columns.clone();
    if columns.is_empty() {
        columns = TaskColumn::DEFAULT.to_vec();
        if context.printer.terminal {
            columns.retain(|column| column.tells(page));
        }
    }
    let table = columns::table(&columns, page, now, &zone);
    context.printer.table(&table)
}

struct Page<'a>(&'a [Task]);

impl Serialize for Page<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(TaskView::from))
    }
}
