//! One database, two workers, and a clock that is set while they run.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use queue_core::clock::{Clock as _, SystemClock};
use queue_core::sqlite::Durability;
use queue_core::state::State;
use rustix::process::Signal;

use super::{FakeClockScope, HOUR, MINUTE};
use crate::Result;
use crate::process::patience::{Stopwatch, pause, wait_until};
use crate::process::scratch::{Running, describe_exit};
use crate::process::{FakeClock, Program, ScratchFolder};

/// Longest delay after a step: a backoff, two polls of an idle worker, and a large margin for a busy
/// machine. The shortest step is longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// Tasks that run while the clock is set, each longer than its lease.
const HELD: [&str; 2] = ["held-0", "held-1"];

/// Task that must time out after a few seconds, even if the clock is set back meanwhile.
const OVERDUE: &str = "overdue";

/// One database and its workers.
struct Round {
    scratch: ScratchFolder,
    clock: FakeClock,
    program: Program,
    scope: FakeClockScope,
    /// Seconds by which the clock is ahead.
    ahead: i64,
    /// Number of times the workers have seen the clock set back.
    set_back: usize,
    /// Number of runs expected of each task.
    expected: BTreeMap<String, usize>,
    faults: Vec<String>,
}

/// Makes the steps one by one, then all at once, and lets all tasks end. Returns the faults.
///
/// # Errors
/// When a process cannot be started, or the fake clock has no effect on it.
pub(super) fn run(program: Program, scope: FakeClockScope, steps: &[i64]) -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    let clock = FakeClock::new(scratch.file("clock"))?.ok_or("libfaketime is gone")?;
    let mut round = Round {
        scratch,
        clock,
        program,
        scope,
        ahead: 0,
        set_back: 0,
        expected: BTreeMap::new(),
        faults: Vec::new(),
    };
    let workers = round.begin()?;
    for (number, by) in steps.iter().enumerate() {
        round.step(number, *by)?;
    }
    for by in steps {
        round.set(round.ahead + by)?;
        pause(Duration::from_millis(20));
    }
    round.end(workers)?;
    let name = program.name();
    let told = round.faults.into_iter();
    Ok(told
        .map(|fault| format!("{name}, fake clock for {scope:?}: {fault}"))
        .collect())
}

impl Round {
    /// Starts two workers and the tasks that run throughout.
    fn begin(&mut self) -> Result<Vec<Running>> {
        for name in HELD {
            let body = "while ! test -e go; do sleep 0.05; done";
            self.add(name, body, &["--timeout", "10m", "--max-attempts", "1"])?;
        }
        let body = "exec sleep 600";
        self.add(OVERDUE, body, &["--timeout", "5s", "--max-attempts", "1"])?;
        let workers = vec![self.worker(0)?, self.worker(1)?];
        wait_until("the tasks run", || {
            let begun = self.begun();
            Ok(HELD.iter().all(|name| begun.contains_key(*name)))
        })?;
        Ok(workers)
    }

    /// Sets the clock once while tasks wait, and checks that they run.
    fn step(&mut self, number: usize, by: i64) -> Result<()> {
        let [retry, later, soon, plain] =
            ["retry", "later", "soon", "plain"].map(|kind| format!("{kind}-{number}"));
        let moves_workers = self.scope != FakeClockScope::Others;
        // The other clock is the true one, which is never set.
        let shown = match self.scope {
            FakeClockScope::All => by,
            FakeClockScope::Workers => by.min(self.ahead + by),
            FakeClockScope::Others => 0,
        };
        let comes_due = shown >= HOUR;
        if comes_due {
            self.add(&later, ":", &["--delay", "30m"])?;
        }
        // By a clock that only the others see, the task is due once the true clock reaches the same
        // time.
        let is_due_in_time = moves_workers || self.ahead <= 0;
        if is_due_in_time {
            self.add(&soon, ":", &["--delay", "1s"])?;
        }
        let fails_once = format!("mkdir {retry} 2> mkdir.log && exit 1; exit 0");
        self.add(&retry, &fails_once, &["--backoff", "2s"])?;
        self.expected.insert(retry.clone(), 2);
        wait_until("the first attempt has failed", || self.has_failed(&retry))?;
        if comes_due && self.begun().contains_key(&later) {
            self.faults.push(format!("{later} began before its time"));
        }
        self.set(self.ahead + by)?;
        self.add(&plain, ":", &[])?;
        self.check_created_at(&plain)?;
        self.expect_runs(&plain, 1)?;
        self.expect_runs(&retry, 2)?;
        if comes_due {
            self.expect_runs(&later, 1)?;
        }
        if moves_workers && by < -MINUTE {
            self.set_back += 1;
            self.check_logs()?;
        }
        Ok(())
    }

    /// Ends the remaining tasks and checks them.
    fn end(&mut self, workers: Vec<Running>) -> Result<()> {
        // A clock set back since has delayed some tasks; they are due by now.
        self.set(self.ahead.abs() + 48 * HOUR)?;
        std::fs::write(self.scratch.file("go"), "")?;
        let unfinished = include_str!("../../queries/unfinished.sql");
        wait_until("all tasks have ended", || {
            let count: i64 = self
                .scratch
                .reader()?
                .query_row(unfinished, [], |row| row.get(0))?;
            Ok(count == 0)
        })?;
        for worker in workers {
            worker.signal(Signal::TERM);
            let ended = worker.output()?;
            if ended.status.code() != Some(0) {
                self.faults
                    .push(format!("a worker ended with {}", describe_exit(&ended)));
            }
        }
        let begun = self.begun();
        for (name, times) in &self.expected {
            let found = begun.get(name).copied().unwrap_or(0);
            if found != *times {
                let fault = format!("{name} began {found} times, not {times}");
                self.faults.push(fault);
            }
        }
        for (name, state) in self.states()? {
            let expected = match name.as_str() {
                OVERDUE => State::Failed,
                _ => State::Succeeded,
            };
            if state != expected.code() {
                self.faults
                    .push(format!("{name} ended in state {state}, not {expected}"));
            }
        }
        self.faults.extend(self.scratch.broken(self.program)?);
        Ok(())
    }

    fn set(&mut self, ahead: i64) -> Result<()> {
        self.ahead = ahead;
        self.clock.set(ahead)
    }

    /// Enqueues a task that records its start, through the program.
    fn add(&mut self, name: &str, body: &str, options: &[&str]) -> Result<()> {
        let command = format!("echo {name} >> begun; {body}");
        let words = [&["add-task", name, &command], options].concat();
        let mut add = self.scratch.command(self.program, &words)?;
        self.govern(&mut add, FakeClockScope::Others);
        let output = add.output()?;
        if !output.status.success() {
            return Err(format!("{name} was not added: {}", describe_exit(&output)).into());
        }
        self.expected.insert(name.to_owned(), 1);
        Ok(())
    }

    fn worker(&self, number: usize) -> Result<Running> {
        let mut words = vec!["worker", "--slots", "4"];
        if self.program == Program::Workflow {
            words.extend(["--lease", "10s"]);
        }
        let mut worker = self.scratch.command(self.program, &words)?;
        self.govern(&mut worker, FakeClockScope::Workers);
        worker.stderr(std::fs::File::create(self.log(number))?);
        Ok(Running(worker.spawn()?))
    }

    fn log(&self, number: usize) -> std::path::PathBuf {
        self.scratch.file(&format!("worker-{number}.log"))
    }

    fn govern(&self, command: &mut Command, kind: FakeClockScope) {
        if self.scope == kind || self.scope == FakeClockScope::All {
            self.clock.govern(command);
        }
    }

    /// Number of starts of each task.
    fn begun(&self) -> BTreeMap<String, usize> {
        let mut begun = BTreeMap::new();
        let journal = std::fs::read_to_string(self.scratch.file("begun")).unwrap_or_default();
        for name in journal.lines() {
            *begun.entry(name.to_owned()).or_default() += 1;
        }
        begun
    }

    fn states(&self) -> Result<Vec<(String, i64)>> {
        let reader = self.scratch.reader()?;
        let mut statement = reader.prepare(include_str!("../../queries/states.sql"))?;
        let rows = statement.query_map([], |row| Ok((row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns true if an attempt of the task failed and will be repeated.
    fn has_failed(&self, name: &str) -> Result<bool> {
        let begun = self.begun().contains_key(name);
        let running = State::Running.code();
        let states = self.states()?;
        Ok(begun && !states.contains(&(name.to_owned(), running)))
    }

    fn expect_runs(&mut self, name: &str, times: usize) -> Result<()> {
        let begins = || Ok(self.begun().get(name).is_some_and(|begun| *begun >= times));
        if !soon(begins)? {
            let ahead = self.ahead;
            self.faults.push(format!(
                "a minute after the clock was set {ahead} s ahead {name} had not begun {times} times"
            ));
        }
        Ok(())
    }

    /// Checks that both workers have logged each step back.
    fn check_logs(&mut self) -> Result<()> {
        for number in 0..2 {
            let log = self.log(number);
            let said = || {
                let log = std::fs::read_to_string(&log)?;
                Ok(log.matches("the clock was set back").count() >= self.set_back)
            };
            if !soon(said)? {
                self.faults.push(format!(
                    "worker {number} did not log that the clock was set back"
                ));
            }
        }
        Ok(())
    }

    /// Checks that the fake clock affects the producers, which the proof depends on.
    fn check_created_at(&self, name: &str) -> Result<()> {
        let created: i64 = self.scratch.reader()?.query_row(
            include_str!("../../queries/created.sql"),
            [name],
            |row| row.get(0),
        )?;
        let moved = match self.scope {
            FakeClockScope::All | FakeClockScope::Others => self.ahead * 1000,
            FakeClockScope::Workers => 0,
        };
        let expected = SystemClock.now().wall.0 + moved;
        if created.abs_diff(expected) > MINUTE.unsigned_abs() * 1000 {
            return Err(format!("{name} was created at {created}, not at {expected}").into());
        }
        Ok(())
    }
}

/// Returns true if the condition holds before the deadline.
fn soon(mut condition: impl FnMut() -> Result<bool>) -> Result<bool> {
    let watch = Stopwatch::start();
    while !condition()? {
        if watch.elapsed() > DEADLINE {
            return Ok(false);
        }
        pause(Duration::from_millis(5));
    }
    Ok(true)
}
