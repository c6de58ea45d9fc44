//! Metrics of a file: the families, their samples, and the text of all.

use std::collections::HashMap;
use std::time::Duration;

use super::exposition::{Exposition, Family, MetricKind, MetricsFormat, Value};
use super::machine;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::hook::HookStanding;
use crate::journal::{AttemptEnd, Histogram, Span, Sums};
use crate::queue::{LimitGauge, Queue, QueueGauges};
use crate::state::State;

/// Most queues, and most limits, with labels of their own. The others share one.
pub const MOST_LABELS: usize = 100;

/// Label of the queues and limits beyond the most.
pub const OTHERS: &str = "_other";

/// Every family, in the order of the text.
pub const FAMILIES: [&Family; 19] = [
    &TASKS,
    &AGE,
    &PAUSED,
    &SLOTS,
    &WORKERS,
    &LIMIT,
    &ENQUEUED,
    &ATTEMPTS,
    &WAIT,
    &RUN,
    &CPU,
    &FILE,
    &LOG,
    &DISK,
    &SYNC,
    &ALERT,
    &LAG,
    &DELIVERIES,
    &BUILD,
];

const TASKS: Family = gauge(
    "queue_tasks",
    &["queue", "state"],
    "Tasks in a state: queued ones up to 10000 a queue, others up to 2000 a state.",
);
const AGE: Family = gauge(
    "queue_oldest_age_seconds",
    &["queue"],
    "Time for which the oldest queued task of a queue that is not paused waits.",
);
const PAUSED: Family = gauge("queue_paused", &["queue"], "1 if the queue is paused.");
const SLOTS: Family = gauge(
    "queue_slots",
    &["queue", "busy"],
    "Running tasks of a queue, and free slots of the workers that serve it.",
);
const WORKERS: Family = gauge("queue_workers", &[], "Workers that live.");
const LIMIT: Family = gauge(
    "queue_limit_running",
    &["limit"],
    "Running tasks under a limit on their number.",
);
const ENQUEUED: Family = counter("queue_enqueued_total", &["queue"], "Enqueued tasks.");
const ATTEMPTS: Family = counter(
    "queue_attempts_total",
    &["queue", "outcome"],
    "Ended attempts.",
);
const WAIT: Family = histogram(
    "queue_wait_seconds",
    &["queue"],
    "Time from the moment at which an attempt could start to its start.",
);
const RUN: Family = histogram(
    "queue_run_seconds",
    &["queue"],
    "Time from the start of an attempt to its end.",
);
const CPU: Family = histogram(
    "queue_cpu_seconds",
    &["queue"],
    "Processor time of an attempt, where it was measured.",
);
const FILE: Family = gauge("queue_db_bytes", &[], "Size of the database file.");
const LOG: Family = gauge("queue_wal_bytes", &[], "Size of the write-ahead log.");
const DISK: Family = gauge(
    "queue_disk_free_bytes",
    &[],
    "Free space of the file system of the database.",
);
const SYNC: Family = gauge(
    "queue_sync_seconds",
    &[],
    "Time to write and sync 4 KiB beside the database.",
);
const ALERT: Family = gauge(
    "queue_alert_firing",
    &["alert"],
    "1 if the alert is firing.",
);
const LAG: Family = gauge(
    "queue_hook_lag",
    &["hook"],
    "Events that the hook has not seen.",
);
const DELIVERIES: Family = counter(
    "queue_hook_deliveries_total",
    &["hook", "result"],
    "Tries to deliver an event.",
);
const BUILD: Family = family(
    MetricKind::Info,
    "queue_build_info",
    &["program", "version"],
    "Version of the program that made this text.",
);

type Labelled = &'static [&'static str];

const fn gauge(name: &'static str, labels: Labelled, help: &'static str) -> Family {
    family(MetricKind::Gauge, name, labels, help)
}

const fn counter(name: &'static str, labels: Labelled, help: &'static str) -> Family {
    family(MetricKind::Counter, name, labels, help)
}

const fn histogram(name: &'static str, labels: Labelled, help: &'static str) -> Family {
    family(MetricKind::Histogram, name, labels, help)
}

const fn family(
    kind: MetricKind,
    name: &'static str,
    labels: Labelled,
    help: &'static str,
) -> Family {
    Family {
        name,
        kind,
        labels,
        help,
    }
}

/// Metrics of one moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    program: &'static str,
    now: Timestamp,
    queues: Vec<QueueGauges>,
    limits: Vec<LimitGauge>,
    /// Free slots by queue.
    free: HashMap<String, u64>,
    workers: u64,
    /// Sums of all time by queue; `None` in a file without a log.
    sums: Option<Vec<(String, Sums)>>,
    file_bytes: u64,
    log_bytes: u64,
    disk_free: Option<u64>,
    sync: Option<Duration>,
    /// True if it is firing, and the name of each alert.
    alerts: Vec<(bool, String)>,
    hooks: Vec<HookStanding>,
}

impl Metrics {
    /// Reads the metrics of a queue, in some milliseconds however many tasks there are. The
    /// sums are as of the last fold.
    ///
    /// # Errors
    /// The errors of the queue. A reading of the machine that fails is left out.
    pub fn read<Q: Queue>(queue: &Q, program: &'static str) -> Result<Self> {
        let gauges = queue.gauges()?;
        let queues = gauges.queues();
        let (free, workers) = slots(queue, &queues)?;
        let sums = if queue.keeps_log() {
            let all = queue.rollups(Span::All, Timestamp(0))?.into_iter();
            Some(all.map(|one| (one.queue, one.sums)).collect())
        } else {
            None
        };
        let path = queue.coordination().location().path();
        Ok(Self {
            program,
            now: queue.now().wall,
            queues,
            limits: gauges.limits,
            free,
            workers,
            sums,
            file_bytes: machine::file_bytes(path),
            log_bytes: machine::log_bytes(path),
            disk_free: machine::disk(path).map(|space| space.free),
            sync: None,
            alerts: queue
                .alerts()?
                .into_iter()
                .map(|alert| (alert.is_firing(), alert.rule.name))
                .collect(),
            hooks: queue.hook_standings()?,
        })
    }

    /// Sets the time of a sync beside the file, if it was measured.
    #[must_use]
    pub fn sync(mut self, sync: Option<Duration>) -> Self {
        self.sync = sync;
        self
    }

    /// The text in that format.
    pub fn text(&self, form: MetricsFormat) -> String {
        let mut text = Exposition::new(form);
        self.put_queues(&mut text);
        self.put_workers(&mut text);
        self.put_sums(&mut text);
        self.put_machine(&mut text);
        text.end()
    }

    fn put_queues(&self, text: &mut Exposition) {
        let queues = &self.queues;
        let labels = Labels::of(queues.iter().map(|queue| queue.name.as_str()));
        text.family(&TASKS);
        let counts = labels.sum(queues, |queue| {
            (
                queue.name.as_str(),
                QueueGauges::COUNTED.map(|state| queue.count(state)),
            )
        });
        for (label, counts) in &counts {
            for (state, count) in QueueGauges::COUNTED.iter().zip(counts) {
                text.sample(&TASKS, &[label, state.as_str()], Value::Number(*count));
            }
        }
        text.family(&AGE);
        let mut ages: HashMap<&str, Duration> = HashMap::new();
        for queue in queues {
            let age = queue.since.map_or(0, |since| self.now.since(since));
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            let oldest = ages.entry(labels.label(&queue.name)).or_default();
            *oldest = (*oldest).max(age);
        }
        for label in labels.all() {
            let age = ages.get(label).copied().unwrap_or_default();
            text.sample(&AGE, &[label], micros(age));
        }
        text.family(&PAUSED);
        for queue in queues.iter().take(MOST_LABELS) {
            let value = Value::Number(u64::from(queue.is_paused));
            text.sample(&PAUSED, &[&queue.name], value);
        }
        text.family(&SLOTS);
        let slots = labels.sum(queues, |queue| {
            let free = self.free.get(&queue.name).copied().unwrap_or_default();
            (queue.name.as_str(), [queue.count(State::Running), free])
        });
        for (label, [busy, free]) in &slots {
            text.sample(&SLOTS, &[label, "true"], Value::Number(*busy));
            text.sample(&SLOTS, &[label, "false"], Value::Number(*free));
        }
    }

    fn put_workers(&self, text: &mut Exposition) {
        text.family(&WORKERS);
        text.sample(&WORKERS, &[], Value::Number(self.workers));
        let limits = &self.limits;
        if !limits.is_empty() {
            let labels = Labels::of(limits.iter().map(|limit| limit.name.as_str()));
            text.family(&LIMIT);
            let running = labels.sum(limits, |limit| (limit.name.as_str(), [limit.running]));
            for (label, [running]) in &running {
                text.sample(&LIMIT, &[label], Value::Number(*running));
            }
        }
    }

    fn put_sums(&self, text: &mut Exposition) {
        let Some(sums) = &self.sums else {
            return;
        };
        // The queues in the order in which they were first named: one that has a label keeps it.
        let named = self.queues.iter().map(|queue| queue.name.as_str());
        let labels = Labels::of(named);
        let mut by_label: Vec<(&str, Sums)> =
            labels.all().map(|label| (label, Sums::default())).collect();
        for (name, added) in sums {
            let label = labels.label(name);
            match by_label.iter_mut().find(|(one, _)| *one == label) {
                Some((_, sums)) => sums.add(added),
                None => by_label.push((label, added.clone())),
            }
        }
        text.family(&ENQUEUED);
        for (label, sums) in &by_label {
            text.sample(&ENQUEUED, &[label], Value::Number(sums.enqueued));
        }
        text.family(&ATTEMPTS);
        for (label, sums) in &by_label {
            for end in AttemptEnd::ALL {
                let count = Value::Number(sums.ended(end));
                text.sample(&ATTEMPTS, &[label, end.as_str()], count);
            }
        }
        for family in [&WAIT, &RUN, &CPU] {
            text.family(family);
            for (label, sums) in &by_label {
                let times = times(family, sums);
                if times.count() > 0 {
                    text.histogram(family, &[label], times);
                }
            }
        }
    }

    /// Hooks are so few that each has a label of its own.
    fn put_hooks(&self, text: &mut Exposition) {
        if self.hooks.is_empty() {
            return;
        }
        text.family(&LAG);
        for hook in &self.hooks {
            text.sample(&LAG, &[&hook.name], Value::Number(hook.lag));
        }
        text.family(&DELIVERIES);
        for hook in &self.hooks {
            let results = [
                ("delivered", hook.delivered),
                ("failed", hook.failed.saturating_sub(hook.buried)),
                ("dead", hook.buried),
            ];
            for (result, tries) in results {
                let labels = [hook.name.as_str(), result];
                text.sample(&DELIVERIES, &labels, Value::Number(tries));
            }
        }
    }

    fn put_machine(&self, text: &mut Exposition) {
        let bytes = [
            (&FILE, Some(self.file_bytes)),
            (&LOG, Some(self.log_bytes)),
            (&DISK, self.disk_free),
        ];
        for (family, bytes) in bytes {
            if let Some(bytes) = bytes {
                text.family(family);
                text.sample(family, &[], Value::Number(bytes));
            }
        }
        if let Some(sync) = self.sync {
            text.family(&SYNC);
            text.sample(&SYNC, &[], micros(sync));
        }
        if !self.alerts.is_empty() {
            text.family(&ALERT);
            for (is_firing, alert) in self.alerts.iter().take(MOST_LABELS) {
                let value = Value::Number(u64::from(*is_firing));
                text.sample(&ALERT, &[alert], value);
            }
        }
        self.put_hooks(text);
        text.family(&BUILD);
        let labels = [self.program, env!("CARGO_PKG_VERSION")];
        text.sample(&BUILD, &labels, Value::Number(1));
    }
}

/// The times of a family.
fn times<'s>(family: &Family, sums: &'s Sums) -> &'s Histogram {
    match family.name {
        "queue_wait_seconds" => &sums.wait,
        "queue_run_seconds" => &sums.run,
        _ => &sums.cpu,
    }
}

fn micros(time: Duration) -> Value {
    Value::Micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// Free slots of living workers by queue, and the number of these workers. A worker that serves several
/// queues has its free slots at each of them.
fn slots<Q: Queue>(queue: &Q, queues: &[QueueGauges]) -> Result<(HashMap<String, u64>, u64)> {
    let mut free: HashMap<String, u64> = HashMap::new();
    let living = queue.live_workers()?;
    for worker in &living {
        let busy = queue.claims_of(worker.id)?.len();
        let busy = u32::try_from(busy).unwrap_or(u32::MAX);
        let unused = u64::from(worker.slots.saturating_sub(busy));
        for one in queues
            .iter()
            .filter(|one| worker.serves.queues.covers(&one.name))
        {
            *free.entry(one.name.clone()).or_default() += unused;
        }
    }
    Ok((free, u64::try_from(living.len()).unwrap_or(u64::MAX)))
}

/// Labels of queues or limits: the first have their own, the others share one.
struct Labels<'a> {
    own: Vec<&'a str>,
    has_others: bool,
}

impl<'a> Labels<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let mut own: Vec<&str> = names.take(MOST_LABELS + 1).collect();
        let has_others = own.len() > MOST_LABELS;
        own.truncate(MOST_LABELS);
        Self { own, has_others }
    }

    /// The label of that name.
    fn label(&self, name: &str) -> &'a str {
        let own = self.own.iter().find(|one| **one == name);
        own.copied().unwrap_or(OTHERS)
    }

    /// All labels.
    fn all(&self) -> impl Iterator<Item = &'a str> {
        let is_named = self.own.contains(&OTHERS);
        let others = (self.has_others && !is_named).then_some(OTHERS);
        self.own.iter().copied().chain(others)
    }

    /// Sums of values by label.
    fn sum<'r, T, const N: usize>(
        &self,
        rows: &'r [T],
        of: impl Fn(&'r T) -> (&'r str, [u64; N]),
    ) -> Vec<(&'a str, [u64; N])> {
        let mut sums: Vec<(&str, [u64; N])> = self.all().map(|label| (label, [0; N])).collect();
        for row in rows {
            let (name, values) = of(row);
            let label = self.label(name);
            if let Some((_, sum)) = sums.iter_mut().find(|(one, _)| *one == label) {
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum = sum.saturating_add(value);
                }
            }
        }
        sums
    }
}
