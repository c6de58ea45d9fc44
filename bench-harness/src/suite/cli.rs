//! One-shot verbs as processes.

use std::fs::File;
use std::process::Command;

use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{NewTask, Queue, State};

use super::context::{Context, database};
use super::fill::{BYTES_A_TASK, insert};
use super::process::verb;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::{Bar, Figure, short};
use crate::systems::Engine;
use crate::systems::raw::{connect, queue_id};
use crate::{Result, probe};

const SHELL_PUSH: &str = include_str!("../../queries/shell_push.sql");
const LINES: usize = 100_000;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    Ok(vec![
        add_task::<E>(context)?,
        stdin::<E>(context)?,
        status::<E>(context)?,
    ])
}

/// `add-task` against the same insert by the `sqlite3` shell. A connection is held open beside both, as
/// a worker would: the last process to close a file pays for a checkpoint.
fn add_task<E: Engine>(context: &Context) -> Result<Figure> {
    let name = "`add-task` as a process";
    let bar = Bar::AtMost(1.5);
    if Command::new("sqlite3").arg("-version").output().is_err() {
        return Ok(Figure::skipped(
            name,
            bar,
            "there is no sqlite3 shell in PATH",
        ));
    }
    let folder = context.scratch()?;
    let path = database(folder.path());
    let held = E::open(&path, Durability::Fast)?;
    held.enqueue(vec![NewTask::shell("first", "true")])?;
    let rounds = context.either(50, 300);
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| probe::process(Command::new("sqlite3").arg(&path).arg(SHELL_PUSH))),
        Box::new(|| probe::process(&mut verb(E::NAME, &path, &["add-task", "add", "true"])?)),
        Box::new(|| probe::process(Command::new("/bin/sh").args(["-c", "true"]))),
    ];
    let samples = interleaved(rounds, subjects)?;
    let stats = held.stats()?;
    if stats.total() != 2 * u64::try_from(rounds)? + 1 {
        return Err(format!("{} tasks stand after {rounds} rounds of two", stats.total()).into());
    }
    let millis = |index: usize| short(Spread::of(&samples[index]).median * 1e3);
    let figure = Figure::ratio(
        name,
        Spread::of_ratios(&samples[1], &samples[0]),
        "× sqlite3",
        bar,
    );
    Ok(figure.beside(format!(
        "sqlite3 insert {} ms, add-task {} ms, bare /bin/sh -c true {} ms",
        millis(0),
        millis(1),
        millis(2)
    )))
}

fn stdin<E: Engine>(context: &Context) -> Result<Figure> {
    let folder = context.scratch()?;
    let lines = folder.path().join("lines");
    let text: Vec<String> = (0..LINES).map(|i| format!("echo {i}")).collect();
    std::fs::write(&lines, text.join("\n"))?;
    let mut seconds = Vec::new();
    for round in 0..context.rounds() {
        let path = folder.path().join(format!("{round}.db"));
        let mut command = verb(E::NAME, &path, &["add-task", "--stdin"])?;
        let watch = Stopwatch::start();
        let output = command.stdin(File::open(&lines)?).output()?;
        seconds.push(watch.seconds());
        check_added(&E::open(&path, Durability::Fast)?, &output.stderr)?;
    }
    let median = Spread::of(&seconds).median;
    let figure = Figure::ratio(
        "`add-task --stdin` with 100k lines",
        Spread::of(&seconds),
        "s",
        Bar::AtMost(1.0),
    );
    Ok(figure.beside(format!(
        "{} lines/s, into a new file",
        short(count(LINES) / median)
    )))
}

fn check_added(queue: &impl Queue, said: &[u8]) -> Result<()> {
    let queued = queue.stats()?.count(State::Queued);
    if usize::try_from(queued)? == LINES {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    Err(format!("{queued} of {LINES} lines became tasks: {said}").into())
}

fn status<E: Engine>(context: &Context) -> Result<Figure> {
    let finished: i64 = context.either(100_000, 1_000_000);
    context.need_bytes(BYTES_A_TASK * finished.unsigned_abs())?;
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    queue.enqueue(vec![NewTask::shell("first", "true")])?;
    let connection = connect(&path, Durability::Fast)?;
    let queue_id = queue_id(&connection, DEFAULT_QUEUE, "")?;
    insert(&connection, finished, queue_id, State::Succeeded, 0)?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    let mut millis = Vec::new();
    for _ in 0..context.rounds() {
        millis.push(probe::process(&mut verb(E::NAME, &path, &["status"])?)? * 1e3);
    }
    let figure = Figure::ratio(
        context.either(
            "`status` with 100k finished tasks",
            "`status` with 1 M finished tasks",
        ),
        Spread::of(&millis),
        "ms",
        Bar::AtMost(200.0),
    );
    let bare = probe::process(Command::new("/bin/sh").args(["-c", "true"]))? * 1e3;
    Ok(figure.beside(format!(
        "as a process; bare /bin/sh -c true {} ms",
        short(bare)
    )))
}
