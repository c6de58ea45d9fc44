//! Finding the processes of a dead worker: workers are killed whose commands hide and whose ended tasks
//! left daemons.

use std::fs;
use std::time::Duration;

use queue_core::sqlite::Durability;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause, wait_until};
use crate::process::rounds::rounds;
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Rounds that run at the same time: each mostly waits.
const AT_ONCE: usize = 4;

/// Commands whose runs must not overlap: a process of one run holds a lock for its lifetime, and the
/// next run exits with 99 if the lock is held. `RUN` records a start and waits for the file `go`.
struct Hiding {
    name: &'static str,
    command: &'static str,
}

static HIDING: [Hiding; 4] = [
    Hiding {
        name: "plain",
        command: "exec flock -n -E 99 NAME.lock sh -c 'RUN'",
    },
    Hiding {
        name: "cleans-its-environment",
        command: "exec env -i PATH=\"$PATH\" flock -n -E 99 NAME.lock sh -c 'RUN'",
    },
    Hiding {
        name: "cleans-what-it-starts",
        command: "env -i PATH=\"$PATH\" flock -n -E 99 NAME.lock sh -c 'RUN' & wait $!",
    },
    Hiding {
        name: "daemonises",
        command: "setsid -w flock -n -E 99 NAME.lock sh -c 'RUN'",
    },
];

/// Daemons left by tasks that succeed at once.
static LEAVING: [(&str, &str); 3] = [
    (
        "leaves-a-session",
        "setsid -f sh -c 'echo $$ > NAME.daemon; exec sleep 600' >/dev/null 2>&1",
    ),
    (
        "leaves-a-job",
        "sh -c 'echo $$ > NAME.daemon; exec sleep 600' >/dev/null 2>&1 &",
    ),
    (
        "leaves-a-clean-session",
        "setsid -f env -i PATH=\"$PATH\" sh -c 'echo $$ > NAME.daemon; exec sleep 600' \
         >/dev/null 2>&1",
    ),
];

/// Kills `count` workers of each program. Returns the number of workers, and the commands that
/// overlapped or daemons that were ended.
///
/// # Errors
/// When a process cannot be started or does not reach the expected state.
pub fn run(programs: &[Program], count: usize) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let workers = programs.repeat(count);
    let faults = rounds(&workers, AT_ONCE, |program| round(*program))?;
    let figure = Figure {
        what: "workers killed whose commands hide and whose ended tasks left daemons".to_owned(),
        count: workers.len() as u64,
        violations: faults.len() as u64,
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    Ok((figure, faults))
}

fn round(program: Program) -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    for (name, command) in LEAVING {
        scratch.ok(program, &["add-task", name, &command.replace("NAME", name)])?;
    }
    let run = "echo started >> NAME.runs; while ! test -e go; do sleep 0.02; done";
    for Hiding { name, command } in &HIDING {
        let command = command.replace("RUN", run).replace("NAME", name);
        scratch.ok(
            program,
            &["add-task", name, &command, "--max-attempts", "1"],
        )?;
    }
    let mut first = worker(&scratch, program, "first", &[])?;
    let daemons = wait_for_daemons(&scratch)?;
    wait_until("all commands run", || Ok(all_have_started(&scratch, 1)))?;
    wait_until("the daemons' tasks are recorded", || {
        left(&scratch, HIDING.len())
    })?;
    first.0.kill()?;
    first.0.wait()?;
    let second = worker(&scratch, program, "second", &["--drain"])?;
    let again = wait_until("all commands run again", || {
        Ok(all_have_started(&scratch, 2) || ended_otherwise(&scratch)?)
    });
    fs::write(scratch.file("go"), "")?;
    let mut faults = Vec::new();
    if let Err(fault) = again {
        faults.push(fault.to_string());
    }
    let log = fs::read_to_string(scratch.file("second.log"))?;
    let second = second.output()?;
    if !second.status.success() {
        faults.push(format!(
            "the second worker ended with {}: {log}",
            describe_exit(&second)
        ));
    }
    for Hiding { name, .. } in &HIDING {
        let runs = runs(&scratch, name);
        if runs != 2 {
            faults.push(format!("{name} started {runs} times after one kill"));
        }
    }
    for (name, daemon) in &daemons {
        if test_kill_process(*daemon).is_err() {
            faults.push(format!("the daemon of {name} was ended"));
        }
    }
    end(&daemons);
    faults.extend(scratch.broken(program)?);
    let named = |fault| format!("{}: {fault}", program.name());
    Ok(faults.into_iter().map(named).collect())
}

fn worker(scratch: &ScratchFolder, program: Program, name: &str, more: &[&str]) -> Result<Running> {
    let slots = (HIDING.len() + LEAVING.len()).to_string();
    let words = [&["worker", "--slots", &slots], more].concat();
    let mut worker = scratch.command(program, &words)?;
    let log = fs::File::create(scratch.file(&format!("{name}.log")))?;
    Ok(Running(worker.stderr(log).spawn()?))
}

/// The daemons by their tasks' names.
fn wait_for_daemons(scratch: &ScratchFolder) -> Result<Vec<(&'static str, Pid)>> {
    let pid = |name: &str| -> Option<Pid> {
        let text = fs::read_to_string(scratch.file(&format!("{name}.daemon"))).ok()?;
        Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
    };
    wait_until("all daemons run", || {
        Ok(LEAVING.iter().all(|(name, _)| pid(name).is_some()))
    })?;
    let found = LEAVING
        .iter()
        .filter_map(|(name, _)| Some((*name, pid(name)?)));
    Ok(found.collect())
}

fn runs(scratch: &ScratchFolder, name: &str) -> usize {
    let text = fs::read_to_string(scratch.file(&format!("{name}.runs"))).unwrap_or_default();
    text.lines().count()
}

fn all_have_started(scratch: &ScratchFolder, times: usize) -> bool {
    HIDING.iter().all(|one| runs(scratch, one.name) >= times)
}

/// Returns true once exactly `wanted` tasks have not ended.
fn left(scratch: &ScratchFolder, wanted: usize) -> Result<bool> {
    let unfinished = include_str!("../queries/unfinished.sql");
    let reader = scratch.reader()?;
    let count: i64 = reader.query_row(unfinished, [], |row| row.get(0))?;
    Ok(usize::try_from(count)? == wanted)
}

/// Returns true if a command has ended before `go` exists.
fn ended_otherwise(scratch: &ScratchFolder) -> Result<bool> {
    pause(Duration::from_millis(5));
    Ok(!left(scratch, HIDING.len())?)
}

fn end(daemons: &[(&str, Pid)]) {
    for (_, daemon) in daemons {
        let _ = rustix::process::kill_process(*daemon, Signal::KILL);
        let _ = kill_process_group(*daemon, Signal::KILL);
    }
}
