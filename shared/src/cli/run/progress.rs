//! Progress of a run: a bar on a terminal, a line for each failure elsewhere.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::print_thread::{LineSink, PrintThread, StandardError};
use super::super::printer::{Printer, hurry};
use super::super::worker::LAST_LINES;
use super::super::{Invocation, escape, moment, worker};
use super::group::LineStates;
use super::shown::{Show, Shown};
use super::skips::Skips;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::queue::Queue;
use crate::runtime::{Observer, Obstacle, WorkerEvent};
use crate::state::State;

/// Observer of a run that shows its progress.
#[derive(Debug)]
pub(super) struct RunProgress {
    print_thread: PrintThread,
    bar: Option<ProgressBar>,
    counts: Arc<Counts>,
    shown: Option<Shown>,
    skips: Option<Skips>,
    invocation: Invocation,
    /// Tasks that need a person.
    pub(super) left: Vec<Obstacle>,
}

/// Numbers of lines by state.
#[derive(Debug, Default)]
struct Counts {
    /// Lines that had ended before this run.
    ended_before: u64,
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
        let ended = count(&self.counts.ended);
        let mut message = format!(
            "{} running, {} failed",
            count(&self.counts.running),
            count(&self.counts.failed)
        );
        let now = ended.saturating_sub(self.counts.ended_before);
        let all = self.bar.length().unwrap_or_default();
        if let Some(left) = left(now, all.saturating_sub(ended), self.bar.elapsed()) {
            let _ = write!(message, ", {} left", moment::rough(left));
        }
        self.bar.set_position(ended);
        self.bar.set_message(message);
        self.bar.tick();
    }
}

/// Time that the rest will take, if lines go on ending as fast as those so far; none before the
/// first one has ended.
fn left(ended: u64, open: u64, elapsed: Duration) -> Option<Duration> {
    if ended == 0 || open == 0 {
        return None;
    }
    let millis = elapsed.as_millis() * u128::from(open) / u128::from(ended);
    Some(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl RunProgress {
    pub(super) fn new(printer: Printer, invocation: Invocation, before: &LineStates) -> Self {
        let counts = Arc::new(Counts {
            ended_before: before.ended(),
            ..Counts::default()
        });
        counts.ended.store(before.ended(), Ordering::Relaxed);
        counts
            .failed
            .store(before.count(State::Failed), Ordering::Relaxed);
        let wanted = std::io::stderr().is_terminal() && !printer.is_json();
        let bar = wanted.then(|| {
            let lines = before.left() + before.ended();
            let bar = ProgressBar::with_draw_target(Some(lines), ProgressDrawTarget::stderr());
            let template = "[{elapsed_precise}] {wide_bar} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let print_thread = match &bar {
            Some(bar) => PrintThread::new(Bar {
                bar: bar.clone(),
                counts: Arc::clone(&counts),
            }),
            None => PrintThread::new(StandardError),
        };
        print_thread.redraw();
        Self {
            print_thread,
            bar,
            counts,
            shown: None,
            skips: None,
            invocation,
            left: Vec::new(),
        }
    }

    /// Shows the output of lines that end from now on.
    ///
    /// # Errors
    /// As [`Shown::new`].
    pub(super) fn show<Q: Queue>(
        &mut self,
        show: Show,
        printer: Printer,
        queue: &Arc<Q>,
    ) -> Result<()> {
        self.shown = Some(Shown::new(show, printer, queue, self.bar.clone())?);
        Ok(())
    }

    /// Counts lines of the queue that are skipped because of the end of others, if a bar shows them.
    ///
    /// # Errors
    /// As [`Skips::new`].
    pub(super) fn count_skips<Q: Queue>(&mut self, queue: &Arc<Q>, lines: &str) -> Result<()> {
        if self.bar.is_none() {
            return Ok(());
        }
        let (counts, print_thread) = (Arc::clone(&self.counts), self.print_thread.clone());
        let count = move |skipped| {
            counts.ended.fetch_add(skipped, Ordering::Relaxed);
            print_thread.redraw();
        };
        self.skips = Some(Skips::new(queue, lines, count)?);
        Ok(())
    }

    /// The thread that prints its lines.
    pub(super) fn print_thread(&self) -> &PrintThread {
        &self.print_thread
    }

    /// Prints the rest of the output, and removes the bar unless the terminal is on hold.
    pub(super) fn finish(&mut self) {
        if let Some(shown) = &mut self.shown {
            shown.finish();
        }
        if let Some(skips) = &mut self.skips {
            skips.finish();
        }
        if !self.print_thread.finish(LAST_LINES) {
            hurry();
        }
    }
}

impl Observer for RunProgress {
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
            WorkerEvent::Ended {
                claim,
                state,
                outcome,
                ..
            } => {
                if let (Some(shown), Some(state)) = (&self.shown, *state) {
                    shown.ended(claim.task, state);
                }
                if let (Some(skips), Some(true)) = (&self.skips, state.map(State::is_terminal)) {
                    skips.ended(claim.task);
                }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::left;

    #[test]
    fn the_time_left_follows_the_lines_that_ended_so_far() {
        let seconds = Duration::from_secs;
        assert_eq!(left(0, 10, seconds(5)), None);
        assert_eq!(left(10, 0, seconds(5)), None);
        assert_eq!(left(2, 6, seconds(10)), Some(seconds(30)));
        assert_eq!(
            left(1, u64::MAX, seconds(1)),
            Some(Duration::from_millis(u64::MAX))
        );
    }
}
