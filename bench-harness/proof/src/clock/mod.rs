//! The wall clock is set while workers run: forward and back, by minutes and by days, for everybody,
//! for the workers alone, and for everybody but the workers. Tasks run, wait for their time, for a
//! retry or for their timeout meanwhile.

mod round;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::Stopwatch;
use crate::process::{FakeClock, Program};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps in seconds; they end where the clock began.
pub const STEPS: [i64; 8] = [HOUR, -HOUR, DAY, -DAY, -3 * MINUTE, 3 * MINUTE, -DAY, DAY];

/// The shortest list with a step of every kind.
pub const FEW_STEPS: [i64; 4] = [HOUR, -DAY, -3 * MINUTE, DAY - HOUR + 3 * MINUTE];

/// Who goes by the clock that is set; the others go by the true one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Governed {
    Everybody,
    Workers,
    /// Those who enqueue, and all other verbs.
    Others,
}

impl Governed {
    const ALL: [Self; 3] = [Self::Everybody, Self::Workers, Self::Others];
}

/// Takes the steps in turn, and then at once, `rounds` times in each setting: with the workers of
/// either program, and with everybody, the workers or the others under the clock. Returns how many
/// steps there were and what was wrong; nothing where libfaketime is not installed.
///
/// # Errors
/// If a process cannot be started, or the clock does not move it.
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
        // All settings at the same time: each of them mostly waits.
        let ends: Vec<Result<Vec<String>>> = std::thread::scope(|scope| {
            let mut settings = Vec::new();
            for program in [Program::Fast, Program::Workflow] {
                for governed in Governed::ALL {
                    settings.push(scope.spawn(move || round::run(program, governed, steps)));
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
