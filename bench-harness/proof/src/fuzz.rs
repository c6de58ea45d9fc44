//! Runs the fuzz targets through their own program, which builds them with libFuzzer.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::Stopwatch;

/// Report of that program on a target.
#[derive(Debug, Deserialize)]
struct Target {
    what: String,
    count: u64,
    violations: u64,
}

/// Tries `runs` inputs on each target in `targets`, or on every target if it is empty, from the root of
/// the workspace. Calls `tell` for each target as soon as it is done.
///
/// # Errors
/// When the targets cannot be built or run; the program has printed the reason.
pub fn run(runs: u64, targets: &[String], mut tell: impl FnMut(&str)) -> Result<Figure> {
    let watch = Stopwatch::start();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut fuzzer = Command::new(cargo)
        .args(["run", "--quiet", "--package", "queue-fuzz", "--", "--runs"])
        .arg(runs.to_string())
        .args(targets)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut figure = Figure {
        commit: commit(),
        ..Figure::default()
    };
    let stdout = fuzzer.stdout.take().ok_or("no output")?;
    for line in BufReader::new(stdout).lines() {
        let target: Target = serde_json::from_str(&line?)?;
        tell(&format!("{}: {} inputs", target.what, target.count));
        figure.count += target.count;
        figure.violations += target.violations;
        figure.details.insert(target.what, target.count);
    }
    let status = fuzzer.wait()?;
    // An input that breaks a promise ends the program with exit code 1.
    if !status.success() && figure.violations == 0 {
        return Err(format!("the fuzzer has ended with {status}").into());
    }
    figure.what = format!("inputs to {} fuzz targets", figure.details.len());
    figure.seconds = watch.elapsed().as_secs_f64();
    Ok(figure)
}
