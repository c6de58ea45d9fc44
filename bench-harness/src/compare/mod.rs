//! `compare`: the 100 operations on raw `SQLite` and the engines in turns, and other differences
//! between the engines: memory, features, complexity, scalability.

mod advice;
mod complexity;
mod document;
mod hundred;
mod memory;
mod scale;
mod summary;
mod text;

use crate::report::document::Kind;
use crate::report::{Common, Document, Form};
use crate::{Result, Verdict, print};
use complexity::Complexity;
use hundred::Hundred;
use memory::Memory;
use scale::Scale;

pub(crate) use document::measured_ratio;
pub(crate) use memory::{MemoryArgs, run_memory};

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Number of enqueues; half as many tasks are claimed and a quarter as many settled
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(4..=10_000_000))]
    ops: u32,
    /// Runs of every system [default: 15; at `full` as many of them as the disk does in a few seconds]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// All measurements and counts.
struct Comparison {
    hundred: Hundred,
    /// Raw `SQLite`, then the engines.
    memory: Vec<Memory>,
    /// fast-queue, then workflow-queue.
    scale: [Scale; 2],
    complexity: [Complexity; 2],
}

/// Measures and prints.
pub(crate) fn run(args: &CompareArgs) -> Result<Verdict> {
    let folder = crate::folder(args.common.dir.as_deref())?;
    let document = Document::begin(Kind::Compare, folder.path())?;
    let probe_us = document.disk_probe_us.median;
    let comparison = Comparison {
        hundred: hundred::measure(args.ops, args.runs, probe_us, folder.path())?,
        memory: memory::measure(args.ops, folder.path())?,
        scale: scale::measure(folder.path())?,
        complexity: complexity::count(folder.path())?,
    };
    match args.common.form {
        Form::Table => print(&text::text(&comparison, &document))?,
        Form::Json => print(&document::fill(document, &comparison).json()?)?,
    }
    Ok(Verdict::Passed)
}

#[cfg(test)]
mod tests {
    use super::hundred::{CUTS, Hundred, LEVELS, Line};
    use super::{Comparison, Complexity, Memory, Scale};
    use crate::measure::Spread;
    use crate::systems::{EngineName, SYSTEMS};

    /// A comparison in which the systems take once, twice and three times `ms`.
    pub(super) fn comparison(operations: u32, ms: f64) -> Comparison {
        let mut lines = Vec::new();
        for (level, commits) in LEVELS
            .into_iter()
            .flat_map(|level| CUTS.map(|cut| (level, cut)))
        {
            for (system, factor) in SYSTEMS.into_iter().zip([1.0, 2.0, 3.0]) {
                lines.push(Line {
                    level,
                    commits,
                    system,
                    ms: Spread::of(&[ms * factor, ms * factor, ms * 30.0]),
                    to_raw: 123.45,
                    to_fast: 123.45,
                    to_each: 0.01,
                });
            }
        }
        let spread = Spread::of(&[ms]);
        let scale = |engine| Scale {
            engine,
            claim_us: [spread; 2],
            deeper: 123.45,
            pushes: [spread; 2],
            wider: 123.45,
        };
        let complexity = |engine| Complexity {
            engine,
            tables: 12,
            columns: 123,
            indexes: 12,
        };
        let engines = [EngineName::Fast, EngineName::Workflow];
        Comparison {
            hundred: Hundred {
                operations,
                rounds: [10_000; 2],
                lines,
            },
            memory: SYSTEMS
                .map(|system| Memory {
                    system,
                    megabytes: 1234.5,
                })
                .into(),
            scale: engines.map(scale),
            complexity: engines.map(complexity),
        }
    }
}
