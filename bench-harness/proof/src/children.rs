//! Commands that resist being ended, each ended in every way, and the processes that remain.
//!
//! A cancel, a timeout and a stopping worker end a command's process group, as documented; processes
//! that left the group go on. When a worker dies, every process that it started is ended, in whichever
//! group it is.

use std::fmt;
use std::time::Duration;

use queue_core::sqlite::Durability;
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause, wait_until};
use crate::process::scratch::Running;
use crate::process::{Program, ScratchFolder};

/// Longest time for a process to vanish after its kill.
const EXIT_LIMIT: Duration = Duration::from_secs(2);

/// A way for a command to misbehave, as shell code; it runs `$mark` once it misbehaves.
struct Misbehaviour {
    name: &'static str,
    command: &'static str,
    /// Part of the command leaves its process group.
    escapes: bool,
}

impl Misbehaviour {
    /// Returns true if no process of the command may remain after that ending.
    fn must_be_gone(&self, ending: Ending) -> bool {
        ending == Ending::Kill || !self.escapes
    }
}

const fn stays(name: &'static str, command: &'static str) -> Misbehaviour {
    Misbehaviour {
        name,
        command,
        escapes: false,
    }
}

static MISBEHAVIOURS: [Misbehaviour; 8] = [
    stays(
        "ignores TERM",
        "trap '' TERM; $mark; while :; do sleep 0.1; done",
    ),
    Misbehaviour {
        name: "escapes with setsid",
        command: "setsid sh -c 'sleep 300; :' & $mark; wait",
        escapes: true,
    },
    stays(
        "forks twice",
        "( ( exec sleep 300 ) & ) ; $mark; exec sleep 300",
    ),
    stays(
        "leaves its pipe to another",
        "trap 'exit 0' TERM; sleep 300 & $mark; wait",
    ),
    stays("floods its output", "$mark; exec cat /dev/zero"),
    stays("closes its output", "exec >&- 2>&-; $mark; exec sleep 300"),
    stays(
        "has children in the background",
        "sleep 300 & sleep 300 & $mark; wait",
    ),
    stays("stops itself", "$mark; kill -STOP $$; sleep 300"),
];

/// Ways to end a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The tasks are cancelled.
    Cancel,
    /// The tasks time out.
    Timeout,
    /// The worker receives SIGTERM.
    Stop,
    /// The worker is killed, and another one takes over.
    Kill,
}

impl Ending {
    /// All ways.
    pub const ALL: [Self; 4] = [Self::Cancel, Self::Timeout, Self::Stop, Self::Kill];
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cancel => "a cancel",
            Self::Timeout => "a timeout",
            Self::Stop => "SIGTERM to the worker",
            Self::Kill => "SIGKILL to the worker",
        })
    }
}

/// Tries every pair of misbehaviour and ending with the workers of `programs`. Returns the number of
/// pairs, and the processes that remained.
///
/// # Errors
/// When a process cannot be started, or a task does not end.
pub fn run(programs: &[Program]) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let mut count = 0;
    let mut faults = Vec::new();
    for program in programs {
        for ending in Ending::ALL {
            count += MISBEHAVIOURS
                .iter()
                .filter(|one| one.must_be_gone(ending))
                .count() as u64;
            faults.extend(end(*program, ending)?);
        }
    }
    let figure = Figure {
        what: "ways to misbehave and be ended, of which no process may be left".to_owned(),
        count,
        violations: faults.len() as u64,
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    Ok((figure, faults))
}

fn end(program: Program, ending: Ending) -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    for (number, misbehaviour) in MISBEHAVIOURS.iter().enumerate() {
        // A second run, after a kill, behaves well.
        let mark = format!("mark='touch begun-{number}'");
        let command = format!(
            "test -e begun-{number} && exit 0; {mark}; {}",
            misbehaviour.command
        );
        let mut words = vec![
            "add-task",
            misbehaviour.name,
            &command,
            "--max-attempts",
            "1",
        ];
        if ending == Ending::Timeout {
            words.extend(["--timeout", "2s"]);
        }
        scratch.ok(program, &words)?;
    }
    let worker = worker(&scratch, program)?;
    wait_until("all misbehave", || {
        let begun = |number| scratch.file(&format!("begun-{number}")).exists();
        Ok((0..MISBEHAVIOURS.len()).all(begun))
    })?;
    let mut running = vec![worker];
    match ending {
        Ending::Cancel => scratch.ok(program, &["cancel", "all"]).map(|_| ())?,
        Ending::Timeout => {}
        Ending::Stop => {
            running[0].signal(Signal::TERM);
            running[0].0.wait()?;
        }
        Ending::Kill => {
            running.clear();
            running.push(self::worker(&scratch, program)?);
        }
    }
    if ending != Ending::Stop {
        wait_until("all tasks have ended", || {
            unfinished(&scratch).map(|count| count == 0)
        })?;
    }
    let mut faults = left_over(&scratch, program, ending)?;
    faults.extend(scratch.broken(program)?);
    Ok(faults)
}

fn worker(scratch: &ScratchFolder, program: Program) -> Result<Running> {
    let mut command = scratch.command(program, &["worker", "--slots", "8", "--grace", "1s"])?;
    let log = std::fs::File::create(scratch.file("worker.log"))?;
    Ok(Running(command.stderr(log).spawn()?))
}

fn unfinished(scratch: &ScratchFolder) -> Result<i64> {
    let reader = scratch.reader()?;
    Ok(
        reader.query_row(include_str!("../queries/unfinished.sql"), [], |row| {
            row.get(0)
        })?,
    )
}

/// Ends all remaining processes of the commands. Returns those that should be gone, after allowing
/// killed ones the time to vanish.
fn left_over(scratch: &ScratchFolder, program: Program, ending: Ending) -> Result<Vec<String>> {
    let watch = Stopwatch::start();
    let must_be_gone = |left: &Left| left.1.must_be_gone(ending);
    let mut left = left(scratch)?;
    while left.iter().any(must_be_gone) && watch.elapsed() < EXIT_LIMIT {
        pause(Duration::from_millis(10));
        left = self::left(scratch)?;
    }
    for (process, _) in &left {
        if let Some(pid) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    left.retain(must_be_gone);
    let program = program.name();
    let faults = left.iter().map(|(process, one)| {
        let name = one.name;
        format!("{program}: a command that {name} outlived {ending}: process {process}")
    });
    Ok(faults.collect())
}

/// A remaining process and its command's misbehaviour.
type Left = (u32, &'static Misbehaviour);

/// Lists the commands' remaining processes.
fn left(scratch: &ScratchFolder) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    for process in scratch.marked()? {
        // A process that has ended since has no environment.
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let is_of =
            |one: &&Misbehaviour| environment.contains(&format!("QUEUE_TASK_NAME={}\0", one.name));
        left.extend(MISBEHAVIOURS.iter().find(is_of).map(|one| (process, one)));
    }
    Ok(left)
}
