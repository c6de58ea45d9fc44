//! `pause` and `resume`: stops claims from a queue, and lets them go on.

use serde::Serialize;

use super::Failure;
use super::program::{Access, Context};
use crate::queue::Queue;
use crate::task::{DEFAULT_QUEUE, check_name};

/// Stop starting tasks of a queue
///
/// What runs is left running; tasks can still be enqueued.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The queue
    #[arg(default_value = DEFAULT_QUEUE)]
    queue: String,
}

#[derive(Serialize)]
struct View<'a> {
    queue: &'a str,
    paused: bool,
    changed: bool,
}

/// Pauses the queue, or (`paused` false) lets it go on.
pub(crate) fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    paused: bool,
) -> Result<(), Failure> {
    let name = arguments.queue.as_str();
    check_name("a queue's name", name)?;
    let queue = context.open(Access::Create)?;
    let changed = queue.set_paused(name, paused)?;
    let shown = super::escape::line(name);
    let sentence = match (paused, changed) {
        (true, true) => format!("Paused queue {shown}"),
        (true, false) => format!("Queue {shown} is paused already"),
        (false, true) => format!("Resumed queue {shown}"),
        (false, false) => format!("Queue {shown} is not paused"),
    };
    let view = View {
        queue: name,
        paused,
        changed,
    };
    context.screen.say(&sentence, &view)
}
