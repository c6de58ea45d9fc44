//! `compare`: the 100 operations, raw `SQLite` and the engines in turns.

use std::path::{Path, PathBuf};
use std::process::Command;

use queue_core::sqlite::Durability;
use serde::Serialize;

use crate::measure::{Spread, Subject, interleaved};
use crate::probe;
use crate::report::{short, table, wrap};
use crate::systems::{SYSTEMS, SystemName};
use crate::workload::{Commits, hundred};
use crate::{Result, Verdict, print};

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Enqueues; half as many tasks are claimed and a quarter as many settled
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(4..=10_000_000))]
    ops: u32,
    /// Runs of every system
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Folder for the databases, on the disk to be measured [default: the system's for temporary
    /// files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Memory of one system, measured in a process of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    #[arg(long)]
    system: SystemName,
    #[arg(long)]
    ops: usize,
    #[arg(long)]
    db: PathBuf,
}

#[derive(Debug, Serialize)]
struct Report {
    operations: u32,
    runs: u32,
    disk_probe_us: Spread,
    memory: Vec<Memory>,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Memory {
    system: &'static str,
    peak_rss_mb: f64,
}

#[derive(Debug, Serialize)]
struct Line {
    durability: &'static str,
    commits: &'static str,
    system: &'static str,
    ms: Spread,
    ratio_to_raw: f64,
    ratio_to_fast: f64,
    ratio_to_one_commit_each: f64,
}

/// Measures and prints.
pub(crate) fn run(args: &CompareArgs) -> Result<Verdict> {
    let folder = crate::folder(args.dir.as_deref())?;
    let report = measure(args, folder.path())?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&text(&report))?;
    }
    Ok(Verdict::Passed)
}

/// Puts one system through the operations and prints the most memory the process occupied.
pub(crate) fn run_memory(args: &MemoryArgs) -> Result<Verdict> {
    let system = args.system.open(&args.db, Durability::Fast)?;
    hundred(system.as_ref(), args.ops, Commits::Each)?;
    print(&format!("{}\n", probe::own_peak_megabytes()))?;
    Ok(Verdict::Passed)
}

fn measure(args: &CompareArgs, folder: &Path) -> Result<Report> {
    let mut lines = Vec::new();
    let disk_probe_us = probe::disk(folder, 50)?;
    for durability in [Durability::Fast, Durability::Full] {
        lines.extend(measure_at(args, folder, durability)?);
    }
    let memory = SYSTEMS
        .iter()
        .map(|system| {
            Ok(Memory {
                system: system.as_str(),
                peak_rss_mb: memory_of(*system, args.ops, folder)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Report {
        operations: args.ops,
        runs: args.runs,
        disk_probe_us,
        memory,
        lines,
    })
}

/// Every system in both ways of committing, in turns, each run on a file of its own.
fn measure_at(args: &CompareArgs, folder: &Path, durability: Durability) -> Result<Vec<Line>> {
    let operations = usize::try_from(args.ops)?;
    let kinds: Vec<(Commits, SystemName)> = [Commits::Each, Commits::Fives, Commits::Batched]
        .into_iter()
        .flat_map(|commits| SYSTEMS.map(|system| (commits, system)))
        .collect();
    let subjects = kinds.iter().map(|(commits, system)| -> Subject<'_> {
        Box::new(move || {
            let file = tempfile::tempdir_in(folder)?;
            let system = system.open(&file.path().join("tasks.db"), durability)?;
            Ok(hundred(system.as_ref(), operations, *commits)? * 1e3)
        })
    });
    let samples = interleaved(usize::try_from(args.runs)?, subjects.collect())?;
    let of = |commits, system| {
        let index = kinds.iter().position(|kind| *kind == (commits, system));
        &samples[index.unwrap_or(0)]
    };
    let line = |(commits, system): &(Commits, SystemName)| {
        let own = of(*commits, *system);
        let ratio_to = |commits, system| Spread::of_ratios(own, of(commits, system)).median;
        Line {
            durability: match durability {
                Durability::Fast => "fast",
                Durability::Full => "full",
            },
            commits: match commits {
                Commits::Each => "each",
                Commits::Fives => "fives",
                Commits::Batched => "batched",
            },
            system: system.as_str(),
            ms: Spread::of(own),
            ratio_to_raw: ratio_to(*commits, SystemName::Raw),
            ratio_to_fast: ratio_to(*commits, SystemName::Fast),
            ratio_to_one_commit_each: ratio_to(Commits::Each, *system),
        }
    };
    Ok(kinds.iter().map(line).collect())
}

fn memory_of(system: SystemName, operations: u32, folder: &Path) -> Result<f64> {
    let file = tempfile::tempdir_in(folder)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["child", "memory", "--system", system.as_str(), "--ops"])
        .arg(operations.to_string())
        .arg("--db")
        .arg(file.path().join("tasks.db"))
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the memory of {} was not measured: {said}", system.as_str()).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn text(report: &Report) -> String {
    let head = "level,commits,system,min ms,median,max,× raw,× fast,× each".split(',');
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for line in &report.lines {
        rows.push(vec![
            line.durability.to_owned(),
            line.commits.to_owned(),
            line.system.to_owned(),
            short(line.ms.min),
            short(line.ms.median),
            short(line.ms.max),
            format!("{:.2}", line.ratio_to_raw),
            format!("{:.2}", line.ratio_to_fast),
            format!("{:.2}", line.ratio_to_one_commit_each),
        ]);
    }
    let (operations, disk) = (report.operations, report.disk_probe_us);
    let about = format!(
        "{operations} enqueues, {} claims, {} settles; {} runs in turns, each on a new file; \
         opening it is not timed. Ratios are medians of the rounds' ratios.",
        operations / 2,
        operations / 4,
        report.runs
    );
    let cuts = "each: a commit for every operation; fives: tasks claimed five at a time, all else \
                as before; batched: three commits.";
    let raw = "raw: the same schema, pragmas and prepared statements on a bare connection, \
               without validation, recovery, wakeups or a lock between processes; it keeps \
               SQLite's own checkpoints and busy handler, which the engines replace.";
    let probe = format!(
        "disk: 4 KiB append + fdatasync {} us ({} to {})",
        short(disk.median),
        short(disk.min),
        short(disk.max)
    );
    let memory: Vec<String> = report
        .memory
        .iter()
        .map(|memory| format!("{} {:.1} MB", memory.system, memory.peak_rss_mb))
        .collect();
    let memory = format!("peak memory, alone in a process: {}", memory.join(", "));
    let notes = [cuts, raw, &probe, &memory].map(|note| wrap(note, ""));
    format!(
        "{}\n{}\n{}",
        wrap(&about, ""),
        table(&rows, 3),
        notes.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::{Line, Memory, Report, text};
    use crate::measure::Spread;
    use crate::report::WIDTH;

    #[test]
    fn the_table_fits_eighty_columns_at_any_size() {
        let line = |system, ms: f64| Line {
            durability: "full",
            commits: "batched",
            system,
            ms: Spread::of(&[ms, ms * 2.0, ms * 30.0]),
            ratio_to_raw: 123.45,
            ratio_to_fast: 123.45,
            ratio_to_one_commit_each: 0.01,
        };
        let report = Report {
            operations: 10_000_000,
            runs: 10_000,
            disk_probe_us: Spread::of(&[65.0, 158.0, 4012.5]),
            memory: vec![Memory {
                system: "fast-queue",
                peak_rss_mb: 1234.5,
            }],
            lines: vec![line("raw", 1.0), line("workflow-queue", 123_456.0)],
        };
        let text = text(&report);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(text.contains("fdatasync 158 us (65.0 to 4012)"), "{text}");
        assert!(text.contains("fast-queue 1234.5 MB"));
    }
}
