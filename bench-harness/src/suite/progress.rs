//! Progress of a run on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{Result, print};

/// A progress line on standard error; none if that is not a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Starts a line for that many cases.
    pub(super) fn start(cases: usize) -> Result<Self> {
        let bar = ProgressBar::with_draw_target(
            Some(u64::try_from(cases)?),
            ProgressDrawTarget::stderr(),
        );
        bar.set_style(ProgressStyle::with_template(
            "{spinner} {pos}/{len} {elapsed} {wide_msg}",
        )?);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self(bar))
    }

    /// Shows the name of a case that begins.
    pub(super) fn begin(&self, case: &str) {
        self.0.set_message(case.to_owned());
    }

    /// Counts a case that has ended.
    pub(super) fn end(&self) {
        self.0.inc(1);
    }

    /// Prints to standard output without disturbing the progress line.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        self.0.suspend(|| print(text))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
