//! `complete`: what a shell may insert at the end of a command line. The scripts of `completions`
//! call it; it is not shown in the help.

mod wanted;

use std::fmt::Write as _;

use super::program::{Access, Context};
use super::{Failure, escape};
use crate::error::Result;
use crate::queue::{ListQuery, Queue};
use crate::state::State;
use crate::task::{Task, Work};
use wanted::{Line, What};

/// Print what may be inserted at the end of a command line, a line each
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The words are those of bash, which splits at `:` and `=`, and wants what follows the last
    #[arg(long)]
    bash: bool,

    /// The words of the line, the last of which has been begun
    #[arg(last = true)]
    words: Vec<String>,
}

/// Most tasks that are offered.
const MOST: usize = 100;

/// Prints the offers. A file that cannot be read has none.
pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let mut words = arguments.words.clone();
    if arguments.bash {
        words = wanted::joined(&words);
    }
    let line = Line::new((context.program.command)(), &words);
    let Some((what, begun)) = line.wanted() else {
        return Ok(());
    };
    let context = match line.database() {
        Some(path) => &context.on(path.into())?,
        None => context,
    };
    let Ok(offers) = offers(context, &line, what, begun) else {
        return Ok(());
    };
    let cut = if arguments.bash {
        line.last().rfind([':', '=']).map_or(0, |at| at + 1)
    } else {
        0
    };
    let mut text = String::new();
    for (value, about) in offers {
        let whole = line.whole(&value);
        let value = whole.get(cut..).unwrap_or_default();
        let _ = if arguments.bash {
            writeln!(text, "{value}")
        } else {
            writeln!(text, "{value}\t{}", escape::line(&about))
        };
    }
    context.printer.raw(text.as_bytes())
}

/// Values that begin as the begun word, each with a few words about it.
fn offers<Q: Queue>(
    context: &Context<Q>,
    line: &Line,
    what: What,
    begun: &str,
) -> Result<Vec<(String, String)>> {
    let queue = context.open(Access::Read)?;
    let mut offers: Vec<(String, String)> = match what {
        What::Task => tasks(&queue, line.verb())?
            .iter()
            .flat_map(of_task)
            .chain([("last".to_owned(), "the task enqueued last".to_owned())])
            .collect(),
        What::Name => tasks(&queue, "")?
            .into_iter()
            .map(|task| (task.name, task.state.to_string()))
            .collect(),
        What::Queue => queue
            .queues()?
            .into_iter()
            .map(|queue| (queue.name, format!("{} queued", queue.queued)))
            .collect(),
        What::Worker => queue
            .workers()?
            .into_iter()
            .map(|worker| (worker.id.to_string(), format!("pid {}", worker.pid)))
            .collect(),
    };
    offers.retain(|(value, _)| value.starts_with(begun) && is_plain(value));
    offers.dedup_by(|one, other| one.0 == other.0);
    Ok(offers)
}

/// The newest tasks to which the verb may apply.
fn tasks<Q: Queue>(queue: &Q, verb: &str) -> Result<Vec<Task>> {
    let states: &[State] = match verb {
        "cancel" | "wait" => &State::LIVE,
        "hold" | "release" | "reprioritize" | "edit" | "start" => &State::WAITING,
        "retry" => &State::RETRIABLE,
        "rerun" => &State::TERMINAL,
        _ => &[],
    };
    let query = ListQuery::new().states(states);
    queue.list(&query.limit(MOST))
}

/// The id of a task and its name.
fn of_task(task: &Task) -> [(String, String); 2] {
    let about = format!("{} {}", task.state, task.name);
    let name = format!("name:{}", task.name);
    [(task.id.to_string(), about), (name, task.state.to_string())]
}

/// True if no shell reads the value as anything but one word.
fn is_plain(value: &str) -> bool {
    Work::Argv(vec![value.to_owned()]).display() == value
}
