//! A database that is deleted or replaced, or whose folder is, under a worker: the worker lets its tasks
//! finish, exits with 5 and lists the outcomes that it could not record.

use std::fs;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::process::arena::{Running, said};
use crate::process::patience::wait_until;
use crate::process::rounds::rounds;
use crate::process::{Arena, Program};

/// How many take place at the same time: each of them mostly waits.
const AT_ONCE: usize = 6;

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// The database, its log, and the folder.
    All,
    /// The database, and nothing else.
    File,
    /// The database: a backup is moved over it, and its log is deleted.
    Replaced,
    /// The folder. The database can still be written to.
    Folder,
}

impl Taken {
    /// The command that takes it away.
    fn command(self) -> &'static str {
        match self {
            Self::All => "rm queue.db queue.db-wal queue.db-shm; mv queue.db.d gone.d",
            Self::File => "rm queue.db",
            // A log of the one before would be played into the new one.
            Self::Replaced => "mv copy.db queue.db; rm queue.db-wal queue.db-shm",
            Self::Folder => "mv queue.db.d gone.d",
        }
    }
}

const WAYS: [Taken; 4] = [Taken::All, Taken::File, Taken::Replaced, Taken::Folder];

/// Takes `count` databases of each program away in each way. Returns how many there were, and what was
/// wrong.
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
    let arena = Arena::new(None, Durability::Fast)?;
    let slow = "touch begun; while ! test -e go; do sleep 0.02; done; touch done";
    arena.ok(program, &["add-task", "slow", slow])?;
    // How this ends is recorded, if at all, in a file that nobody finds any more.
    let thief = "while ! test -e begun; do sleep 0.02; done";
    let thief = format!("{thief}; {}", taken.command());
    arena.ok(program, &["add-task", "thief", &thief])?;
    arena.ok(program, &["backup", "copy.db"])?;
    let log = arena.file("worker.log");
    let mut worker = arena.command(program, &["worker", "--slots", "2"])?;
    worker.stdout(std::process::Stdio::null());
    let worker = Running(worker.stderr(fs::File::create(&log)?).spawn()?);
    wait_until("the worker notices", || {
        Ok(fs::read_to_string(&log)?.contains("stopping"))
    })?;
    let mut faults = Vec::new();
    if arena.file("done").exists() {
        faults.push("the worker did not wait for its task".to_owned());
    }
    fs::write(arena.file("go"), "")?;
    let output = worker.output()?;
    if output.status.code() != Some(5) {
        faults.push(format!("the worker ended with {}", said(&output)));
    }
    if !arena.file("done").exists() {
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
    faults.extend(afterwards(&arena, program, taken)?);
    Ok(faults)
}

/// What is wrong with the files that the worker left.
fn afterwards(arena: &Arena, program: Program, taken: Taken) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    match taken {
        Taken::All | Taken::File => {
            if arena.database().exists() {
                faults.push("the worker made the database again".to_owned());
            }
        }
        Taken::Replaced => faults.extend(arena.broken(program)?),
        Taken::Folder => {
            let output = arena.run(program, &["worker", "--drain"])?;
            if !output.status.success() {
                faults.push(format!("the next worker ended with {}", said(&output)));
            }
            for task in ["1", "2"] {
                let shown = arena.ok(program, &["show", task, "-o", "json"])?;
                let shown: serde_json::Value = serde_json::from_str(&shown)?;
                if shown["state"] != "succeeded" || shown["attempt"] != 1 {
                    faults.push(format!("a task was not recorded: {shown}"));
                }
            }
            faults.extend(arena.broken(program)?);
        }
    }
    Ok(faults)
}
