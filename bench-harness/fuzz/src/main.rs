//! Builds the targets with libFuzzer and runs them one after another. Prints one line of JSON per
//! target: the number of inputs, and the number of inputs that broke a promise.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use queue_core::clock::{Clock, SystemClock};
use queue_fuzz::{TARGETS, target};
use serde::Serialize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compiler flags that report to libFuzzer the code reached by an input.
const INSTRUMENTATION: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Explicit target platform, so that build scripts are not instrumented.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Fuzzes every parser and decoder of untrusted input
///
/// Needs a C++ compiler for libFuzzer, and x86-64 Linux. Exit codes: 0 no input broke a promise · 1 an
/// input broke a promise; its file is named on standard error · 2 usage · 70 the fuzzer could not run.
#[derive(Debug, Parser)]
#[command(name = "queue-fuzz", version)]
struct Arguments {
    /// Number of inputs for each target
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,

    /// Longest input in bytes
    #[arg(long, default_value_t = 1024)]
    longest: u32,

    /// Add inputs that reach new code to the corpus
    #[arg(long)]
    keep: bool,

    /// Targets; all of them if none is named
    #[arg(value_parser = known)]
    targets: Vec<String>,
}

fn known(name: &str) -> std::result::Result<String, String> {
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    match target(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(format!("not one of {}", names.join(", "))),
    }
}

/// Result of a target.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    count: u64,
    violations: u64,
    seconds: f64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "queue-fuzz: {error}");
            ExitCode::from(70)
        }
    }
}

/// Returns true if every promise held.
fn run(arguments: &Arguments) -> Result<bool> {
    let fuzzer = Fuzzer::build()?;
    let all = TARGETS.iter().map(|(name, _)| (*name).to_owned());
    let mut targets = arguments.targets.clone();
    if targets.is_empty() {
        targets.extend(all);
    }
    let mut holds = true;
    for name in &targets {
        let finding = fuzzer.fuzz(name, arguments)?;
        holds &= finding.violations == 0;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&finding)?)?;
        if arguments.keep && finding.violations == 0 {
            fuzzer.keep(name)?;
        }
    }
    Ok(holds)
}

/// The built program and its folders.
struct Fuzzer {
    program: PathBuf,
    /// The committed corpus.
    corpus: PathBuf,
    /// New inputs, and inputs that break a promise.
    found: PathBuf,
}

impl Fuzzer {
    fn build() -> Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = package.join("../../target/fuzz");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--target", PLATFORM, "--target-dir"])
            .arg(&built)
            .current_dir(package.join("targets"))
            .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}"))
            .status()?;
        if !status.success() {
            return Err("the targets cannot be built; see the compiler's message above".into());
        }
        Ok(Self {
            program: built.join(PLATFORM).join("release/queue-fuzz-targets"),
            corpus: package.join("corpus"),
            found: built.join("found"),
        })
    }

    fn fuzz(&self, name: &str, arguments: &Arguments) -> Result<Finding> {
        let found = self.found.join(name);
        fs::create_dir_all(&found)?;
        let began = SystemClock.now().boot;
        let output = self
            .command(name)
            .arg(format!("-runs={}", arguments.runs))
            .arg(format!("-max_len={}", arguments.longest))
            .arg(format!("-artifact_prefix={}-", found.display()))
            .arg("-print_final_stats=1")
            .args([&found, &self.corpus.join(name)])
            .stderr(Stdio::piped())
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        let count = told.lines().find_map(|line| {
            let count = line.strip_prefix("stat::number_of_executed_units:")?;
            count.trim().parse().ok()
        });
        if !output.status.success() {
            std::io::stderr().write_all(&output.stderr)?;
        }
        Ok(Finding {
            what: format!("fuzz {name}"),
            count: count.ok_or("libFuzzer did not say how many inputs it tried")?,
            violations: u64::from(!output.status.success()),
            seconds: SystemClock.now().boot.since(began).as_secs_f64(),
        })
    }

    /// Adds new inputs that reach further code to the corpus.
    fn keep(&self, name: &str) -> Result<()> {
        let status = self
            .command(name)
            .args([
                "-merge=1",
                "-use_counters=0",
                "-use_cmp=0",
                "-reduce_inputs=1",
            ])
            .args([self.corpus.join(name), self.found.join(name)])
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the inputs found for {name} could not be merged").into())
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("FUZZ_TARGET", name);
        command
    }
}
