//! `--wait` and `--follow` of `add-task`: the program stays until the task has ended, and ends with
//! the exit code of the task.

use std::time::Duration;

use super::super::exit::TIMED_OUT;
use super::super::interrupt::Interrupt;
use super::super::json::TaskView;
use super::super::log;
use super::super::printer::note;
use super::super::program::Context;
use super::super::show::find;
use super::super::wait::{POLL, listen, sentence, warn};
use super::super::{Failure, duration};
use crate::clock::BootTime;
use crate::queue::Queue;
use crate::state::State;
use crate::task::{Task, TaskId};

/// Options to wait for the end of the new task.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(skip)]
pub(super) struct Await {
    /// Wait until it has ended, and end with its exit code
    #[arg(long, conflicts_with = "stdin")]
    wait: bool,

    /// Wait, and show its output as it comes
    #[arg(long, conflicts_with = "stdin")]
    follow: bool,

    /// Wait no longer than this, then end with exit code 124; the task goes on
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        value_parser = duration::parse,
        conflicts_with = "stdin"
    )]
    wait_timeout: Option<Duration>,
}

impl Await {
    /// True if the program is to wait.
    pub(super) fn is_asked(self) -> bool {
        self.wait || self.follow || self.wait_timeout.is_some()
    }

    /// True if standard output is for the output of the task alone.
    pub(super) fn takes_stdout(self) -> bool {
        self.follow
    }

    /// Waits until the task has ended.
    ///
    /// # Errors
    /// [`Failure::InPlaceOf`] with the exit code of the task unless it succeeded, and after the
    /// time to wait.
    pub(super) fn run<Q: Queue>(
        self,
        context: &Context<Q>,
        queue: &Q,
        id: TaskId,
    ) -> Result<(), Failure> {
        let begun = queue.now().boot;
        let patience = Patience {
            queue,
            interrupt: Interrupt::listen()?,
            deadline: self.wait_timeout.map(|timeout| begun.after(timeout)),
        };
        let left = || patience.left();
        let ended = if self.follow {
            log::follow_within(context, queue, id, &left)
        } else {
            wait(context, queue, id, &left).map_err(Failure::from)
        };
        match ended {
            Ok(Some(task)) => self.report(context, &task),
            Ok(None) => Err(patience.unfinished(context, id)),
            Err(Failure::Output(error)) => {
                note(&format!(
                    "task {id} goes on, but its output cannot be shown: {error}"
                ));
                Err(Failure::Output(error))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Reports the ended task, and fails with its exit code unless it succeeded.
    fn report<Q: Queue>(self, context: &Context<Q>, task: &Task) -> Result<(), Failure> {
        let printer = context.printer;
        let succeeded = task.state == State::Succeeded;
        if printer.is_json() {
            printer.json(&TaskView::from(task))?;
        } else if !self.follow {
            printer.raw(format!("{}\n", sentence(task)).as_bytes())?;
        } else if !succeeded {
            note(&sentence(task));
        }
        match code_of(task) {
            Some(0) => Ok(()),
            Some(code) => Err(Failure::Tasks(String::new()).with_code(code)),
            None => Err(Failure::Tasks(String::new())),
        }
    }
}

/// Exit code of an ended task, as a shell tells it; none if the task ended without one.
fn code_of(task: &Task) -> Option<u8> {
    if task.state == State::Succeeded {
        return Some(0);
    }
    let by_signal = task.signal.map(|signal| signal.saturating_add(128));
    let code = task.exit_code.or(by_signal).filter(|code| *code != 0);
    code.and_then(|code| u8::try_from(code).ok())
}

/// The end of waiting: a time, or a signal.
struct Patience<'a, Q> {
    queue: &'a Q,
    interrupt: Interrupt,
    deadline: Option<BootTime>,
}

impl<Q: Queue> Patience<'_, Q> {
    /// Time to wait before the next look; zero when waiting is over.
    fn left(&self) -> Duration {
        let left = self
            .deadline
            .map_or(POLL, |deadline| deadline.since(self.queue.now().boot));
        if self.interrupt.is_asked() {
            return Duration::ZERO;
        }
        left.min(POLL)
    }

    /// Says that the task goes on. After a signal the program ends here, by that signal.
    fn unfinished(&self, context: &Context<Q>, id: TaskId) -> Failure {
        let again = context.command(&format!("wait {id}"));
        if self.interrupt.is_asked() {
            note(&format!(
                "task {id} goes on; {again} waits for it, and {} ends it",
                context.command(&format!("cancel {id}"))
            ));
            self.interrupt.obey();
        }
        let why = context.command(&format!("why {id}"));
        Failure::Unfinished(format!(
            "task {id} had not ended in time and goes on; {why} says what it waits for, and \
             {again} waits again"
        ))
        .with_code(TIMED_OUT)
    }
}

/// Waits until the task has ended; none if waiting is over before.
fn wait<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    left: &dyn Fn() -> Duration,
) -> crate::error::Result<Option<Task>> {
    let listener = listen(queue)?;
    let mut warned = false;
    loop {
        let task = find(queue, id)?;
        if task.state.is_terminal() {
            return Ok(Some(task));
        }
        if !std::mem::replace(&mut warned, true) {
            warn(context, queue, &task)?;
        }
        let left = left();
        if left.is_zero() {
            return Ok(None);
        }
        listener.wait(left)?;
    }
}
