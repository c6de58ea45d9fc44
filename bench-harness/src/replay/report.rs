//! Times of a replay, beside the times without a queue.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use super::Level;
use super::play::{Play, Sample, Way};
use super::shape::{Shape, lower_bound};
use crate::Result;
use crate::measure::{Spread, count};
use crate::report::document::{BarEntry, Bars, Better, Document, Table};
use crate::report::{short, table, wrap};

/// Measurements of one trace.
#[derive(Debug)]
pub(super) struct Replayed {
    /// File of the trace.
    pub(super) name: String,
    pub(super) shape: Shape,
    /// Shortest possible schedule in milliseconds; `None` if the tasks do nothing.
    pub(super) bound_ms: Option<f64>,
    /// Milliseconds of the transaction that enqueues the commands.
    pub(super) enqueue_ms: Spread,
    pub(super) ways: Vec<Measured>,
    /// Number of runs, each with a journal.
    runs: usize,
    /// Faults found in the journals.
    pub(super) faults: Vec<String>,
}

/// Measurements of one way to run a trace.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) way: Way,
    pub(super) makespan_ms: Spread,
    /// Time to compare with; its own median if it is the baseline.
    pub(super) ideal_ms: f64,
    /// Microseconds per task above the ideal of the same round.
    pub(super) overhead_us: Spread,
}

impl Replayed {
    /// Summarizes the samples: one row per way, the bare loop first.
    ///
    /// # Errors
    /// When the number of slots does not fit a `usize`.
    pub(super) fn new<'a>(
        name: String,
        play: &Play<'_>,
        samples: impl Iterator<Item = (Way, &'a Vec<Sample>)>,
    ) -> Result<Self> {
        let samples: Vec<_> = samples.collect();
        let slots = usize::try_from(play.slots.get())?;
        let bound = play
            .sleeps
            .map(|seconds| lower_bound(play.trace, seconds, slots));
        let makespans = |samples: &[Sample]| -> Vec<f64> {
            samples.iter().map(|sample| sample.makespan).collect()
        };
        let bare = samples
            .first()
            .map_or_else(Vec::new, |(_, bare)| makespans(bare));
        let tasks = count(play.trace.tasks.len());
        let ways = samples.iter().map(|(way, samples)| {
            let makespans = makespans(samples);
            let ideals: Vec<f64> = match (bound, way) {
                (Some(bound), _) => vec![bound; makespans.len()],
                (None, Way::Bare | Way::Commands) => bare.clone(),
                (None, Way::Handlers) => vec![0.0; makespans.len()],
            };
            let pairs = makespans.iter().zip(&ideals);
            let overheads: Vec<f64> = pairs.map(|(own, ideal)| (own - ideal) / tasks).collect();
            Measured {
                way: *way,
                makespan_ms: scaled(&makespans, 1e3),
                ideal_ms: scaled(&ideals, 1e3).median,
                overhead_us: scaled(&overheads, 1e6),
            }
        });
        let commands = samples.iter().filter(|(way, _)| *way == Way::Commands);
        let enqueues: Vec<f64> = commands
            .flat_map(|(_, samples)| samples.iter().map(|sample| sample.enqueue))
            .collect();
        let faults = samples.iter().flat_map(|(way, samples)| {
            let all = samples.iter().flat_map(|sample| &sample.faults);
            all.map(|fault| format!("{}: {fault}", way.as_str()))
        });
        Ok(Self {
            name,
            shape: Shape::of(play.trace),
            bound_ms: bound.map(|seconds| seconds * 1e3),
            enqueue_ms: scaled(&enqueues, 1e3),
            ways: ways.collect(),
            runs: samples.iter().map(|(_, samples)| samples.len()).sum(),
            faults: faults.collect(),
        })
    }

    /// The result of the journals, as a sentence.
    fn verdict(&self) -> String {
        let runs = self.runs;
        match self.faults.len() {
            0 => format!(
                "Every task ran once, and began after all its dependencies had ended, in each of \
                 {runs} runs: each wrote down its own start and end"
            ),
            1 => format!("In {runs} runs not every task ran once and in order: 1 fault"),
            faults => {
                format!("In {runs} runs not every task ran once and in order: {faults} faults")
            }
        }
    }

    /// As a chart of makespans.
    fn bars(&self, setting: &Setting) -> Bars {
        let bars = self.ways.iter().map(|measured| BarEntry {
            label: measured.way.as_str().to_owned(),
            value: measured.makespan_ms,
            note: match measured.way {
                Way::Bare => "no queue".to_owned(),
                Way::Commands | Way::Handlers => setting.durability.as_str().to_owned(),
            },
        });
        Bars {
            title: format!("{}: makespan", self.name),
            unit: "ms".to_owned(),
            better: Better::Lower,
            note: format!("{}. {}. {}", self.shape, self.verdict(), setting.note()),
            bars: bars.collect(),
        }
    }

    /// As rows of the table of all traces.
    fn rows(&self) -> Vec<Vec<String>> {
        let Shape {
            tasks,
            edges,
            depth,
            width,
        } = self.shape;
        let row = |measured: &Measured| {
            let mut row = vec![self.name.clone()];
            row.extend([tasks, edges, depth, width].map(|number| number.to_string()));
            row.push(short(self.enqueue_ms.median));
            row.push(short(measured.ideal_ms));
            row.push(measured.way.as_str().to_owned());
            row.push(short(measured.makespan_ms.median));
            let overhead = measured.overhead_us;
            row.extend([overhead.min, overhead.median, overhead.max].map(short));
            row
        };
        self.ways.iter().map(row).collect()
    }

    /// As text of 80 columns.
    pub(super) fn text(&self) -> String {
        let enqueue = self.enqueue_ms;
        let mut about = format!(
            "{}; enqueued in {} ms ({} to {})",
            self.shape,
            short(enqueue.median),
            short(enqueue.min),
            short(enqueue.max)
        );
        if let Some(bound) = self.bound_ms {
            let _ = write!(about, "; no schedule takes less than {} ms", short(bound));
        }
        let head = "  ,ms min,median,max,us/task min,median,max".split(',');
        let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
        for measured in &self.ways {
            let mut row = vec![format!("  {}", measured.way.as_str())];
            for spread in [measured.makespan_ms, measured.overhead_us] {
                row.extend([spread.min, spread.median, spread.max].map(short));
            }
            rows.push(row);
        }
        format!(
            "\n{}{}{}{}",
            wrap(&self.name, ""),
            wrap(&about, "  "),
            wrap(&self.verdict(), "  "),
            table(&rows, 1)
        )
    }
}

/// Options shared by all traces of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) sleep: Option<f64>,
    pub(super) slots: NonZeroU32,
    pub(super) durability: Level,
    pub(super) rounds: u32,
}

impl Setting {
    /// Heading above the text of the traces, with a probe of the disk.
    pub(super) fn head(&self, disk_us: Spread) -> String {
        let disk = format!(
            "disk probe: 4 KiB append + fdatasync {} us ({} to {})",
            short(disk_us.median),
            short(disk_us.min),
            short(disk_us.max)
        );
        format!("{}{}", wrap(&disk, ""), wrap(&self.note(), ""))
    }

    /// Meaning of the figures.
    fn note(&self) -> String {
        let Self {
            slots,
            rounds,
            durability,
            ..
        } = self;
        let durability = durability.as_str();
        let ideal = match self.sleep {
            None => "Tasks do nothing but keep a journal. us/task: what a task takes beyond its \
                     share of the bare loop, which starts the same commands in the same order \
                     without a queue; of handlers, all that it takes."
                .to_owned(),
            Some(scale) => format!(
                "Commands sleep for {scale} of their runtimes. us/task: what a task adds to the \
                 longest path or to all work spread over the slots, whichever is longer. The \
                 bare loop starts the same commands in the same order without a queue."
            ),
        };
        format!(
            "workflow-queue at {durability}, {rounds} rounds in turns, each run on a new file, \
             {slots} at a time. {ideal}"
        )
    }
}

/// Adds a chart for each trace and a table of all to a document.
pub(super) fn fill(document: &mut Document, setting: &Setting, all: &[Replayed]) {
    document
        .bars
        .extend(all.iter().map(|one| one.bars(setting)));
    let columns = [
        "trace",
        "tasks",
        "edges",
        "depth",
        "width",
        "enqueue ms",
        "ideal ms",
        "way",
        "makespan ms",
        "us/task min",
        "us/task median",
        "us/task max",
    ];
    document.tables.push(Table {
        title: "What workflow-queue adds to recorded workflows".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: all.iter().flat_map(Replayed::rows).collect(),
        note: setting.note(),
    });
}

fn scaled(seconds: &[f64], unit: f64) -> Spread {
    let samples: Vec<f64> = seconds.iter().map(|seconds| seconds * unit).collect();
    Spread::of(&samples)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use queue_core::sqlite::Durability;

    use super::{Replayed, Setting};
    use crate::measure::Spread;
    use crate::replay::Level;
    use crate::replay::play::{Play, Sample, Way};
    use crate::replay::trace::{Trace, TraceTask};
    use crate::report::WIDTH;

    fn replayed(sleeps: Option<&[f64]>, makespans: [[f64; 2]; 3]) -> Replayed {
        let task = |dependencies| TraceTask {
            id: String::new(),
            seconds: None,
            dependencies,
        };
        let trace = Trace {
            tasks: vec![task(vec![]), task(vec![0])],
            order: vec![0, 1],
        };
        let play = Play {
            trace: &trace,
            sleeps,
            slots: NonZeroU32::MIN,
            durability: Durability::Fast,
        };
        let ways = [Way::Bare, Way::Commands, Way::Handlers];
        let samples = makespans.map(|way| {
            let sample = |makespan| Sample {
                makespan,
                ..Sample::default()
            };
            way.map(sample).to_vec()
        });
        Replayed::new(String::new(), &play, ways.into_iter().zip(&samples)).unwrap()
    }

    #[test]
    fn overhead_is_the_time_above_the_bare_loop_of_the_same_round() {
        // The second round is ten times slower for all; the overhead is not smeared over both.
        let replayed = replayed(None, [[1.0, 10.0], [1.2, 12.0], [0.1, 1.0]]);
        let medians = replayed
            .ways
            .iter()
            .map(|way| way.overhead_us.median.round());
        assert_eq!(medians.collect::<Vec<_>>(), [0.0, 550_000.0, 275_000.0]);
    }

    #[test]
    fn overhead_of_sleeping_commands_is_the_time_above_the_bound() {
        let replayed = replayed(Some(&[0.5, 0.5]), [[1.5, 1.5], [2.0, 2.0], [1.0, 1.0]]);
        assert_eq!(replayed.bound_ms.map(f64::round), Some(1000.0));
        let overheads = replayed.ways.iter().map(|way| way.overhead_us.max.round());
        assert_eq!(overheads.collect::<Vec<_>>(), [250_000.0, 500_000.0, 0.0]);
    }

    #[test]
    fn the_text_states_if_every_task_ran_once_and_in_order() {
        let mut replayed = replayed(None, [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]);
        let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = flat(replayed.text());
        assert!(
            said.contains("Every task ran once, and began after"),
            "{said}"
        );
        assert!(said.contains("in each of 6 runs"), "{said}");
        replayed.faults.push("task 0 started 2 times".to_owned());
        let said = flat(replayed.text());
        assert!(
            said.contains("not every task ran once and in order: 1 fault"),
            "{said}"
        );
        assert!(!said.contains("Every task"), "{said}");
    }

    #[test]
    fn the_text_fits_eighty_columns() {
        let mut replayed = replayed(Some(&[0.5, 0.5]), [[1.234, 5e4], [9e4, 8e4], [1e4, 2e4]]);
        replayed.name = "a name of words ".repeat(9);
        let setting = |sleep| Setting {
            sleep,
            slots: NonZeroU32::new(10_000).unwrap(),
            durability: Level::Full,
            rounds: 1_000,
        };
        let heads = [Some(0.001), None].map(|sleep| setting(sleep).head(Spread::of(&[4012.5])));
        let text = heads.concat() + &replayed.text();
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let bound = "no schedule takes less than 1000 ms";
        assert!(words.join(" ").contains(bound), "{text}");
    }
}
