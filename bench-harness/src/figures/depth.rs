//! What stands in a file must not slow the claim of what is next.

use std::path::Path;

use queue_core::claim::WorkerId;
use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{ClaimRequest, NewTask, Outcome, Queue, Settlement, State};
use workflow_queue::{Limit, LimitKind, Settings, WorkflowTask};

use super::fill::{insert, insert_keyed};
use super::{Context, database};
use crate::Result;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::{Bar, Figure, short};
use crate::systems::raw::{connect, lane_id};
use crate::systems::{Engine, Fast, Workflow};

/// Claims of one sample, one commit each.
const CLAIMS: usize = 500;
/// What every file has to hand out.
const PENDING: i64 = 1_000;
const MILLION: i64 = 1_000_000;
const PAUSED: &str = "paused";
const NOBODY: &str = "nobody";
const KEY: &[u8] = b"full";

/// What stands in a file beside (or, of higher priority, in front of) the first thousand.
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

/// A file to measure: what is in it, how much of that, and how the figure calls it.
type File = (Load, i64, &'static str);

pub(super) fn measure_fast(context: &Context) -> Result<Vec<Figure>> {
    measure::<Fast>(context, &files(context))
}

pub(super) fn measure_workflow(context: &Context) -> Result<Vec<Figure>> {
    let mut files = files(context).to_vec();
    files.push((Load::FullKey, MILLION, "1 M of a full key"));
    measure::<Workflow>(context, &files)
}

/// The files of both engines; the others are compared with the first.
fn files(context: &Context) -> [File; 6] {
    let (deep, deep_name) = if context.quick {
        (MILLION, "1 M pending")
    } else {
        (10 * MILLION, "10 M pending")
    };
    [
        (Load::Nothing, 0, ""),
        (Load::Pending, deep, deep_name),
        (Load::Finished, MILLION, "1 M finished"),
        (Load::Delayed, MILLION, "1 M delayed in front"),
        (Load::Paused, MILLION, "1 M of a paused queue"),
        (Load::Unserved, MILLION, "1 M nobody serves"),
    ]
}

fn measure<E: Engine>(context: &Context, files: &[File]) -> Result<Vec<Figure>> {
    let folder = context.scratch()?;
    let mut queues = Vec::with_capacity(files.len());
    for (load, crowd, _) in files {
        let own = folder.path().join(format!("{load:?}"));
        std::fs::create_dir(&own)?;
        fill::<E>(&database(&own), *load, *crowd)?;
        queues.push(E::open(&database(&own), Durability::Fast)?);
    }
    let subjects = queues
        .iter()
        .map(|queue| -> Subject<'_> { Box::new(move || micros_a_claim(queue)) });
    let mut samples = interleaved(context.rounds() + 1, subjects.collect())?;
    for samples in &mut samples {
        // The first round warms the page caches.
        samples.remove(0);
    }
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

/// Claims one by one, hands everything back, and returns the mean time of a claim.
fn micros_a_claim(queue: &impl Queue) -> Result<f64> {
    let request = ClaimRequest::commands(WorkerId::from_bits(queue.random()), 1);
    let mut claimed = Vec::with_capacity(CLAIMS);
    let watch = Stopwatch::start();
    for _ in 0..CLAIMS {
        claimed.extend(queue.claim(&request)?.tasks);
    }
    let seconds = watch.seconds();
    if claimed.len() != CLAIMS {
        return Err(format!("{} of {CLAIMS} tasks were claimed", claimed.len()).into());
    }
    let returned = claimed.into_iter().map(|task| Settlement {
        claim: task.claim,
        outcome: Outcome::Returned,
        output: None,
    });
    queue.settle(returned.collect())?;
    Ok(seconds * 1e6 / count(CLAIMS))
}

/// Makes a file with a thousand claimable tasks and a crowd of others. The engine makes the first
/// task of every lane; the crowd is a plain bulk insert, since what is measured is the claim.
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
    let lane = |queue, handler| lane_id(&connection, queue, handler);
    let default = lane(DEFAULT_QUEUE, "")?;
    let transaction = connection.unchecked_transaction()?;
    insert(&connection, PENDING - 1, default, State::Queued, 0)?;
    match load {
        Load::Nothing => {}
        Load::Pending => insert(&connection, crowd, default, State::Queued, -20)?,
        Load::Finished => insert(&connection, crowd, default, State::Succeeded, 0)?,
        Load::Delayed => insert(&connection, crowd, default, State::Scheduled, 100)?,
        Load::Paused => insert(&connection, crowd, lane(PAUSED, "")?, State::Queued, 100)?,
        Load::Unserved => {
            let nobody = lane(DEFAULT_QUEUE, NOBODY)?;
            insert(&connection, crowd, nobody, State::Queued, 100)?;
        }
        Load::FullKey => insert_keyed(&connection, crowd, default, KEY, 100)?,
    }
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    Ok(())
}

/// Lets one task run of a key under which one may.
fn fill_key(path: &Path) -> Result<()> {
    let queue = Workflow::open(path, Durability::Fast)?;
    queue.set_limit(&Limit {
        kind: LimitKind::Key(KEY.to_vec()),
        concurrency: Some(1),
        rate: None,
    })?;
    let task = NewTask::shell("holder", "true").priority(1);
    queue.enqueue_workflow(vec![WorkflowTask::from(task).settings(Settings {
        limit_key: Some(KEY.to_vec()),
        ..Settings::default()
    })])?;
    let request = ClaimRequest::commands(WorkerId::from_bits(queue.random()), 1);
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

    /// A file of that load, and how many tasks a worker of commands can claim from it.
    fn filled<E: Engine>(folder: &Path, load: Load) -> (E::Queue, usize) {
        let path = folder.join(format!("{}-{load:?}.db", E::NAME));
        fill::<E>(&path, load, 50).unwrap();
        let queue = E::open(&path, Durability::Fast).unwrap();
        let request = ClaimRequest::commands(WorkerId(7), 5_000);
        let claimed = queue.claim(&request).unwrap().tasks;
        (queue, claimed.len())
    }

    fn only_what_can_run_is_claimed<E: Engine>() {
        let folder = tempfile::tempdir().unwrap();
        for (load, claimable) in [
            (Load::Nothing, 1_000),
            (Load::Pending, 1_050),
            (Load::Finished, 1_000),
            (Load::Delayed, 1_000),
            (Load::Paused, 1_000),
            (Load::Unserved, 1_000),
        ] {
            assert_eq!(filled::<E>(folder.path(), load).1, claimable, "{load:?}");
        }
    }

    #[test]
    fn of_every_crowd_only_what_can_run_is_claimed() {
        only_what_can_run_is_claimed::<Fast>();
        only_what_can_run_is_claimed::<Workflow>();
    }

    #[test]
    fn the_tasks_of_a_full_key_wait_for_their_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (queue, claimed) = filled::<Workflow>(folder.path(), Load::FullKey);
        assert_eq!(claimed, 1_000);
        let last = queue.last_id().unwrap().unwrap();
        let waits = queue.waits_for(last).unwrap();
        let limit = Waits::Limit {
            name: KEY.to_vec(),
            running: 1,
        };
        assert_eq!(waits, [limit]);
    }
}
