//! Owners: root refuses files that others can change. If told to trust a file, root leaves nothing
//! beside it that locks its owner out.

use std::os::unix::fs::chown;

use queue_core::sqlite::Durability;

use super::other_user::{OtherUser, open_to};
use crate::Result;
use crate::process::patience::wait_until;
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// A task whose output is long enough for a file of its own.
const LOUD: &str = "head -c 100000 /dev/zero | tr '\\0' x";

/// A change that makes root distrust a file.
type Change = fn(OtherUser, &ScratchFolder) -> Result<()>;

const CHANGES: [(&str, Change); 5] = [
    ("another user's file", |user, scratch| {
        Ok(chown(scratch.database(), Some(user.uid), None)?)
    }),
    ("a file that all may write", |_, scratch| {
        open_to(&scratch.database(), 0o666)
    }),
    ("a file that a group may write", |user, scratch| {
        chown(scratch.database(), None, Some(user.gid))?;
        open_to(&scratch.database(), 0o660)
    }),
    ("a folder that all may write", |_, scratch| {
        open_to(&scratch.file(""), 0o777)
    }),
    ("a folder that a group may write", |user, scratch| {
        chown(scratch.file(""), None, Some(user.gid))?;
        open_to(&scratch.file(""), 0o770)
    }),
];

/// Tries all changes. Returns the number of files, and the faults.
pub(super) fn run(user: OtherUser, programs: &[Program]) -> Result<(usize, Vec<String>)> {
    let mut faults = Vec::new();
    for program in programs {
        let mut found = beside_another(user, *program)?;
        for (name, change) in CHANGES {
            let refused = refused(user, *program, change)?;
            found.extend(refused.into_iter().map(|fault| format!("{name}: {fault}")));
        }
        let named = |fault| format!("{}: {fault}", program.name());
        faults.extend(found.into_iter().map(named));
    }
    Ok((programs.len() * (1 + CHANGES.len()), faults))
}

/// Root works on another user's file and is killed, and the owner goes on.
fn beside_another(user: OtherUser, program: Program) -> Result<Vec<String>> {
    let scratch = user.scratch()?;
    let mut faults = Vec::new();
    let mut owner = |scratch: &ScratchFolder, words: &[&str]| -> Result<()> {
        faults.extend(user.failed(scratch, program, words)?);
        Ok(())
    };
    owner(&scratch, &["add-task", "own", "true"])?;
    scratch.ok(program, &["add-task", "loud", LOUD])?;
    let mut worker = scratch.command(program, &["worker", "--trust-file"])?;
    worker.stderr(std::process::Stdio::null());
    let mut worker = Running(worker.stdout(std::process::Stdio::null()).spawn()?);
    wait_until("root's worker has ended both", || Ok(left(&scratch)? == 0))?;
    // While root's worker lives, the owner's verbs ask for its lock and send to its socket.
    owner(&scratch, &["add-task", "next", "true"])?;
    owner(&scratch, &["wait", "3"])?;
    worker.0.kill()?;
    worker.0.wait()?;
    owner(&scratch, &["doctor", "--repair"])?;
    owner(&scratch, &["add-task", "last", "true"])?;
    owner(&scratch, &["worker", "--drain"])?;
    owner(&scratch, &["wait", "4"])?;
    faults.extend(user.foreign(&scratch)?);
    faults.extend(scratch.broken(program)?);
    Ok(faults)
}

/// Tasks that have not ended.
fn left(scratch: &ScratchFolder) -> Result<i64> {
    let unfinished = include_str!("../../queries/unfinished.sql");
    Ok(scratch
        .reader()?
        .query_row(unfinished, [], |row| row.get(0))?)
}

/// Checks that root runs nothing from a changed file unless told to trust it.
fn refused(user: OtherUser, program: Program, change: Change) -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    scratch.ok(program, &["add-task", "a", "touch ran"])?;
    std::fs::write(scratch.file("tasks.txt"), "touch ran\n")?;
    change(user, &scratch)?;
    let mut faults = Vec::new();
    for words in [
        &["worker", "--drain"][..],
        &["worker", "--background"],
        &["run", "tasks.txt"],
    ] {
        let output = scratch.run(program, words)?;
        let said_so = String::from_utf8_lossy(&output.stderr).contains("--trust-file");
        if output.status.code() != Some(5) || !said_so {
            faults.push(format!(
                "root's {words:?} ended with {}",
                describe_exit(&output)
            ));
        }
    }
    if scratch.file("ran").exists() {
        faults.push("root ran its commands".to_owned());
    }
    let output = scratch.run(program, &["worker", "--drain", "--trust-file"])?;
    if !output.status.success() || !scratch.file("ran").exists() {
        let said = describe_exit(&output);
        faults.push(format!("told to trust it, root's worker ended with {said}"));
    }
    faults.extend(scratch.broken(program)?);
    Ok(faults)
}
