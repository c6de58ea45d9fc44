//! `hook dead`: dead letters, delivered again or deleted.

use queue_core::Queue as _;
use queue_core::cli::json::Moment;
use queue_core::cli::table::{Column, Table, left, right, text};
use queue_core::cli::{Access, Context, Failure, escape, moment, note};
use serde::Serialize;
use workflow_queue::{DeadLetter, WorkflowQueue};

use super::missing;

/// Show the events that hooks gave up, deliver them again, or delete them
///
/// A dead letter that is delivered again is tried once; if it is taken, it is deleted.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The hook; all unless given
    #[arg(required_if_eq_any([("retry", "true"), ("delete", "true")]))]
    name: Option<String>,

    /// Deliver them again
    #[arg(long)]
    retry: bool,

    /// Delete them
    #[arg(long, conflicts_with = "retry")]
    delete: bool,

    /// Only the dead letter of this number
    #[arg(long, value_name = "NUMBER", requires = "name")]
    letter: Option<i64>,

    /// Show so many of them
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: u32,
}

const COLUMNS: [Column; 6] = [
    right("NUMBER"),
    text("HOOK"),
    left("EVENT"),
    left("ID"),
    left("GIVEN UP"),
    text("REASON"),
];

#[derive(Serialize)]
struct View<'a> {
    number: i64,
    hook: &'a str,
    at: Moment,
    r#type: &'a str,
    id: &'a str,
    reason: &'a str,
    retrying: bool,
    event: serde_json::Value,
}

#[derive(Serialize)]
struct ChangedView<'a> {
    hook: &'a str,
    letters: usize,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.name {
        Some(name) if arguments.retry => {
            let queue = context.open(Access::Write)?;
            let count = queue.hooks().retry(name, arguments.letter)?;
            let words = ("is delivered again", "are delivered again");
            say(context, name, count, words)
        }
        Some(name) if arguments.delete => {
            let queue = context.open(Access::Write)?;
            let count = queue.hooks().forget(name, arguments.letter)?;
            say(context, name, count, ("was deleted", "were deleted"))
        }
        name => show(context, name.as_deref(), arguments),
    }
}

fn say(
    context: &Context<WorkflowQueue>,
    hook: &str,
    letters: usize,
    (one, several): (&str, &str),
) -> Result<(), Failure> {
    let name = escape::line(hook);
    let sentence = match letters {
        1 => format!("1 dead letter of hook {name} {one}"),
        letters => format!("{letters} dead letters of hook {name} {several}"),
    };
    let view = ChangedView { hook, letters };
    context.printer.of_done().say(&sentence, &view)
}

fn show(
    context: &Context<WorkflowQueue>,
    name: Option<&str>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    if let Some(name) = name
        && queue.hooks().get(name)?.is_none()
    {
        return Err(missing(name));
    }
    let mut letters = queue.hooks().dead_letters(name, arguments.lines)?;
    letters.retain(|letter| arguments.letter.is_none_or(|id| letter.id == id));
    if context.printer.is_json() {
        let views: Vec<View<'_>> = letters.iter().map(view).collect();
        return context.printer.json(&views);
    }
    if letters.is_empty() {
        note("there are no dead letters");
        return Ok(());
    }
    let now = queue.now().wall;
    let mut table = Table::new(&COLUMNS);
    for letter in &letters {
        table.row([
            &letter.id.to_string(),
            &letter.hook,
            &letter.kind,
            &letter.event,
            &moment::relative(letter.at, now),
            &letter.error,
        ]);
    }
    context.printer.table(&table)
}

fn view(letter: &DeadLetter) -> View<'_> {
    View {
        number: letter.id,
        hook: &letter.hook,
        at: Moment(letter.at),
        r#type: &letter.kind,
        id: &letter.event,
        reason: &letter.error,
        retrying: letter.is_wanted,
        event: serde_json::from_str(&letter.body).unwrap_or_default(),
    }
}
