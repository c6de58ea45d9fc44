//! A database that is deleted or replaced under a worker, or whose folder is: the worker lets its tasks
//! finish, exits with 5 and lists the outcomes that it could not record.

use std::fs;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::process::patience::wait_until;
use crate::process::rounds::rounds;
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Rounds that run at the same time: each mostly waits.
const AT_ONCE: usize = 6;

/// Files that are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The database, its log, and the folder.
    All,
    /// The database alone.
    File,
    /// The database: a backup replaces it, and its log is deleted.
    Replaced,
    /// The folder. The database remains writable.
    Folder,
}

impl Taken {
    /// Shell command that takes the files away.
    fn command(self) -> &'static str {
        match self {
            Self::All => "rm queue.db queue.db-wal queue.db-shm; mv queue.db.d gone.d",
            Self::File => "rm queue.db",
            // The old database's log would be replayed into the new one.
            Self::Replaced => "mv copy.db queue.db; rm queue.db-wal queue.db-shm",
            Self::Folder => "mv queue.db.d gone.d",
        }
    }
}

const WAYS: [Taken; 4] = [Taken::All, Taken::File, Taken::Replaced, Taken::Folder];

/// Takes `count` databases of each program away in each way. Returns the number of databases, and the
/// faults.
pub(super) fn run(programs: &[Program], count: usize) -> Result<(usize, Vec<String>)> {
    let once = programs
        .iter()
        .flat_map(|program| WAYS.map(|taken| (*program, taken)));
    let all: Vec<(Program, Taken)> = once.collect::<Vec<_>>().repeat(count);
    let faults = rounds(&all, AT_ONCE, |(program, taken)| {
        let faults = round(*program, *taken)?;
        let named = |fault| format!("{}, {taken:?}: {fault}", program.name());
        Ok(faults.into_iter().map(named).collect())
    })?;
    Ok((all.len(), faults))
}

fn round(program: Program, taken: Taken) -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let slow = "touch begun; while ! test -e go; do sleep 0.02; done; touch done";
    scratch.ok(program, &["add-task", "slow", slow])?;
    // The outcome of this task is recorded in the old file, if at all, which no program finds again.
    let thief = "while ! test -e begun; do sleep 0.02; done";
    let thief = format!("{thief}; {}", taken.command());
    scratch.ok(program, &["add-task", "thief", &thief])?;
    scratch.ok(program, &["backup", "copy.db"])?;
    let log = scratch.file("worker.log");
    let mut worker = scratch.command(program, &["worker", "--slots", "2"])?;
    worker.stdout(std::process::Stdio::null());
    let worker = Running(worker.stderr(fs::File::create(&log)?).spawn()?);
    wait_until("the worker notices the loss", || {
        Ok(fs::read_to_string(&log)?.contains("stopping"))
    })?;
    let mut faults = Vec::new();
    if scratch.file("done").exists() {
        faults.push("the worker did not wait for its task".to_owned());
    }
    fs::write(scratch.file("go"), "")?;
    let output = worker.output()?;
    if output.status.code() != Some(5) {
        faults.push(format!("the worker ended with {}", describe_exit(&output)));
    }
    if !scratch.file("done").exists() {
        faults.push("the worker ended its task".to_owned());
    }
    let said = fs::read_to_string(&log)?;
    for task in ["task 1 (slow) succeeded", "task 2 (thief) succeeded"] {
        let listed = said.lines().find(|line| line.contains("not recorded"));
        let is_listed = listed.is_some_and(|listed| listed.contains(task));
        if is_listed == (taken == Taken::Folder) {
            faults.push(format!("the worker said {:?}", said.trim()));
        }
    }
    faults.extend(afterwards(&scratch, program, taken)?);
    Ok(faults)
}

/// Faults of the files that the worker left.
fn afterwards(scratch: &ScratchFolder, program: Program, taken: Taken) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    match taken {
        Taken::All | Taken::File => {
            if scratch.database().exists() {
                faults.push("the worker made the database again".to_owned());
            }
        }
        Taken::Replaced => faults.extend(scratch.broken(program)?),
        Taken::Folder => {
            let output = scratch.run(program, &["worker", "--drain"])?;
            if !output.status.success() {
                faults.push(format!(
                    "the next worker ended with {}",
                    describe_exit(&output)
                ));
            }
            for task in ["1", "2"] {
                let shown = scratch.ok(program, &["show", task, "-o", "json"])?;
                let shown: serde_json::Value = serde_json::from_str(&shown)?;
                if shown["state"] != "succeeded" || shown["attempt"] != 1 {
                    faults.push(format!("a task was not recorded: {shown}"));
                }
            }
            faults.extend(scratch.broken(program)?);
        }
    }
    Ok(faults)
}
