//! Sets the wall clock while workers run: forward and back, by minutes and by days, for all processes,
//! for the workers alone, and for all others alone. Meanwhile tasks run, wait for their start time, for
//! a retry or for their timeout.

mod round;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::Stopwatch;
use crate::process::{FakeClock, Program};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps in seconds; they sum up to zero.
pub const STEPS: [i64; 8] = [HOUR, -HOUR, DAY, -DAY, -3 * MINUTE, 3 * MINUTE, -DAY, DAY];

/// The shortest list with a step of every kind.
pub const FEW_STEPS: [i64; 4] = [HOUR, -DAY, -3 * MINUTE, DAY - HOUR + 3 * MINUTE];

/// Processes that see the fake clock; the others see the true one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FakeClockScope {
    All,
    Workers,
    /// Producers and all other verbs.
    Others,
}

impl FakeClockScope {
    const ALL: [Self; 3] = [Self::All, Self::Workers, Self::Others];
}

/// Sets the clock by each step, and then by several at once, `rounds` times in each setting: with the
/// workers of either program, and with all processes, the workers or the others under the fake clock.
/// Returns the number of steps and the faults; `None` if libfaketime is not installed.
///
/// # Errors
/// When a process cannot be started, or the fake clock has no effect on it.
pub fn run(rounds: usize, steps: &[i64]) -> Result<Option<(Figure, Vec<String>)>> {
    let folder = tempfile::tempdir()?;
    if FakeClock::new(folder.path().join("clock"))?.is_none() {
        return Ok(None);
    }
    let mut figure = Figure {
        what: "steps of the wall clock while workers run".to_owned(),
        commit: commit(),
        ..Figure::default()
    };
    let watch = Stopwatch::start();
    let mut faults = Vec::new();
    for _ in 0..rounds {
        // All settings run at the same time: each mostly waits.
        let ends: Vec<Result<Vec<String>>> = std::thread::scope(|threads| {
            let mut settings = Vec::new();
            for program in [Program::Fast, Program::Workflow] {
                for scope in FakeClockScope::ALL {
                    settings.push(threads.spawn(move || round::run(program, scope, steps)));
                }
            }
            let ends = settings.into_iter().map(|setting| match setting.join() {
                Ok(end) => end,
                Err(_) => Err("a thread has panicked".into()),
            });
            ends.collect()
        });
        for end in ends {
            faults.extend(end?);
            figure.count += 2 * steps.len() as u64;
        }
    }
    figure.violations = faults.len() as u64;
    figure.seconds = watch.elapsed().as_secs_f64();
    Ok(Some((figure, faults)))
}
