//! A full disk: a small file system in memory, mounted in a private mount namespace.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use queue_core::sqlite::Durability;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, wait_until};
use crate::process::scratch::{Running, describe_exit, quoted};
use crate::process::small_disk::within;
use crate::process::{Program, ScratchFolder};

/// Arguments of the hidden verb.
#[derive(Clone, Debug, clap::Args)]
pub struct Full {
    /// A folder on a small file system
    folder: PathBuf,
}

/// Bytes of each task's command: a few dozen tasks fill the disk.
const LARGE: usize = 16 << 10;

/// Mounts the file system in a private mount namespace and fills it with every program at every
/// durability. `None` if this user may not mount.
///
/// # Errors
/// When the proof cannot run there.
pub fn run() -> Result<Option<(Figure, Vec<String>)>> {
    let watch = Stopwatch::start();
    let mut figure = Figure {
        what: "verbs refused by a full disk".to_owned(),
        commit: commit(),
        ..Figure::default()
    };
    let folder = tempfile::tempdir()?;
    let verb = [OsStr::new("full"), folder.path().as_os_str()];
    let found = within("4m", folder.path(), &verb)?;
    let Some((count, faults)): Option<(u64, Vec<String>)> = found else {
        return Ok(None);
    };
    figure.count = count;
    figure.violations = faults.len() as u64;
    figure.seconds = watch.elapsed().as_secs_f64();
    Ok(Some((figure, faults)))
}

/// Runs the proof on the small file system. Returns the number of refused verbs, and the faults.
///
/// # Errors
/// When a program cannot be started, or the disk does not fill up.
pub fn fill(args: &Full) -> Result<(u64, Vec<String>)> {
    let mut refused = 0;
    let mut faults = Vec::new();
    for program in [Program::Fast, Program::Workflow] {
        for durability in [Durability::Fast, Durability::Full] {
            let scratch = ScratchFolder::new(Some(&args.folder), durability)?;
            let (count, mut found) = fill_one(&scratch, program)?;
            drop(scratch);
            let scratch = ScratchFolder::new(Some(&args.folder), durability)?;
            found.extend(record_after_full_disk(&scratch, program)?);
            refused += count;
            let name = |fault| format!("{} at {durability:?}: {fault}", program.name());
            faults.extend(found.into_iter().map(name));
        }
    }
    Ok((refused, faults))
}

fn fill_one(scratch: &ScratchFolder, program: Program) -> Result<(u64, Vec<String>)> {
    let mut faults = Vec::new();
    let command = format!("true # {}", "x".repeat(LARGE));
    let add = ["add-task", "large", &command, "--print", "id"];
    scratch.ok(program, &add)?;
    let filler = scratch.file("filler");
    fs::write(&filler, vec![0; free(scratch.database().parent())? / 4 * 3])?;
    let mut acknowledged = 1;
    loop {
        let output = scratch.run(program, &add)?;
        if output.status.success() {
            acknowledged += 1;
            continue;
        }
        faults.extend(unclear(&output));
        break;
    }
    // The other verbs meet the full disk, too; some need no space.
    let mut refused = 1;
    for words in [&["cancel", "1"][..], &add] {
        let output = scratch.run(program, words)?;
        if !output.status.success() {
            refused += 1;
            faults.extend(unclear(&output));
        }
    }
    fs::remove_file(filler)?;
    let there = scratch.ok(program, &["status", "-o", "json"])?;
    let status: serde_json::Value = serde_json::from_str(&there)?;
    let stored = status["total"].as_u64().unwrap_or(0);
    if stored != acknowledged {
        faults.push(format!(
            "{acknowledged} tasks were acknowledged, {stored} are stored"
        ));
    }
    let drained = scratch.run(program, &["worker", "--drain"])?;
    if drained.status.code() != Some(0) {
        faults.push(format!(
            "with space again the worker ended with {}",
            describe_exit(&drained)
        ));
    }
    faults.extend(scratch.broken(program)?);
    Ok((refused, faults))
}

/// Ends commands while not one page can be written. The worker survives and records them: each has run
/// once and succeeded.
fn record_after_full_disk(scratch: &ScratchFolder, program: Program) -> Result<Vec<String>> {
    let elsewhere = tempfile::tempdir()?;
    let (gate, journal) = (
        elsewhere.path().join("gate"),
        elsewhere.path().join("journal"),
    );
    let command = format!(
        "while ! [ -e {} ]; do sleep 0.02; done; echo ran >> {}",
        quoted(&gate),
        quoted(&journal)
    );
    for name in ["one", "two"] {
        scratch.ok(program, &["add-task", name, &command])?;
    }
    scratch.ok(program, &["pause", "another", "--create"])?;
    let log = elsewhere.path().join("log");
    let mut worker = scratch.command(program, &["worker", "--slots", "2", "--drain"])?;
    let worker = Running(worker.stderr(fs::File::create(&log)?).spawn()?);
    let running = "SELECT count(*) FROM queue_tasks WHERE worker IS NOT NULL";
    wait_until("both tasks run", || {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        Ok(scratch.reader()?.query_row(running, [], count)? == 2)
    })?;
    let filler = scratch.file("filler");
    let mut file = fs::File::create(&filler)?;
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    // Small writes use up the space that remains within the log.
    let mut verbs = ["resume", "pause"].iter().cycle();
    let refused = loop {
        let verb = verbs.next().unwrap_or(&"pause");
        let output = scratch.run(program, &[verb, "another"])?;
        if !output.status.success() {
            break output;
        }
    };
    fs::write(&gate, "")?;
    wait_until("the worker says that the disk is full", || {
        Ok(fs::read_to_string(&log)?.contains("no space is left"))
    })?;
    fs::remove_file(filler)?;
    let output = worker.output()?;
    let mut faults: Vec<String> = unclear(&refused).into_iter().collect();
    if !output.status.success() {
        faults.push(format!("the worker ended with {}", describe_exit(&output)));
    }
    if fs::read_to_string(&journal)?.lines().count() != 2 {
        faults.push("a command ran again".to_owned());
    }
    let done = "SELECT count(*) FROM queue_tasks WHERE state = 4 AND attempt = 1";
    let done: i64 = scratch.reader()?.query_row(done, [], |row| row.get(0))?;
    if done != 2 {
        faults.push(format!(
            "{done} of 2 tasks succeeded at their first attempt"
        ));
    }
    faults.extend(scratch.broken(program)?);
    Ok(faults)
}

/// Describes a refusal that differs from the documented one for a full disk.
fn unclear(output: &std::process::Output) -> Option<String> {
    let is_clear =
        output.status.code() == Some(5) && String::from_utf8_lossy(&output.stderr).contains("full");
    (!is_clear).then(|| {
        format!(
            "on a full disk a program ended with {}",
            describe_exit(output)
        )
    })
}

/// Free bytes of a file system.
fn free(folder: Option<&Path>) -> Result<usize> {
    let system = rustix::fs::statvfs(folder.ok_or("the database has no folder")?)?;
    Ok(usize::try_from(system.f_bavail * system.f_frsize)?)
}
