//! The database file and the files beside it: owners, links, deletion under a worker, and `shrink`
//! killed at its system calls.

mod links;
mod other_user;
mod owners;
mod taken_away;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::Program;
use crate::process::patience::Stopwatch;
use crate::syscalls;

use other_user::OtherUser;

/// Number of attempts.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Number of times that a database is taken away in each way.
    pub count: usize,
    /// Only every `links`th link is tried.
    pub links: usize,
    /// `shrink` is killed only at every `calls`th of its system calls.
    pub calls: usize,
}

/// Result of all attempts.
#[derive(Debug, Default)]
pub struct Found {
    /// Number of attempts and of broken promises, by kind.
    pub figures: Vec<Figure>,
    /// Broken promises, as sentences.
    pub faults: Vec<String>,
    /// Reasons for skipped attempts.
    pub skipped: Vec<&'static str>,
}

impl Found {
    fn add(&mut self, what: &str, watch: Stopwatch, (count, faults): (usize, Vec<String>)) {
        self.figures.push(Figure {
            what: what.to_owned(),
            count: count as u64,
            violations: faults.len() as u64,
            seconds: watch.elapsed().as_secs_f64(),
            commit: commit(),
            ..Figure::default()
        });
        self.faults.extend(faults);
    }
}

/// Runs all attempts with these programs. Owners and links need root, `shrink` needs strace.
///
/// # Errors
/// When a process cannot be started or does not reach the expected state.
pub fn run(programs: &[Program], extent: Extent) -> Result<Found> {
    let mut all = Found::default();
    for found in [
        owners_and_links(programs, extent.links)?,
        take_away(programs, extent.count)?,
        shrink(programs, extent.calls)?,
    ] {
        all.figures.extend(found.figures);
        all.faults.extend(found.faults);
        all.skipped.extend(found.skipped);
    }
    Ok(all)
}

/// Runs as root on another user's files, and meets every `stride`th link which that user put in place
/// of a file.
///
/// # Errors
/// As [`run`].
pub fn owners_and_links(programs: &[Program], stride: usize) -> Result<Found> {
    let mut found = Found::default();
    let Some(user) = OtherUser::find(programs)? else {
        found.skipped.push(
            "only root can act for another user, and that user must be able to run the programs",
        );
        return Ok(found);
    };
    let watch = Stopwatch::start();
    let owned = owners::run(user, programs)?;
    found.add(
        "files that root does not trust or has to give away",
        watch,
        owned,
    );
    let watch = Stopwatch::start();
    let linked = links::run(user, programs, stride)?;
    found.add("links in the place of files that root opens", watch, linked);
    Ok(found)
}

/// Deletes or replaces databases, or deletes the folder beside them, while a worker runs a task.
///
/// # Errors
/// As [`run`].
pub fn take_away(programs: &[Program], count: usize) -> Result<Found> {
    let mut found = Found::default();
    let watch = Stopwatch::start();
    let taken = taken_away::run(programs, count)?;
    found.add("databases taken away under a worker", watch, taken);
    Ok(found)
}

/// Kills `shrink` at every `stride`th of its system calls.
///
/// # Errors
/// As [`run`].
pub fn shrink(programs: &[Program], stride: usize) -> Result<Found> {
    let mut found = Found::default();
    let Some(shrunk) = syscalls::shrink(programs, stride)? else {
        found
            .skipped
            .push("strace is missing or may not trace processes");
        return Ok(found);
    };
    found.figures.extend([shrunk.kills, shrunk.syncs]);
    found.faults.extend(shrunk.faults);
    Ok(found)
}
