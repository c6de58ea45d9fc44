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

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How often a database is taken away in each way.
    pub count: usize,
    /// Only every so many links are put in a file's place.
    pub links: usize,
    /// `shrink` is killed only at every so many of its system calls.
    pub calls: usize,
}

/// Result of all attempts.
#[derive(Debug, Default)]
pub struct Found {
    /// How often each was tried, and how often a promise was broken.
    pub figures: Vec<Figure>,
    /// Broken promises, as sentences.
    pub faults: Vec<String>,
    /// Reasons why something could not be tried here.
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

/// Tries everything with these programs. Owners and links need root, `shrink` needs strace.
///
/// # Errors
/// If a process cannot be started or does not get where it has to.
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

/// Root works on files of another user's, and meets every `stride`th link that user put in their place.
///
/// # Errors
/// As [`run`].
pub fn owners_and_links(programs: &[Program], stride: usize) -> Result<Found> {
    let mut found = Found::default();
    let Some(user) = OtherUser::find(programs)? else {
        found.skipped.push(
            "only root can act for another user, who has to be able to run the programs where they lie",
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

/// Databases are deleted or replaced, or the folder beside them is deleted, while a worker runs a task.
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

/// `shrink` is killed at every `stride`th of its system calls.
///
/// # Errors
/// As [`run`].
pub fn shrink(programs: &[Program], stride: usize) -> Result<Found> {
    let mut found = Found::default();
    let Some(shrunk) = syscalls::shrink(programs, stride)? else {
        found
            .skipped
            .push("without strace, or where it may not trace, no system call can be chosen");
        return Ok(found);
    };
    found.figures.extend([shrunk.kills, shrunk.syncs]);
    found.faults.extend(shrunk.faults);
    Ok(found)
}
