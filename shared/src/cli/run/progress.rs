//! Progress of a run: a bar on a terminal, a line for each failure elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::print_thread::{LineSink, PrintThread, StandardError};
use super::super::printer::{Printer, hurry};
use super::super::worker::LAST_LINES;
use super::super::{Invocation, escape, worker};
use super::group::Verdict;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::runtime::{Observer, Obstacle, WorkerEvent};
use crate::state::State;

/// Observer of a run that shows its progress.
#[derive(Debug)]
pub(super) struct Progress {
    print_thread: PrintThread,
    counts: Arc<Counts>,
    invocation: Invocation,
    /// Tasks that need a person.
    pub(super) left: Vec<Obstacle>,
}

/// Numbers of lines by state.
#[derive(Debug, Default)]
struct Counts {
    ended: AtomicU64,
    running: AtomicU64,
    failed: AtomicU64,
}

/// A bar on a terminal. Only the print thread draws it.
struct Bar {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

impl LineSink for Bar {
    fn line(&mut self, text: &str) {
        self.bar.println(escape::line(text));
    }

    fn redraw(&mut self) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.bar.set_position(count(&self.counts.ended));
        self.bar.set_message(format!(
            "{} running, {} failed",
            count(&self.counts.running),
            count(&self.counts.failed)
        ));
        self.bar.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress {
    pub(super) fn new(printer: Printer, invocation: Invocation, before: &Verdict) -> Self {
        let counts = Arc::new(Counts::default());
        counts.ended.store(before.ended(), Ordering::Relaxed);
        counts
            .failed
            .store(before.count(State::Failed), Ordering::Relaxed);
        let wanted = std::io::stderr().is_terminal() && !printer.is_json();
        let print_thread = if wanted {
            let lines = before.left() + before.ended();
            let bar = ProgressBar::with_draw_target(Some(lines), ProgressDrawTarget::stderr());
            let template = "[{elapsed_precise}] {wide_bar} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            let counts = Arc::clone(&counts);
            PrintThread::new(Bar { bar, counts })
        } else {
            PrintThread::new(StandardError)
        };
        print_thread.redraw();
        Self {
            print_thread,
            counts,
            invocation,
            left: Vec::new(),
        }
    }

    /// The thread that prints its lines.
    pub(super) fn print_thread(&self) -> &PrintThread {
        &self.print_thread
    }

    /// Removes the bar, unless the terminal is on hold.
    pub(super) fn finish(&self) {
        if !self.print_thread.finish(LAST_LINES) {
            hurry();
        }
    }
}

impl Observer for Progress {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other events are only printed as lines"
    )]
    fn on(&mut self, event: &WorkerEvent) {
        let mut notable = true;
        match event {
            WorkerEvent::Left(obstacles) => self.left.clone_from(obstacles),
            WorkerEvent::Started { .. } => {
                self.counts.running.fetch_add(1, Ordering::Relaxed);
            }
            WorkerEvent::Ended { state, outcome, .. } => {
                let order = Ordering::Relaxed;
                let began = !matches!(outcome, Some(Outcome::NotStarted { .. }));
                let fewer = |running: u64| Some(running.saturating_sub(began.into()));
                let _ = self.counts.running.fetch_update(order, order, fewer);
                notable = *state != Some(State::Succeeded);
                let failed = u64::from(*state == Some(State::Failed));
                self.counts.failed.fetch_add(failed, order);
                let ended = u64::from(state.is_some_and(State::is_terminal));
                self.counts.ended.fetch_add(ended, order);
            }
            _ => {}
        }
        if let Some(line) = worker::line(event, &self.invocation).filter(|_| notable) {
            self.print_thread.say(line);
        }
        self.print_thread.redraw();
    }

    fn tick(&mut self) {
        self.print_thread.redraw();
    }

    fn stuck(&mut self, error: Option<&Error>) {
        worker::leave_stuck(&self.print_thread, &self.invocation, error);
    }
}
