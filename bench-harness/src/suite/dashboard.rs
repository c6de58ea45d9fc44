//! The dashboard: its pages in a large file that others write to, the way of a commit to a page, its cost
//! to the engine, and many streams of events.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{NewTask, Queue, State};
use rusqlite::Connection as Sqlite;
use rustix::time::{ClockId, clock_gettime};

use super::context::{Context, database};

use super::fill::{BYTES_A_TASK, insert};
use super::process::{Running, finish, verb};
use super::served::{Connection, Served};
use crate::measure::{Spread, Stopwatch, count, interleaved, pause, percentile};
use crate::report::{Bar, Figure, short};
use crate::systems::raw::queue_id;
use crate::systems::{Engine, EngineName, Library};
use crate::workload::{System, drain, tasks};
use crate::{Result, probe};

/// Tasks that are enqueued in a second while pages are read.
const A_SECOND: usize = 5_000;
/// Tasks of one such commit.
const A_COMMIT: usize = 50;
/// Clients with a stream each.
const STREAMS: usize = 1_000;
/// Pages that are read one after another.
const PAGES: [&str; 9] = [
    "/",
    "/tasks",
    "/tasks?state=succeeded",
    "/tasks?queue=default&name=nothing+has+this+name",
    "/tasks/1",
    "/queues",
    "/workers",
    "/events",
    "/health",
];

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let mut figures = vec![
        pages::<E>(context)?,
        reach::<E>(context)?,
        cost::<E>(context)?,
    ];
    figures.extend(streams::<E>(context)?);
    Ok(figures)
}

/// Whole pages of a large file, while tasks are enqueued.
fn pages<E: Engine>(context: &Context) -> Result<Figure> {
    let stored: i64 = context.either(100_000, 10_000_000);
    context.need_bytes(stored.unsigned_abs() * BYTES_A_TASK)?;
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    fill(&path, stored)?;
    let served = Served::start::<E>(&path)?;
    let mut connection = served.connect()?;
    // The first page counts all tasks.
    connection.get("/")?;
    let begun = Stopwatch::start();
    let window = Duration::from_secs(context.either(3, 30));
    let is_over = AtomicBool::new(false);
    let (millis, enqueued) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<usize> { enqueue(&queue, &is_over) });
        let read = read(&mut connection, window);
        is_over.store(true, Ordering::Relaxed);
        let written = writer.join().map_err(|_| "the writer has ended")??;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((read?, written))
    })?;
    let mut sorted: Vec<f64> = millis.iter().map(|(millis, _)| *millis).collect();
    sorted.sort_by(f64::total_cmp);
    let slowest = millis.iter().max_by(|one, other| one.0.total_cmp(&other.0));
    let figure = Figure::value(
        format!("whole pages at {stored} tasks, p99"),
        percentile(&sorted, 0.99),
        "ms",
        Bar::AtMost(50.0),
    );
    Ok(figure.beside(format!(
        "{} pages while {} tasks/s were enqueued; p50 {} ms, longest {} ms ({})",
        sorted.len(),
        short(count(enqueued) / begun.seconds()),
        short(percentile(&sorted, 0.5)),
        short(percentile(&sorted, 1.0)),
        slowest.map_or("", |(_, page)| page)
    )))
}

/// Reads one page after another; returns the milliseconds of each.
fn read(connection: &mut Connection, window: Duration) -> Result<Vec<(f64, &'static str)>> {
    let begun = Stopwatch::start();
    let mut millis = Vec::new();
    for page in PAGES.into_iter().cycle() {
        if begun.elapsed() > window {
            break;
        }
        let watch = Stopwatch::start();
        connection.get(page)?;
        millis.push((watch.seconds() * 1e3, page));
    }
    Ok(millis)
}

/// Puts tasks into a file: most have succeeded, a hundredth failed, a tenth is queued.
fn fill(path: &Path, stored: i64) -> Result<()> {
    let connection = Sqlite::open(path)?;
    let default = queue_id(&connection, DEFAULT_QUEUE, "")?;
    let transaction = connection.unchecked_transaction()?;
    insert(
        &connection,
        stored - stored / 10 - stored / 100,
        default,
        State::Succeeded,
        0,
    )?;
    insert(&connection, stored / 100, default, State::Failed, 0)?;
    insert(&connection, stored / 10, default, State::Queued, 0)?;
    transaction.commit()?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    Ok(())
}

/// Enqueues tasks at an even pace until it is over; returns their number.
fn enqueue(queue: &impl Queue, is_over: &AtomicBool) -> Result<usize> {
    let begun = Stopwatch::start();
    let mut enqueued = 0;
    while !is_over.load(Ordering::Relaxed) {
        queue.enqueue(tasks(A_COMMIT))?;
        enqueued += A_COMMIT;
        let due = Duration::from_secs_f64(count(enqueued) / count(A_SECOND));
        pause(due.saturating_sub(begun.elapsed()));
    }
    Ok(enqueued)
}

/// The way of a commit to a page that is read anew after each event, as its script does.
fn reach<E: Engine>(context: &Context) -> Result<Figure> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    let served = Served::start::<E>(&path)?;
    let mut stream = served.stream()?;
    let mut connection = served.connect()?;
    let mut millis = Vec::new();
    for round in 0..context.either(30, 300) {
        let name = format!("newcomer {round}.");
        // At any time between two looks of the dashboard at its file.
        pause(Duration::from_micros(200_000 + 7_919 * round % 100_000));
        stream.drop_events()?;
        let watch = Stopwatch::start();
        queue.enqueue(vec![NewTask::shell(&name, "true")])?;
        loop {
            stream.event()?;
            if connection.get("/tasks")?.contains(&name) {
                break;
            }
        }
        millis.push(watch.seconds() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    let figure = Figure::value(
        "commit to page, p99",
        percentile(&millis, 0.99),
        "ms",
        Bar::AtMost(300.0),
    );
    Ok(figure.beside(format!(
        "{} commits of another process; p50 {} ms, longest {} ms",
        millis.len(),
        short(percentile(&millis, 0.5)),
        short(percentile(&millis, 1.0))
    )))
}

/// Processor time of the engine's operations while all that watches a file is on, beside the same without.
fn cost<E: Engine>(context: &Context) -> Result<Figure> {
    let work = |is_served: bool| -> Result<[f64; 2]> {
        let folder = context.scratch()?;
        let path = database(folder.path());
        let system = Library::<E>::open(&path, Durability::Fast)?;
        let watched = is_served.then(|| Watched::start::<E>(&path)).transpose()?;
        let (watch, before) = (Stopwatch::start(), probe::own_processor_seconds());
        for _ in 0..context.either(3, 20) {
            for task in tasks(1_000) {
                system.enqueue(vec![task])?;
            }
            drain(&system, 1)?;
        }
        let used = probe::own_processor_seconds() - before;
        let wall = watch.seconds();
        let browser = watched.map_or(0.0, Watched::end);
        Ok([used - browser, wall])
    };
    let with: crate::measure::Subject<'_, [f64; 2]> = Box::new(|| work(true));
    let without: crate::measure::Subject<'_, [f64; 2]> = Box::new(|| work(false));
    let samples = interleaved(context.either(3, 7), vec![with, without])?;
    let of = |subject: usize, what: usize| -> Vec<f64> {
        let samples = samples.get(subject).into_iter().flatten();
        samples.map(|sample| sample[what]).collect()
    };
    let figure = Figure::ratio(
        "the engine with all that watches it on ÷ off",
        Spread::of_ratios(&of(0, 0), &of(1, 0)),
        "×",
        Bar::AtMost(1.05),
    );
    let walls = Spread::of_ratios(&of(0, 1), &of(1, 1));
    let log = match E::NAME {
        EngineName::Fast => "",
        EngineName::Workflow => ", a hook gets every event and a program follows the log",
    };
    Ok(figure.beside(format!(
        "processor time of enqueue, claim and settle, one commit each, while a browser reads the \
         overview anew after each event{log}; in wall time {} ×",
        short(walls.median)
    )))
}

/// A dashboard, and a thread that reads its overview anew after each event as a browser does; in a file
/// with a log also a hook, to which the dashboard delivers, and a follower.
struct Watched {
    served: Served,
    follower: Option<Running>,
    browser: std::thread::JoinHandle<()>,
    /// Nanoseconds of processor time of the thread.
    used: Arc<AtomicU64>,
}

impl Watched {
    fn start<E: Engine>(path: &Path) -> Result<Self> {
        let follower = match E::NAME {
            EngineName::Fast => None,
            EngineName::Workflow => {
                let hook = ["hook", "add", "all", "--on", "task", "--", "/bin/true"];
                finish(verb(E::NAME, path, &hook)?)?;
                let follow = ["events", "--follow", "--output", "json"];
                Some(Running::start(verb(E::NAME, path, &follow)?)?)
            }
        };
        let served = Served::start::<E>(path)?;
        let (mut stream, mut connection) = (served.stream()?, served.connect()?);
        let used = Arc::new(AtomicU64::new(0));
        let own = Arc::clone(&used);
        let browser = std::thread::spawn(move || {
            // The end of the dashboard ends it.
            while stream.event().is_ok() {
                let watch = Stopwatch::start();
                if connection.get("/").is_err() {
                    return;
                }
                let time = clock_gettime(ClockId::ThreadCPUTime);
                let nanos = Duration::try_from(time).map_or(0, |time| time.as_nanos());
                own.store(u64::try_from(nanos).unwrap_or(0), Ordering::Relaxed);
                pause((watch.elapsed() * 10).max(Duration::from_millis(120)));
            }
        });
        Ok(Self {
            served,
            follower,
            browser,
            used,
        })
    }

    /// Ends all. Returns the processor seconds of the thread.
    fn end(self) -> f64 {
        let used = Duration::from_nanos(self.used.load(Ordering::Relaxed));
        drop(self.follower);
        drop(self.served);
        let _ = self.browser.join();
        used.as_secs_f64()
    }
}

/// Memory and processor time of a dashboard with many streams, at one event in a second.
fn streams<E: Engine>(context: &Context) -> Result<[Figure; 2]> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    let served = Served::start::<E>(&path)?;
    let gone = "the dashboard has ended";
    let memory = || probe::resident_megabytes(served.pid()).ok_or(gone);
    let processor = || probe::processor_seconds(served.pid()).ok_or(gone);
    let before = memory()?;
    let clients = (0..STREAMS).map(|_| served.stream());
    let mut clients: Vec<Connection> = clients.collect::<Result<_>>()?;
    let seconds = context.either(3, 30);
    let (mut used, mut watch) = (processor()?, Stopwatch::start());
    for second in 0..=seconds {
        if second == 1 {
            // The first event warms up.
            (used, watch) = (processor()?, Stopwatch::start());
        }
        queue.enqueue(tasks(1))?;
        pause(Duration::from_secs(1));
        for client in &mut clients {
            client.drop_events()?;
        }
    }
    let percent = 100.0 * (processor()? - used) / watch.seconds();
    let grown = memory()? - before;
    let beside = format!("{STREAMS} clients, one event in a second for {seconds} s");
    Ok([
        Figure::value("memory of 1,000 streams", grown, "MB", Bar::AtMost(30.0)).beside(&beside),
        Figure::value(
            "processor time of 1,000 streams",
            percent,
            "%",
            Bar::AtMost(5.0),
        )
        .beside(beside),
    ])
}
