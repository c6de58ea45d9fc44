//! Output of ended lines, printed on a thread of its own, so that a slow reader delays no line.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use indicatif::ProgressBar;

use super::super::printer::{Printer, note};
use super::super::{Failure, log};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::state::State;
use crate::task::TaskId;

/// Lines whose output is shown when they have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Show {
    /// All.
    Output,
    /// Those that failed.
    Failed,
    /// None.
    None,
}

impl Show {
    /// The lines that are shown unless the arguments say: on a terminal those that failed.
    pub(super) fn unless_given(printer: Printer) -> Self {
        if printer.terminal && !printer.is_json() {
            Self::Failed
        } else {
            Self::None
        }
    }

    /// True if the output of a task in that state is shown.
    fn includes(self, state: State) -> bool {
        match self {
            Self::Output => state.is_terminal(),
            Self::Failed => state == State::Failed,
            Self::None => false,
        }
    }
}

/// Thread that prints the output of one task after the other.
#[derive(Debug)]
pub(super) struct Shown {
    show: Show,
    thread: Option<(Sender<TaskId>, JoinHandle<()>)>,
}

impl Shown {
    /// Starts the thread, unless no output is to be shown. On a terminal the bar is hidden while it
    /// prints.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn new<Q: Queue>(
        show: Show,
        printer: Printer,
        queue: &Arc<Q>,
        bar: Option<ProgressBar>,
    ) -> Result<Self> {
        if show == Show::None {
            return Ok(Self { show, thread: None });
        }
        let (sender, ended) = unbounded();
        let queue = Arc::clone(queue);
        let bar = bar.filter(|_| std::io::stdout().is_terminal());
        let thread = std::thread::Builder::new()
            .name("queue-output".to_owned())
            .spawn(move || print(printer, &*queue, &ended, bar.as_ref()))
            .map_err(|error| Error::io("cannot start a thread that prints output", error))?;
        let thread = Some((sender, thread));
        Ok(Self { show, thread })
    }

    /// Shows the output of a task that is in that state now, if it is one of those to show.
    pub(super) fn ended(&self, task: TaskId, state: State) {
        if let Some((sender, _)) = &self.thread
            && self.show.includes(state)
        {
            // The thread has ended if nobody reads the output any more.
            let _ = sender.send(task);
        }
    }

    /// Waits until all is printed.
    pub(super) fn finish(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn print<Q: Queue>(
    printer: Printer,
    queue: &Q,
    ended: &Receiver<TaskId>,
    bar: Option<&ProgressBar>,
) {
    for task in ended {
        let show = || log::show_kept(printer, queue, task);
        let shown = match bar {
            Some(bar) => bar.suspend(show),
            None => show(),
        };
        match shown {
            Ok(()) => {}
            Err(Failure::Output(error)) => {
                note(&format!("no more output is shown: {error}"));
                return;
            }
            Err(failure) => note(&format!(
                "the output of task {task} cannot be shown: {}",
                failure.sentence()
            )),
        }
    }
}
