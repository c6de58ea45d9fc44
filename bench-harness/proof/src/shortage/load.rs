//! Work that goes on during a shortage, and checks that it ends as it does without one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::Result;
use crate::process::patience::{Stopwatch, pause, wait_until};
use crate::process::scratch::{Running, describe_exit, quoted};
use crate::process::{Program, ScratchFolder};

/// Number of workers.
const WORKERS: usize = 2;
const SLOTS: &str = "8";

/// Tasks per second of the shortage, in addition to those that run before and after it.
const PER_SECOND: u64 = 20;
const AROUND: u64 = 200;

/// Tasks that start before the shortage and end during or after it.
const HELD: [&str; 2] = ["held-a", "held-b"];

/// Tasks that time out in the middle of the shortage.
const OVERDUE: &str = "overdue";
const OVERDUE_TASKS: usize = 4;
const DUE: f64 = 1.5;

/// Seconds by which a timeout may be late on a busy machine.
const SLACK: f64 = 3.0;

/// Time for all tasks to end after the shortage; a slower task has not resumed by itself.
const DRAIN_LIMIT: Duration = Duration::from_secs(300);

/// Workers, their tasks, and the journal of the tasks.
pub(super) struct Load<'a> {
    scratch: &'a ScratchFolder,
    program: Program,
    journal: PathBuf,
    tasks: u64,
    workers: Vec<Running>,
    over: Option<Stopwatch>,
}

impl<'a> Load<'a> {
    /// Enqueues the tasks, starts the workers and waits until every kind of task runs. The journal lies
    /// in a folder outside the shortage.
    pub(super) fn start(
        scratch: &'a ScratchFolder,
        program: Program,
        elsewhere: &Path,
        duration: Duration,
    ) -> Result<Self> {
        let mut load = Self {
            scratch,
            program,
            journal: elsewhere.join("journal"),
            tasks: AROUND + PER_SECOND * duration.as_secs(),
            workers: Vec::new(),
            over: None,
        };
        load.enqueue(elsewhere, duration)?;
        for number in 0..WORKERS {
            let mut worker = scratch.command(program, &["worker", "--slots", SLOTS])?;
            let log = fs::File::create(elsewhere.join(format!("worker-{number}.log")))?;
            load.workers.push(Running(worker.stderr(log).spawn()?));
        }
        let begun = |name: &str| load.count("start", name) > 0;
        wait_until("tasks of every kind run", || {
            let all_held = HELD.iter().all(|name| begun(name));
            Ok(all_held && begun(OVERDUE) && load.count("end", "short") > 10)
        })?;
        Ok(load)
    }

    fn enqueue(&self, elsewhere: &Path, duration: Duration) -> Result<()> {
        let journal = quoted(&self.journal);
        let task = |name: &str, body: &str, more: &str| {
            let note = |what: &str| format!("echo {what} {name} $QUEUE_TASK_ID >> {journal}");
            let command = format!("{}; {body}; {}", note("start"), note("end"));
            let command = serde_json::Value::from(command);
            format!("{{\"name\": \"{name}\", \"command\": {command}{more}}}\n")
        };
        let mut lines = String::new();
        let seconds = duration.as_secs_f64();
        // One ends during the shortage, the other one after it.
        for (name, share) in HELD.iter().zip([0.5, 1.2]) {
            let body = format!("sleep {}", seconds * share + 0.5);
            lines += &task(name, &body, ", \"priority\": 2, \"max_attempts\": 1");
        }
        let more = format!(", \"priority\": 1, \"max_attempts\": 1, \"timeout\": {DUE}");
        for _ in 0..OVERDUE_TASKS {
            lines += &task(OVERDUE, "exec sleep 600", &more);
        }
        for _ in 0..self.tasks {
            lines += &task("short", "sleep 0.05", ", \"max_attempts\": 1");
        }
        let input = elsewhere.join("tasks");
        fs::File::create(&input)?.write_all(lines.as_bytes())?;
        let mut add = self
            .scratch
            .command(self.program, &["add-task", "--stdin"])?;
        let output = add.stdin(Stdio::from(fs::File::open(input)?)).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(describe_exit(&output).into())
    }

    /// The running workers.
    pub(super) fn workers(&self) -> impl Iterator<Item = &Running> {
        self.workers.iter()
    }

    /// Marks the end of the shortage.
    pub(super) fn mark_over(&mut self) {
        self.over = Some(Stopwatch::start());
    }

    /// Lets all tasks end. Returns their number, and the faults. `met` is the message of a worker that
    /// has met the shortage.
    pub(super) fn end(mut self, met: &str) -> Result<(u64, Vec<String>)> {
        let mut faults = Vec::new();
        let over = self.over.unwrap_or_else(Stopwatch::start);
        while !self.all_have_ended()? {
            if over.elapsed() > DRAIN_LIMIT {
                faults.push("not every task had ended five minutes after the shortage".to_owned());
                break;
            }
            if self
                .workers
                .iter_mut()
                .any(|worker| !matches!(worker.0.try_wait(), Ok(None)))
            {
                faults.push("a worker has ended".to_owned());
                break;
            }
            pause(Duration::from_millis(20));
        }
        for worker in std::mem::take(&mut self.workers) {
            worker.signal(Signal::TERM);
            let output = worker.output()?;
            if !output.status.success() {
                faults.push(format!("a worker ended with {}", describe_exit(&output)));
            }
        }
        faults.extend(self.wrong_verdicts()?);
        faults.extend(self.log_faults(met));
        faults.extend(self.wrong_runs()?);
        faults.extend(self.scratch.broken(self.program)?);
        if !faults.is_empty() {
            faults.push(self.last_words());
        }
        Ok((self.all(), faults))
    }

    fn all_have_ended(&self) -> Result<bool> {
        let unfinished = include_str!("../../queries/unfinished.sql");
        let reader = self.scratch.reader()?;
        let count: i64 = reader.query_row(unfinished, [], |row| row.get(0))?;
        Ok(count == 0)
    }

    /// Tasks whose recorded state differs from a run without a shortage.
    fn wrong_verdicts(&self) -> Result<Vec<String>> {
        let reader = self.scratch.reader()?;
        let mut query = reader.prepare(include_str!("../../queries/verdicts.sql"))?;
        let mut rows = query.query([])?;
        let mut faults = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, verdict): (String, (i64, i64, i64)) =
                (row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?));
            let wanted = if name == OVERDUE {
                (5, 1, 0)
            } else {
                (4, 1, 0)
            };
            if verdict != wanted {
                faults.push(format!(
                    "{name}: state, attempt and crashes are {verdict:?}"
                ));
            }
        }
        let more = faults.len().saturating_sub(5);
        faults.truncate(5);
        if more > 0 {
            faults.push(format!("{more} more faults of this kind"));
        }
        Ok(faults)
    }

    /// Late timeouts, and a shortage that no worker has met.
    fn log_faults(&self, met: &str) -> Vec<String> {
        let logs: Vec<String> = (0..WORKERS).map(|number| self.log(number)).collect();
        let overdue = format!("({OVERDUE}) failed (timeout) after ");
        let mut faults = Vec::new();
        let mut ends = 0;
        for line in logs.iter().flat_map(|log| log.lines()) {
            let Some((_, rest)) = line.split_once(&overdue) else {
                continue;
            };
            ends += 1;
            let took = rest
                .split_once("s,")
                .and_then(|(took, _)| took.parse().ok());
            if !took.is_some_and(|took: f64| (DUE..DUE + SLACK).contains(&took)) {
                faults.push(format!("a timeout was not on time: {line}"));
            }
        }
        if ends != OVERDUE_TASKS {
            faults.push(format!("{ends} of {OVERDUE_TASKS} timeouts were logged"));
        }
        if !logs.iter().any(|log| log.contains(met)) {
            faults.push(format!(
                "no worker has met the shortage: none logged {met:?}"
            ));
        }
        faults
    }

    /// Tasks that did not run exactly once.
    fn wrong_runs(&self) -> Result<Vec<String>> {
        let mut runs: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for line in fs::read_to_string(&self.journal)?.lines() {
            let mut words = line.split(' ');
            let end = words.next() == Some("end");
            let task = words.collect::<Vec<_>>().join(" ");
            runs.entry(task).or_default()[usize::from(end)] += 1;
        }
        let wanted = |task: &str| {
            if task.starts_with(OVERDUE) {
                [1, 0]
            } else {
                [1, 1]
            }
        };
        let mut faults: Vec<String> = runs
            .iter()
            .filter(|(task, runs)| **runs != wanted(task))
            .map(|(task, [starts, ends])| format!("{task} started {starts} and ended {ends} times"))
            .collect();
        let all = self.all();
        if runs.len() as u64 != all {
            faults.push(format!("{} of {all} tasks ran", runs.len()));
        }
        Ok(faults)
    }

    fn count(&self, what: &str, name: &str) -> usize {
        let text = fs::read_to_string(&self.journal).unwrap_or_default();
        let begin = format!("{what} {name} ");
        text.lines().filter(|line| line.starts_with(&begin)).count()
    }

    /// Number of tasks of all kinds.
    fn all(&self) -> u64 {
        self.tasks + (HELD.len() + OVERDUE_TASKS) as u64
    }

    fn log(&self, number: usize) -> String {
        let log = self.journal.with_file_name(format!("worker-{number}.log"));
        fs::read_to_string(log).unwrap_or_default()
    }

    /// Last lines of the workers' logs that are not about succeeded tasks.
    fn last_words(&self) -> String {
        let said = (0..WORKERS).map(|number| {
            let log = self.log(number);
            let own: Vec<&str> = log
                .lines()
                .filter(|line| !line.contains(" succeeded after "))
                .collect();
            let last = own.len().saturating_sub(8);
            format!("worker {number}: {}", own[last..].join(" / "))
        });
        said.collect::<Vec<_>>().join("; ")
    }
}
