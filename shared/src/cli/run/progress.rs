//! How far a run is: a bar on a terminal, a line per failure elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::printer::{Notes, Paper, Printer};
use super::super::screen::{Screen, hurry};
use super::super::worker::LAST_LINES;
use super::super::{Invocation, escape, worker};
use super::group::Verdict;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::runtime::{Observer, Obstacle, WorkerEvent};
use crate::state::State;

/// Follows a run.
#[derive(Debug)]
pub(super) struct Progress {
    printer: Printer,
    counts: Arc<Counts>,
    invocation: Invocation,
    /// What a person has to look after.
    pub(super) left: Vec<Obstacle>,
}

/// How many lines are where.
#[derive(Debug, Default)]
struct Counts {
    ended: AtomicU64,
    running: AtomicU64,
    failed: AtomicU64,
}

/// A bar on a terminal. Only the printer's thread draws it.
struct Bar {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

impl Paper for Bar {
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
    pub(super) fn new(screen: Screen, invocation: Invocation, before: &Verdict) -> Self {
        let counts = Arc::new(Counts::default());
        counts.ended.store(before.ended(), Ordering::Relaxed);
        counts
            .failed
            .store(before.count(State::Failed), Ordering::Relaxed);
        let wanted = std::io::stderr().is_terminal() && !screen.is_json();
        let printer = if wanted {
            let lines = before.left() + before.ended();
            let bar = ProgressBar::with_draw_target(Some(lines), ProgressDrawTarget::stderr());
            let template = "[{elapsed_precise}] {wide_bar} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            let counts = Arc::clone(&counts);
            Printer::new(Bar { bar, counts })
        } else {
            Printer::new(Notes)
        };
        printer.redraw();
        Self {
            printer,
            counts,
            invocation,
            left: Vec::new(),
        }
    }

    /// Where its lines are printed.
    pub(super) fn printer(&self) -> &Printer {
        &self.printer
    }

    /// Takes the bar away, if whoever reads lets it.
    pub(super) fn finish(&self) {
        if !self.printer.finish(LAST_LINES) {
            hurry();
        }
    }
}

impl Observer for Progress {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other events are told by their line alone"
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
            self.printer.say(line);
        }
        self.printer.redraw();
    }

    fn tick(&mut self) {
        self.printer.redraw();
    }

    fn stuck(&mut self, error: Option<&Error>) {
        worker::leave_stuck(&self.printer, &self.invocation, error);
    }
}
