//! How far a run is: a bar on a terminal, a line per failure elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::screen::{Screen, note};
use super::super::{escape, worker};
use super::group::Verdict;
use crate::runtime::{Observer, WorkerEvent};
use crate::state::State;

/// Follows a run.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    running: u64,
    failed: u64,
}

impl Progress {
    pub(super) fn new(screen: Screen, before: &Verdict) -> Self {
        let wanted = std::io::stderr().is_terminal() && !screen.is_json();
        let bar = wanted.then(|| {
            let lines = before.left() + before.ended();
            let bar = ProgressBar::with_draw_target(Some(lines), ProgressDrawTarget::stderr());
            let template = "[{elapsed_precise}] {wide_bar} {pos}/{len} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_position(before.ended());
            bar
        });
        Self {
            bar,
            running: 0,
            failed: before.count(State::Failed),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(escape::line(line)),
            None => note(line),
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
            WorkerEvent::Started { .. } => self.running += 1,
            WorkerEvent::Ended { state, .. } => {
                self.running = self.running.saturating_sub(1);
                notable = *state != Some(State::Succeeded);
                if *state == Some(State::Failed) {
                    self.failed += 1;
                }
                if let (Some(bar), true) = (&self.bar, state.is_some_and(State::is_terminal)) {
                    bar.inc(1);
                }
            }
            _ => {}
        }
        if let Some(line) = worker::line(event).filter(|_| notable) {
            self.say(&line);
        }
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} running, {} failed", self.running, self.failed));
        }
    }

    fn beat(&mut self) {
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }
}
