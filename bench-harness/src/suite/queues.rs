//! Workers of several queues: their claims, and the wait of a queue beside one with very many tasks.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Worker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{NewTask, Queue, ServedQueue, ServedQueues, State};

use super::claims::micros_a_claim;
use super::context::{Context, database};
use super::fill::{BYTES_A_TASK, insert};
use super::stamp::monotonic_nanos;
use crate::Result;
use crate::measure::{Spread, Subject, count, interleaved, pause};
use crate::report::{Bar, Figure, short};
use crate::systems::Engine;
use crate::systems::raw::{connect, queue_id};

/// Rounds of the claims: two of their bars are close to 1, and a round varies more than that.
const ROUNDS: usize = 45;
/// Tasks in the queues without very many.
const FEW: i64 = 1_000;
/// Queues of which only three have tasks.
const MOSTLY_EMPTY: usize = 1_000;
/// The queues of a worker of three.
const THREE: [&str; 3] = [DEFAULT_QUEUE, "build", "mail"];
/// Time that each task of the crowded queue takes.
const BUSY: Duration = Duration::from_millis(1);
/// Slots of the worker.
const SLOTS: NonZeroU32 = NonZeroU32::new(4).unwrap();

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let mut figures = claims::<E>(context)?;
    figures.push(starts::<E>(context)?);
    Ok(figures)
}

/// Number of tasks in the queue with very many.
fn crowd(context: &Context) -> i64 {
    context.either(100_000, 1_000_000)
}

/// Compares claims for three queues, and for all of a thousand, with those for one.
fn claims<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let folder = context.scratch()?;
    let crowd = crowd(context);
    context.need_bytes(BYTES_A_TASK * 3 * u64::try_from(crowd)?)?;
    let file = |name: &str, empty: usize| -> Result<E::Queue> {
        let own = folder.path().join(name);
        std::fs::create_dir(&own)?;
        fill::<E>(&database(&own), crowd, empty)?;
        E::open(&database(&own), Durability::Fast)
    };
    let one = file("one", 0)?;
    let three = file("three", 0)?;
    let many = file("many", MOSTLY_EMPTY - THREE.len())?;
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| micros_a_claim(&one, &DEFAULT_QUEUE.into())),
        Box::new(|| micros_a_claim(&three, &of_three())),
        Box::new(|| micros_a_claim(&many, &ServedQueues::all([]))),
    ];
    let samples = interleaved(context.either(3, ROUNDS), subjects)?;
    let base = &samples[0];
    let figure = |(samples, (name, bar)): (&Vec<f64>, (&str, f64))| {
        Figure::ratio(
            name.to_owned(),
            Spread::of_ratios(samples, base),
            "× one queue",
            Bar::AtMost(bar),
        )
        .beside(format!(
            "{} us a claim, {} us for one queue; {crowd} tasks in one queue, {FEW} in two",
            short(Spread::of(samples).median),
            short(Spread::of(base).median)
        ))
    };
    let names = [
        ("claim for three queues", 1.1),
        ("claim for 1,000 queues, three with tasks", 1.5),
    ];
    Ok(samples[1..].iter().zip(names).map(figure).collect())
}

fn of_three() -> ServedQueues {
    ServedQueues::named(THREE.map(ServedQueue::new))
}

/// Makes a file with very many tasks in one queue, few in two others, and so many empty queues. The
/// engine makes the first task of every queue, and ends those of the empty ones.
fn fill<E: Engine>(path: &Path, crowd: i64, empty: usize) -> Result<()> {
    let queue = E::open(path, Durability::Fast)?;
    let first = |queue: String| NewTask::shell("first", "true").queue(queue);
    let ended = (0..empty).map(|number| first(format!("empty-{number}")));
    let ended = queue.enqueue(ended.collect())?;
    let ids: Vec<_> = ended.iter().map(|one| one.id).collect();
    queue.cancel(&ids)?;
    queue.enqueue(THREE.map(|queue| first(queue.to_owned())).into())?;
    drop(queue);
    let connection = connect(path, Durability::Fast)?;
    let transaction = connection.unchecked_transaction()?;
    for (name, tasks) in THREE.into_iter().zip([crowd, FEW, FEW]) {
        let queue = queue_id(&connection, name, "")?;
        insert(&connection, tasks, queue, State::Queued, 0)?;
    }
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    Ok(())
}

/// Longest time from an enqueue until the start of the task, beside a queue whose very many tasks keep
/// all slots busy.
fn starts<E: Engine>(context: &Context) -> Result<Figure> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = Arc::new(E::open(&path, Durability::Fast)?);
    let crowd = usize::try_from(crowd(context))?;
    context.need_bytes(BYTES_A_TASK * u64::try_from(crowd)?)?;
    queue.enqueue(vec![NewTask::handler("busy", []); crowd])?;
    let (started, starts) = channel();
    let handlers = Handlers::new()
        .register("busy", |_| {
            pause(BUSY);
            Ok(Done::Succeeded)
        })
        .register("stamp", move |_| {
            // The receiver is gone once all rounds are over.
            let _ = started.send(monotonic_nanos());
            Ok(Done::Succeeded)
        });
    let options = WorkerOptions::new(SLOTS)
        .handlers(handlers)
        .queues(of_three());
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let stopper = worker.stopper();
    let running = std::thread::spawn(move || worker.run(&mut Silent));
    let waits = rounds(context, queue.as_ref(), &starts);
    stopper.stop();
    running.join().map_err(|_| "the worker panicked")??;
    let waits = waits?;
    let longest = waits.iter().copied().fold(0.0, f64::max);
    let figure = Figure::value(
        "start of a task beside a crowded queue, longest",
        longest,
        "ms",
        Bar::AtMost(50.0),
    );
    Ok(figure.beside(format!(
        "{} enqueues of one task to one of two queues, while {crowd} tasks of another, {} ms each, \
         keep {SLOTS} slots busy; median {} ms",
        waits.len(),
        BUSY.as_millis(),
        short(Spread::of(&waits).median)
    )))
}

/// Milliseconds from each enqueue until the start of its task.
fn rounds(context: &Context, queue: &impl Queue, starts: &Receiver<i64>) -> Result<Vec<f64>> {
    let mut waits = Vec::new();
    for round in 0..context.either(20, 200) {
        pause(Duration::from_millis(3));
        let start = monotonic_nanos();
        let name = THREE[1 + round % 2];
        queue.enqueue(vec![NewTask::handler("stamp", []).queue(name)])?;
        let started = starts.recv_timeout(Duration::from_secs(60))?;
        waits.push(count(usize::try_from(started - start)?) / 1e6);
    }
    Ok(waits)
}

struct Silent;

impl Observer for Silent {
    fn on(&mut self, _: &WorkerEvent) {}
}

#[cfg(test)]
mod tests {
    use super::{Context, measure};
    use crate::systems::{Fast, Workflow};

    #[test]
    fn both_engines_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            folder: folder.path().to_owned(),
            quick: true,
        };
        for figures in [measure::<Fast>(&context), measure::<Workflow>(&context)] {
            let figures = figures.unwrap();
            assert_eq!(figures.len(), 3);
            for figure in figures {
                assert!(figure.value.unwrap().min > 0.0, "{figure:?}");
            }
        }
    }
}
