//! Claims from files that hold many other tasks, which must not slow them.

use std::path::Path;

use queue_core::claim::WorkerId;
use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{ClaimRequest, NewTask, Queue, State};
use workflow_queue::{Limit, Settings, WorkflowTask};

use super::chart::{self, Sampled};
use super::claims::micros_a_claim;
use super::context::{Context, database};
use super::fill::{BYTES_A_TASK, insert, insert_keyed};
use super::findings::Findings;
use crate::Result;
use crate::measure::{Spread, Subject, interleaved};
use crate::report::document::Curves;
use crate::report::{Bar, Figure, short};
use crate::systems::raw::{connect, queue_id};
use crate::systems::{Engine, EngineName, Fast, Workflow};

/// Number of claimable tasks in every file.
const PENDING: i64 = 1_000;
const MILLION: i64 = 1_000_000;
const PAUSED: &str = "paused";
const NOBODY: &str = "nobody";
const KEY: &[u8] = b"full";

/// Other tasks in a file beside the first thousand, or in front of them with a higher priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Nothing,
    Pending,
    Finished,
    Delayed,
    Paused,
    Unserved,
    FullKey,
}

/// A file to measure: kind and number of its other tasks, and its name in the figure.
type File = (Load, i64, &'static str);

pub(super) fn measure_fast(context: &Context) -> Result<Vec<Figure>> {
    measure::<Fast>(context, &files(context))
}

pub(super) fn measure_workflow(context: &Context) -> Result<Vec<Figure>> {
    let mut files = files(context).to_vec();
    let name = context.either("100k of a full key", "1 M of a full key");
    files.push((Load::FullKey, crowd(context), name));
    measure::<Workflow>(context, &files)
}

/// Files of both engines; the others are compared with the first.
fn files(context: &Context) -> [File; 6] {
    let crowd = crowd(context);
    let name = |quick, full| context.either(quick, full);
    [
        (Load::Nothing, 0, ""),
        (
            Load::Pending,
            context.either(crowd, 10 * crowd),
            name("100k pending", "10 M pending"),
        ),
        (Load::Finished, crowd, name("100k finished", "1 M finished")),
        (
            Load::Delayed,
            crowd,
            name("100k delayed in front", "1 M delayed in front"),
        ),
        (
            Load::Paused,
            crowd,
            name("100k of a paused queue", "1 M of a paused queue"),
        ),
        (
            Load::Unserved,
            crowd,
            name("100k nobody serves", "1 M nobody serves"),
        ),
    ]
}

/// Number of other tasks, except in the deepest backlog.
fn crowd(context: &Context) -> i64 {
    context.either(MILLION / 10, MILLION)
}

fn measure<E: Engine>(context: &Context, files: &[File]) -> Result<Vec<Figure>> {
    let folder = context.scratch()?;
    let queues = filled::<E>(context, folder.path(), files)?;
    let subjects = queues.iter().map(|queue| -> Subject<'_> {
        Box::new(move || micros_a_claim(queue, &DEFAULT_QUEUE.into()))
    });
    let samples = interleaved(context.rounds(), subjects.collect())?;
    let base = &samples[0];
    let figure = |((_, _, name), samples): (&File, &Vec<f64>)| {
        Figure::ratio(
            format!("claim with {name}"),
            Spread::of_ratios(samples, base),
            "× 1k pending",
            Bar::AtMost(1.5),
        )
        .beside(format!(
            "{} us a claim, {} us at 1,000 pending",
            short(Spread::of(samples).median),
            short(Spread::of(base).median)
        ))
    };
    Ok(files.iter().zip(&samples).skip(1).map(figure).collect())
}

/// Claims against the number of pending tasks.
pub(super) fn chart(context: &Context, engines: &[EngineName]) -> Result<Findings> {
    let folder = context.scratch()?;
    let places = context.either(
        [1_000, 10_000, 100_000].as_slice(),
        &[1_000, 10_000, 100_000, 1_000_000, 10_000_000],
    );
    let mut sampled = Vec::new();
    for engine in engines {
        let folder = folder.path();
        sampled.push(match engine {
            EngineName::Fast => pending::<Fast>(context, folder, places)?,
            EngineName::Workflow => pending::<Workflow>(context, folder, places)?,
        });
    }
    let curves = Curves {
        title: "Claim before a backlog".to_owned(),
        x: chart::log("pending tasks"),
        y: chart::linear("us a claim"),
        note: "one commit each, at `fast`".to_owned(),
        lines: chart::lines(context.rounds(), places, &sampled)?,
    };
    Ok(curves.into())
}

/// An engine on one file per number of pending tasks.
fn pending<E: Engine>(
    context: &Context,
    folder: &Path,
    places: &[usize],
) -> Result<Sampled<'static>> {
    let file = |place: &usize| -> Result<File> {
        Ok((Load::Pending, i64::try_from(*place)? - PENDING, ""))
    };
    let files: Vec<File> = places.iter().map(file).collect::<Result<_>>()?;
    let queues = filled::<E>(context, folder, &files)?;
    let places = places.to_vec();
    let default = DEFAULT_QUEUE.into();
    Ok(Sampled::new(E::NAME.as_str(), move |place| {
        let index = places.iter().position(|one| *one == place);
        let queue = index.and_then(|index| queues.get(index));
        micros_a_claim(queue.ok_or("there is no file of that depth")?, &default)
    }))
}

/// Makes the files, each in its own folder, and opens them with their pages in the cache.
fn filled<E: Engine>(context: &Context, folder: &Path, files: &[File]) -> Result<Vec<E::Queue>> {
    let tasks: i64 = files.iter().map(|(_, crowd, _)| crowd + PENDING).sum();
    context.need_bytes(BYTES_A_TASK * u64::try_from(tasks)?)?;
    let mut queues = Vec::with_capacity(files.len());
    for (load, crowd, _) in files {
        let own = folder.join(format!("{}-{load:?}-{crowd}", E::NAME));
        std::fs::create_dir(&own)?;
        fill::<E>(&database(&own), *load, *crowd)?;
        let queue = E::open(&database(&own), Durability::Fast)?;
        micros_a_claim(&queue, &DEFAULT_QUEUE.into())?;
        queues.push(queue);
    }
    Ok(queues)
}

/// Makes a file with a thousand claimable tasks and a crowd of others. The engine makes the first task
/// of every handler queue; the crowd is a plain bulk insert, since only the claim is measured.
fn fill<E: Engine>(path: &Path, load: Load, crowd: i64) -> Result<()> {
    let queue = E::open(path, Durability::Fast)?;
    let first = || NewTask::shell("first", "true");
    queue.enqueue(vec![first()])?;
    match load {
        Load::Nothing | Load::Pending | Load::Finished | Load::Delayed => {}
        Load::Paused => {
            queue.enqueue(vec![first().queue(PAUSED)])?;
            queue.set_paused(PAUSED, true)?;
        }
        Load::Unserved => {
            queue.enqueue(vec![NewTask::handler(NOBODY, [])])?;
        }
        Load::FullKey => fill_key(path)?,
    }
    drop(queue);
    let connection = connect(path, Durability::Fast)?;
    let queue_id = |queue, handler| queue_id(&connection, queue, handler);
    let default = queue_id(DEFAULT_QUEUE, "")?;
    let transaction = connection.unchecked_transaction()?;
    insert(&connection, PENDING - 1, default, State::Queued, 0)?;
    match load {
        Load::Nothing => {}
        Load::Pending if crowd == 0 => {}
        Load::Pending => insert(&connection, crowd, default, State::Queued, -20)?,
        Load::Finished => insert(&connection, crowd, default, State::Succeeded, 0)?,
        Load::Delayed => insert(&connection, crowd, default, State::Scheduled, 100)?,
        Load::Paused => insert(
            &connection,
            crowd,
            queue_id(PAUSED, "")?,
            State::Queued,
            100,
        )?,
        Load::Unserved => {
            let nobody = queue_id(DEFAULT_QUEUE, NOBODY)?;
            insert(&connection, crowd, nobody, State::Queued, 100)?;
        }
        Load::FullKey => insert_keyed(&connection, crowd, default, KEY, 100)?,
    }
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    Ok(())
}

/// Claims one task of a key whose limit is one.
fn fill_key(path: &Path) -> Result<()> {
    let queue = Workflow::open(path, Durability::Fast)?;
    queue.set_limit(&Limit::key(KEY.to_vec()).concurrency(1))?;
    let task = NewTask::shell("holder", "true").priority(1);
    queue.enqueue_workflow(vec![
        WorkflowTask::from(task).settings(Settings::new().limit_key(KEY.to_vec())),
    ])?;
    let request = ClaimRequest::new(WorkerId::from_bits(queue.random()), 1).commands(true);
    let claimed = queue.claim(&request)?.tasks;
    match claimed.first() {
        Some(task) if task.name == "holder" => Ok(()),
        Some(_) | None => Err("the key's only slot was not taken".into()),
    }
}

#[cfg(test)]
mod tests {
    use queue_core::queue::Waits;

    use super::*;

    /// A file with that load, and the number of tasks that a worker of commands can claim from it.
    fn claimed<E: Engine>(folder: &Path, load: Load) -> (E::Queue, usize) {
        let path = folder.join(format!("{}-{load:?}.db", E::NAME));
        fill::<E>(&path, load, 50).unwrap();
        let queue = E::open(&path, Durability::Fast).unwrap();
        let request = ClaimRequest::new(WorkerId(7), 5_000).commands(true);
        let claimed = queue.claim(&request).unwrap().tasks;
        (queue, claimed.len())
    }

    fn only_due_tasks_are_claimed<E: Engine>() {
        let folder = tempfile::tempdir().unwrap();
        for (load, claimable) in [
            (Load::Nothing, 1_000),
            (Load::Pending, 1_050),
            (Load::Finished, 1_000),
            (Load::Delayed, 1_000),
            (Load::Paused, 1_000),
            (Load::Unserved, 1_000),
        ] {
            assert_eq!(claimed::<E>(folder.path(), load).1, claimable, "{load:?}");
        }
    }

    #[test]
    fn no_task_of_a_crowd_is_claimed_unless_it_can_run() {
        only_due_tasks_are_claimed::<Fast>();
        only_due_tasks_are_claimed::<Workflow>();
    }

    #[test]
    fn the_tasks_of_a_full_key_wait_for_their_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, claimed) = claimed::<Workflow>(folder.path(), Load::FullKey);
        assert_eq!(claimed, 1_000);
        let last = queue.last_id().unwrap().unwrap();
        let waits = queue.waits_in_file(last).unwrap();
        let of_key = |waits: &Waits| matches!(waits, Waits::Limit { name, running: 1, bound: Some(1), .. } if name == KEY);
        assert!(waits.len() == 1 && of_key(&waits[0]), "{waits:?}");
    }
}
