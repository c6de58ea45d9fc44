//! What stands in a file must not slow the claim of what is next.

use std::path::Path;

use fast_queue::FastQueue;
use queue_core::claim::WorkerId;
use queue_core::clock::{Clock, SystemClock};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{ClaimRequest, Outcome, Queue, Settlement, State};

use super::figure::{Bar, Figure};
use super::fill::{add_lane, insert};
use super::{Context, database};
use crate::Result;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::short;
use crate::systems::raw::connect;

/// Claims of one sample, one commit each.
const CLAIMS: usize = 500;
/// What every file has to hand out.
const PENDING: i64 = 1_000;
const MILLION: i64 = 1_000_000;

/// What stands in a file beside (or, of higher priority, in front of) the first thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Nothing,
    Pending(i64),
    Finished,
    Delayed,
    Paused,
    Unserved,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let (deep, deep_name) = if context.quick {
        (MILLION, "1 M pending")
    } else {
        (10 * MILLION, "10 M pending")
    };
    let loads = [
        (Load::Nothing, ""),
        (Load::Pending(deep), deep_name),
        (Load::Finished, "1 M finished"),
        (Load::Delayed, "1 M delayed in front"),
        (Load::Paused, "1 M of a paused queue"),
        (Load::Unserved, "1 M nobody serves"),
    ];
    let folder = context.scratch()?;
    let mut engines = Vec::with_capacity(loads.len());
    for (load, _) in loads {
        let own = folder.path().join(format!("{load:?}"));
        std::fs::create_dir(&own)?;
        fill(&database(&own), load)?;
        let options = OpenOptions::new(Durability::Fast)?;
        engines.push(FastQueue::open_with(database(&own), options)?);
    }
    let subjects = engines
        .iter()
        .map(|engine| -> Subject<'_> { Box::new(move || micros_a_claim(engine)) });
    let mut samples = interleaved(context.rounds() + 1, subjects.collect())?;
    for samples in &mut samples {
        // The first round warms the page caches.
        samples.remove(0);
    }
    let base = &samples[0];
    let figure = |((_, name), samples): (&(Load, &str), &Vec<f64>)| {
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
    Ok(loads.iter().zip(&samples).skip(1).map(figure).collect())
}

/// Claims one by one, hands everything back, and returns the mean time of a claim.
fn micros_a_claim(engine: &FastQueue) -> Result<f64> {
    let request = ClaimRequest::commands(WorkerId::from_bits(engine.random()), 1);
    let mut claimed = Vec::with_capacity(CLAIMS);
    let watch = Stopwatch::start();
    for _ in 0..CLAIMS {
        claimed.extend(engine.claim(&request)?.tasks);
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
    engine.settle(returned.collect())?;
    Ok(seconds * 1e6 / count(CLAIMS))
}

/// Makes a file with a thousand claimable tasks and the load, as a plain bulk insert: what is
/// measured is the claim.
fn fill(path: &Path, load: Load) -> Result<()> {
    drop(FastQueue::open_with(
        path,
        OpenOptions::new(Durability::Fast)?,
    )?);
    let connection = connect(path, Durability::Fast)?;
    let now = SystemClock.now().wall;
    let default = add_lane(&connection, "default", "", None)?;
    let transaction = connection.unchecked_transaction()?;
    insert(&connection, PENDING, default, State::Queued, 0)?;
    match load {
        Load::Nothing => {}
        Load::Pending(tasks) => insert(&connection, tasks, default, State::Queued, -20)?,
        Load::Finished => insert(&connection, MILLION, default, State::Succeeded, 0)?,
        Load::Delayed => insert(&connection, MILLION, default, State::Scheduled, 100)?,
        Load::Paused => {
            let paused = add_lane(&connection, "paused", "", Some(now))?;
            insert(&connection, MILLION, paused, State::Queued, 100)?;
        }
        Load::Unserved => {
            let nobody = add_lane(&connection, "default", "nobody", None)?;
            insert(&connection, MILLION, nobody, State::Queued, 100)?;
        }
    }
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    Ok(())
}
