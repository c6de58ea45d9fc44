//! Peak memory of a process that runs the operations on one system.

use std::path::{Path, PathBuf};
use std::process::Command;

use queue_core::sqlite::Durability;

use crate::systems::{SYSTEMS, SystemName};
use crate::workload::{Commits, hundred};
use crate::{Result, Verdict, print, probe};

/// Arguments of the hidden verb that measures one system.
#[derive(Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    #[arg(long)]
    system: SystemName,
    #[arg(long)]
    ops: usize,
    #[arg(long)]
    db: PathBuf,
}

/// Measurement of one system.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) system: SystemName,
    pub(super) megabytes: f64,
}

/// Runs the operations on one system and prints the peak memory of the process.
pub(crate) fn run_memory(args: &MemoryArgs) -> Result<Verdict> {
    let system = args.system.open(&args.db, Durability::Fast)?;
    hundred(system.as_ref(), args.ops, Commits::Each)?;
    print(&format!("{}\n", probe::own_peak_megabytes()))?;
    Ok(Verdict::Passed)
}

/// Measures every system, one after another.
pub(super) fn measure(operations: u32, folder: &Path) -> Result<Vec<Memory>> {
    let of = |system: SystemName| {
        Ok(Memory {
            system,
            megabytes: memory_of(system, operations, folder)?,
        })
    };
    SYSTEMS.into_iter().map(of).collect()
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
