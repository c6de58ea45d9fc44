//! Schedules: the time from due to started, and their cost to all other work.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Stopper, Worker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue, TaskId};
use workflow_queue::schedule::spec::{Overlap, Spec};
use workflow_queue::{NewSchedule, WorkflowQueue};

use super::context::{Context, database};
use super::idle;
use super::stamp::{Sleeper, wall_nanos};
use crate::measure::{Spread, Stopwatch, count, interleaved, pause, percentile, wait_until};
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, Library, Workflow};
use crate::workload::{System, drain, tasks};
use crate::{Result, probe};

/// Schedules in a file, as a busy one has them.
const MANY: usize = 1_000;
/// Schedules that fire once a second each, one after another, so that the worker idles between them.
const A_SECOND: usize = 25;
/// Time from the addition of schedules to their first slots.
const LEAD: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(366 * 86_400);
/// Slots of the worker that starts many tasks at once.
const SLOTS: NonZeroU32 = NonZeroU32::new(64).unwrap();
/// Bar of the cost to other work.
const COST: Bar = Bar::AtMost(1.03);

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    Ok(vec![
        one_by_one(context)?,
        all_at_once(context)?,
        idle(context)?,
        beside(context, "claim + settle", calls)?,
        beside(context, "a worker's claim + settle", worked)?,
    ])
}

/// Schedules of one slot after another, on a worker that idles between them.
fn one_by_one(context: &Context) -> Result<Figure> {
    let folder = context.scratch()?;
    let queue = Workflow::open(&database(folder.path()), Durability::Fast)?;
    let mut worker = idle_worker(&queue, NonZeroU32::MIN)?;
    let first = queue.now().wall.after(LEAD);
    let gap = SECOND / u32::try_from(A_SECOND)?;
    add(&queue, A_SECOND, SECOND, |number| {
        first.after(gap * u32::try_from(number).unwrap_or(0))
    })?;
    let late = (1..=context.either(100, 1_000)).map(|task| {
        let started = wall_nanos(worker.next()?);
        // The worker starts the tasks in the order of their ids.
        let of = queue.schedules().of_task(TaskId(task))?;
        let slot = of.and_then(|(_, slot)| slot).ok_or("a task has no slot")?;
        millis(started, slot)
    });
    let mut late: Vec<f64> = late.collect::<Result<_>>()?;
    late.sort_by(f64::total_cmp);
    let figure = Figure::value(
        "schedule due until its task starts, p99",
        percentile(&late, 0.99),
        "ms",
        Bar::AtMost(50.0),
    );
    Ok(figure
        .probe("a bare sleep, p99", oversleep())
        .beside(format!(
            "{} firings, {A_SECOND} a second, on an idle worker; p50 {} ms, longest {} ms",
            late.len(),
            short(percentile(&late, 0.5)),
            short(percentile(&late, 1.0))
        )))
}

/// Schedules that are all due at one time.
fn all_at_once(context: &Context) -> Result<Figure> {
    let rounds = context.either(3, 7);
    let seconds = (0..rounds).map(|_| {
        let folder = context.scratch()?;
        let queue = Workflow::open(&database(folder.path()), Durability::Fast)?;
        let mut worker = idle_worker(&queue, SLOTS)?;
        let due = queue.now().wall.after(LEAD);
        add(&queue, MANY, DAY, |_| due)?;
        if queue.now().wall >= due {
            return Err("the schedules were added too slowly to be due at one time".into());
        }
        let started = (0..MANY).try_fold(0, |_, _| worker.next())?;
        Ok(millis(wall_nanos(started), due)? / 1e3)
    });
    let spread = Spread::of(&seconds.collect::<Result<Vec<f64>>>()?);
    // The slowest round is judged: the promise holds whenever they are due.
    let figure = Figure::value(
        "1,000 schedules due at once, all started",
        spread.max,
        "s",
        Bar::AtMost(1.0),
    );
    Ok(figure.beside(format!(
        "slowest of {rounds}; median {} s; an idle worker of {SLOTS} slots fires them and starts \
         their handlers, which do nothing",
        short(spread.median)
    )))
}

fn idle(context: &Context) -> Result<Figure> {
    let folder = context.scratch()?;
    let queue = Workflow::open(&database(folder.path()), Durability::Fast)?;
    add_for_next_year(&queue)?;
    idle::of_worker::<Workflow>(
        context,
        &queue,
        "idle worker, 1,000 schedules due next year",
    )
}

/// Processor time of other work in a file with schedules, by that in a file without.
fn beside(context: &Context, name: &str, work: Work) -> Result<Figure> {
    let sample = |with_schedules: bool| {
        let folder = context.scratch()?;
        let queue = Workflow::open(&database(folder.path()), Durability::Fast)?;
        if with_schedules {
            add_for_next_year(&queue)?;
        }
        work(context, queue)
    };
    let samples = interleaved(
        context.rounds(),
        vec![Box::new(|| sample(false)), Box::new(|| sample(true))],
    )?;
    let [without, with] =
        <[Vec<f64>; 2]>::try_from(samples).map_err(|_| "there must be two rows of samples")?;
    let figure = Figure::ratio(
        format!("{name}, with 1,000 schedules"),
        Spread::of_ratios(&with, &without),
        "× without",
        COST,
    );
    Ok(figure.beside(format!(
        "processor time of this process; {} us of it a task without schedules, {} us with schedules \
         that are due next year",
        short(Spread::of(&without).median),
        short(Spread::of(&with).median)
    )))
}

/// Function that returns the microseconds of processor time for each task of its work.
type Work = fn(&Context, WorkflowQueue) -> Result<f64>;

/// Claims and settles, one commit each.
fn calls(context: &Context, queue: WorkflowQueue) -> Result<f64> {
    let system = Library::<Workflow>::of(queue);
    let number = context.either(5_000, 20_000);
    system.enqueue(tasks(number))?;
    let before = probe::own_processor_seconds();
    let done = drain(&system, 1)?;
    let used = probe::own_processor_seconds() - before;
    Ok(used * 1e6 / count(done))
}

/// A worker that would fire schedules, and runs handlers that do nothing.
fn worked(context: &Context, queue: WorkflowQueue) -> Result<f64> {
    let number = context.either(10_000, 50_000);
    queue.enqueue(vec![NewTask::handler("nothing", []); number])?;
    let handlers = Handlers::new().register("nothing", |_| Ok(Done::Succeeded));
    let options = WorkerOptions::new(SLOTS).handlers(handlers);
    let worker = Worker::new(Arc::new(queue), options)?;
    let mut stop = StopAfter {
        left: number,
        stopper: worker.stopper(),
    };
    let before = probe::own_processor_seconds();
    worker.run(&mut stop)?;
    let used = probe::own_processor_seconds() - before;
    Ok(used * 1e6 / count(number))
}

/// Stops a worker that does not drain once so many tasks have ended: one that drains fires nothing.
struct StopAfter {
    left: usize,
    stopper: Stopper,
}

impl Observer for StopAfter {
    fn on(&mut self, event: &WorkerEvent) {
        if matches!(event, WorkerEvent::Ended { .. }) {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.stopper.stop();
            }
        }
    }
}

/// A worker process with nothing to do, which prints the time when it starts a task.
fn idle_worker(queue: &WorkflowQueue, slots: NonZeroU32) -> Result<Sleeper> {
    let path = queue.coordination().location().path();
    let worker = Sleeper::worker(Workflow::NAME, path, slots)?;
    wait_until("the worker is registered", || {
        Ok(!queue.workers()?.is_empty())
    })?;
    Ok(worker)
}

fn add_for_next_year(queue: &WorkflowQueue) -> Result<()> {
    let first = queue.now().wall.after(YEAR);
    add(queue, MANY, DAY, |_| first)
}

/// Adds schedules that fire at an interval from their first slots on.
fn add(
    queue: &WorkflowQueue,
    number: usize,
    interval: Duration,
    first: impl Fn(usize) -> Timestamp,
) -> Result<()> {
    let new = |number: usize| -> Result<NewSchedule> {
        let first = first(number);
        let spec = Spec::every(interval, first, "UTC")?;
        let mut rules = spec.rules().clone();
        rules.start = Some(first);
        rules.overlap = Overlap::Allow;
        Ok(NewSchedule::new(
            format!("schedule {number}"),
            spec.with_rules(rules)?,
            NewTask::handler("stamp", []),
        ))
    };
    let schedules: Vec<NewSchedule> = (0..number).map(new).collect::<Result<_>>()?;
    queue.schedules().ensure_all(&schedules)?;
    Ok(())
}

/// Milliseconds from a slot to a wall time in nanoseconds.
fn millis(nanos: i64, slot: Timestamp) -> Result<f64> {
    let late = nanos - slot.0 * 1_000_000;
    let late = u64::try_from(late).map_err(|_| "a task started before its slot")?;
    Ok(Duration::from_nanos(late).as_secs_f64() * 1e3)
}

/// The 99th percentile of the time by which this machine wakes a sleeping thread too late, in
/// milliseconds.
fn oversleep() -> f64 {
    let asleep = Duration::from_millis(10);
    let late = (0..100).map(|_| {
        let watch = Stopwatch::start();
        pause(asleep);
        (watch.seconds() - asleep.as_secs_f64()) * 1e3
    });
    let mut late: Vec<f64> = late.collect();
    late.sort_by(f64::total_cmp);
    percentile(&late, 0.99)
}

#[cfg(test)]
mod tests {
    use super::{Context, beside, calls, worked};

    #[test]
    fn other_work_is_measured_with_and_without_schedules() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            folder: folder.path().to_owned(),
            quick: true,
        };
        for work in [calls, worked] {
            let figure = beside(&context, "work", work).unwrap();
            assert!(figure.value.unwrap().min > 0.0, "{figure:?}");
        }
    }
}
