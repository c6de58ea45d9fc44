//! The program without a verb: counts, then what runs, what failed last, what waits and why, and
//! the workers.

pub(super) mod layout;

use serde::Serialize;

use super::json::TaskView;
use super::program::{Access, Context};
use super::status::{self, FileStatus};
use super::table::{Column, Table, left, painted, right, text};
use super::watch::{self, Frame, Screen};
use super::why::{self, Snapshot};
use super::{Failure, moment, tasks, workers};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::{ListQuery, Queue, Waits, WorkerInfo};
use crate::state::State;
use crate::task::Task;
use layout::{fill, sections, wrap};

/// Options of the program without a verb.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[group(skip)]
pub struct Arguments {
    /// Without a verb: show how things stand anew every second, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Most tasks or workers of each section.
const MOST_RUNNING: usize = 20;
const MOST_FAILED: usize = 5;
const MOST_WAITING: usize = 9;
const MOST_WORKERS: usize = 10;

/// Most running tasks among which the oldest are found.
const LOOKED_AT: usize = 200;

/// States of the tasks that wait, in the order they are shown in.
const WAITING: [State; 3] = [State::Queued, State::Blocked, State::Scheduled];

/// Shows how things stand.
///
/// # Errors
/// As the engine.
pub fn run<Q: Queue>(context: &Context<Q>, arguments: Arguments) -> Result<(), Failure> {
    watch::show(context.printer, arguments.watch, |screen| {
        if context.is_fresh() {
            let overview = Overview::default();
            return overview.frame(context, screen, vec![status::fresh(context)]);
        }
        let queue = context.open(Access::Read)?;
        let overview = Overview::read(context, &queue)?;
        let notes = overview.standing.needs(context, &queue)?;
        overview.frame(context, screen, notes)
    })
}

/// Refuses the options of the program without a verb, which stand before one here.
///
/// # Errors
/// [`Failure::Usage`] if there are any.
pub fn refuse(arguments: Arguments) -> Result<(), Failure> {
    if arguments.watch {
        let sentence = "--watch shows how things stand, without a verb or as an option of status; \
                        leave one of them out";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    Ok(())
}

/// Everything that is shown.
#[derive(Default)]
struct Overview {
    now: Timestamp,
    standing: FileStatus,
    /// Running tasks, the oldest first, and the worker of each.
    running: Vec<(Task, String)>,
    failed: Vec<Task>,
    /// Waiting tasks by state, each with what it waits for, in a few words and in sentences.
    waiting: [Vec<Waiting>; 3],
    workers: Vec<workers::View>,
}

/// A waiting task.
struct Waiting {
    task: Task,
    words: String,
    because: Vec<why::Explanation>,
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    counts: status::View,
    running_tasks: Vec<TaskView<'a>>,
    failed_tasks: Vec<TaskView<'a>>,
    waiting_tasks: Vec<why::View<'a>>,
    live_workers: &'a [workers::View],
}

impl Overview {
    fn read<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Self> {
        let standing = FileStatus::read(queue)?;
        let now = queue.now().wall;
        let known = queue.workers()?;
        let running = running(queue, None, (&standing.workers, &known))?;
        let mut waiting = [Vec::new(), Vec::new(), Vec::new()];
        let snapshot = Snapshot::new(context, queue, (&standing.workers, &known), now);
        for (state, found) in WAITING.into_iter().zip(&mut waiting) {
            if standing.stats.count(state) == 0 {
                continue;
            }
            for task in queue.next_waiting(state, MOST_WAITING)? {
                let waits = queue.waits_in_file(task.id)?;
                found.push(Waiting {
                    words: words(&task, &waits, snapshot.is_served(&task), now),
                    because: snapshot.explanations(&task)?,
                    task,
                });
            }
        }
        let views = standing.workers.iter().take(MOST_WORKERS);
        let workers = views.map(|worker| workers::view(queue, worker));
        let workers = workers.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            now,
            failed: queue.last_failed(MOST_FAILED, None)?,
            running,
            waiting,
            workers,
            standing,
        })
    }

    fn frame<Q: Queue>(
        &self,
        context: &Context<Q>,
        screen: Screen,
        notes: Vec<String>,
    ) -> Result<Frame, Failure> {
        if context.printer.is_json() {
            return Frame::json(&self.view());
        }
        let color = context.printer.color();
        let counts = self.counts(screen.width, color);
        let taken = counts.lines().count() + 1 + notes.len();
        let height = screen.height.map(|height| height.saturating_sub(taken));
        let waiting = self.waiting.each_ref().map(Vec::len);
        let needs = [
            self.running.len(),
            self.failed.len(),
            waiting.iter().sum::<usize>().min(MOST_WAITING),
            self.workers.len(),
        ];
        let rows = sections(height, needs);
        let tables = [
            self.running(rows[0]),
            self.failed(rows[1]),
            self.waiting(&fill(rows[2], &waiting)),
            self.workers(rows[3]),
        ];
        let mut text = counts;
        for table in tables.iter().filter(|table| !table.is_empty()) {
            text.push('\n');
            text += &table.render(screen.width, color);
        }
        Ok(Frame { text, notes })
    }

    fn view(&self) -> View<'_> {
        let running = self.running.iter().map(|(task, _)| TaskView::from(task));
        let waiting = self.waiting.iter().flatten();
        View {
            counts: self.standing.view(),
            running_tasks: running.collect(),
            failed_tasks: self.failed.iter().map(TaskView::from).collect(),
            waiting_tasks: waiting
                .map(|one| why::View::new(&one.task, &one.because))
                .collect(),
            live_workers: &self.workers,
        }
    }

    /// The number of tasks in each state, in lines.
    fn counts(&self, width: Option<usize>, color: bool) -> String {
        let mut items = Vec::new();
        for state in State::ALL {
            let count = self.standing.stats.count(state);
            // A person looks for these even if there are none.
            let always = [
                State::Queued,
                State::Running,
                State::Succeeded,
                State::Failed,
            ];
            if count == 0 && !always.contains(&state) {
                continue;
            }
            let plain = format!("{count} {state}");
            let shown = if color && count > 0 {
                painted(state, &plain)
            } else {
                plain.clone()
            };
            items.push((plain, shown));
        }
        wrap(&items, width)
    }

    fn running(&self, rows: usize) -> Table {
        const COLUMNS: [Column; 4] = [
            right("RUNNING"),
            right("ELAPSED"),
            left("WORKER").dropped(1),
            text("COMMAND"),
        ];
        let mut table = Table::new(&COLUMNS);
        for (task, worker) in self.running.iter().take(rows) {
            let since = task.started_at.unwrap_or(self.now);
            table.row([
                &task.id.to_string(),
                &moment::rough(moment::away(since, self.now)),
                worker,
                &tasks::label(task),
            ]);
        }
        table
    }

    fn failed(&self, rows: usize) -> Table {
        const COLUMNS: [Column; 4] = [
            right("FAILED"),
            left("WHEN"),
            text("HOW").dropped(1),
            text("COMMAND"),
        ];
        let mut table = Table::new(&COLUMNS);
        for task in self.failed.iter().take(rows) {
            table.row([
                &task.id.to_string(),
                &tasks::when(task, self.now),
                &tasks::ending(task).unwrap_or_default(),
                &tasks::label(task),
            ]);
        }
        table
    }

    fn waiting(&self, rows: &[usize]) -> Table {
        const COLUMNS: [Column; 4] = [
            right("WAITING"),
            left("STATE").dropped(1),
            text("FOR"),
            text("COMMAND"),
        ];
        let mut table = Table::new(&COLUMNS);
        for (waiting, rows) in self.waiting.iter().zip(rows) {
            for one in waiting.iter().take(*rows) {
                table.row([
                    &one.task.id.to_string(),
                    tasks::standing(&one.task),
                    &one.words,
                    &tasks::label(&one.task),
                ]);
            }
        }
        table
    }

    fn workers(&self, rows: usize) -> Table {
        const COLUMNS: [Column; 5] = [
            left("WORKER"),
            right("PID"),
            left("RUNS"),
            left("STARTED").dropped(1),
            text("QUEUE"),
        ];
        let mut table = Table::new(&COLUMNS);
        let served = self
            .standing
            .workers
            .iter()
            .map(|worker| &worker.serves.queues);
        for (worker, queues) in self.workers.iter().zip(served).take(rows) {
            table.row([
                &worker.id,
                &worker.pid.to_string(),
                &format!("{} of {}", worker.running, worker.slots),
                &moment::relative(worker.started_at.0, self.now),
                &queues.to_string(),
            ]);
        }
        table
    }
}

/// The running tasks that started first, of all queues or of one, and the worker of each. `living` and
/// `known` are the living and all registered workers.
///
/// # Errors
/// As the engine.
pub(super) fn running<Q: Queue>(
    queue: &Q,
    only: Option<&str>,
    (living, known): (&[WorkerInfo], &[WorkerInfo]),
) -> Result<Vec<(Task, String)>> {
    let mut query = ListQuery::new().states([State::Running]).limit(LOOKED_AT);
    query.queue = only.map(str::to_owned);
    let mut running = queue.list(&query)?;
    running.sort_by_key(|task| (task.started_at, task.id));
    running.truncate(MOST_RUNNING);
    let worker = |task: &Task| {
        let Some(id) = task.worker else {
            return "-".to_owned();
        };
        if living.iter().any(|worker| worker.id == id) {
            id.to_string()
        } else if known.iter().any(|worker| worker.id == id) {
            format!("{id} (dead)")
        } else {
            format!("{id} (unknown)")
        }
    };
    let running = running.into_iter().map(|task| {
        let worker = worker(&task);
        (task, worker)
    });
    Ok(running.collect())
}

/// What a task waits for, in a few words.
fn words(task: &Task, waits: &[Waits], is_served: bool, now: Timestamp) -> String {
    if task.set_aside.is_some() {
        return "a newer version".to_owned();
    }
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut words: Vec<String> = waits
        .iter()
        .map(|one| match one {
            Waits::Time { run_at, .. } if *run_at <= now => "its turn".to_owned(),
            Waits::Time { run_at, retry } => {
                let what = if *retry { "its retry" } else { "its time" };
                format!("{what} {}", moment::relative(*run_at, now))
            }
            Waits::Held { .. } => "its release".to_owned(),
            Waits::Paused { .. } => "a resume of its queue".to_owned(),
            Waits::Behind { tasks, .. } => format!("{} before it", tasks::count(*tasks)),
            Waits::Dependency { task, .. } => format!("task {task}"),
            Waits::Dependencies { more } => format!("{more} more"),
            Waits::Unserved => "a worker".to_owned(),
            Waits::Limit { name: limit, .. } => format!("limit {}", name(limit)),
            Waits::Rate { name: limit, .. } => format!("the rate of {}", name(limit)),
        })
        .collect();
    if !is_served {
        words.push("a worker".to_owned());
    } else if words.is_empty() {
        words.push("a free slot".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::cli::tasks::tests::ended;
    use crate::clock::Timestamp;
    use crate::queue::Waits;
    use crate::state::State;
    use crate::task::TaskId;
    use crate::workflow::Condition;

    #[test]
    fn the_words_name_everything_that_a_task_waits_for() {
        let now = Timestamp(10_000);
        let words = |waits: &[Waits], is_served| words(&ended(1), waits, is_served, now);
        assert_eq!(words(&[], true), "a free slot");
        assert_eq!(words(&[], false), "a worker");
        let since = Timestamp(0);
        let behind = Waits::Behind {
            tasks: 1,
            ageing: None,
        };
        let paused = [Waits::Paused { since }, behind];
        assert_eq!(
            words(&paused, true),
            "a resume of its queue, 1 task before it"
        );
        let run_at = Timestamp(25_000);
        assert_eq!(
            words(
                &[Waits::Time {
                    run_at,
                    retry: true
                }],
                true
            ),
            "its retry in 15s"
        );
        let dependency = Waits::Dependency {
            task: TaskId(7),
            state: State::Running,
            condition: Condition::Success,
        };
        let more = [dependency, Waits::Dependencies { more: 3 }];
        assert_eq!(words(&more, false), "task 7, 3 more, a worker");
    }
}
