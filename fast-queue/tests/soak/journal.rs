//! What the commands wrote, and the checks on it. Lines are appended with one write each, so the
//! order of the file is the order in which things happened.

use std::collections::BTreeMap;
use std::path::Path;

use fast_queue::WorkerId;

/// A worker's death: which one, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) worker: WorkerId,
    /// Nanoseconds since 1970.
    pub(crate) at: u128,
}

/// One execution of a task, as it told of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) task: i64,
    pub(crate) attempt: u32,
    pub(crate) token: i64,
    pub(crate) worker: WorkerId,
    pub(crate) started_at: u128,
    first_line: usize,
    last_line: usize,
    pub(crate) ended: bool,
}

/// Every execution, by task, in the order of their starts.
#[derive(Debug, Default)]
pub(crate) struct Journal(BTreeMap<i64, Vec<Run>>);

impl Journal {
    /// Reads what has been written so far; a line still being written is left out.
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut journal = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, task, attempt, token, worker, at] = words[..] else {
                panic!("line {number} of the journal is torn: {line:?}");
            };
            let task = task.parse().unwrap();
            let token = token.parse().unwrap();
            let runs = journal.0.entry(task).or_default();
            if what == "start" {
                runs.push(Run {
                    task,
                    attempt: attempt.parse().unwrap(),
                    token,
                    worker: WorkerId(i64::from_str_radix(worker, 16).unwrap()),
                    started_at: at.parse().unwrap(),
                    first_line: number,
                    last_line: number,
                    ended: false,
                });
            } else {
                let run = runs.iter_mut().find(|run| run.token == token);
                let run = run.expect("a run begins with its start");
                run.last_line = number;
                run.ended = what == "end";
            }
        }
        journal
    }

    /// The executions of a task.
    pub(crate) fn of(&self, task: i64) -> &[Run] {
        self.0.get(&task).map_or(&[], Vec::as_slice)
    }

    /// How many executions ended by themselves.
    pub(crate) fn ended(&self) -> usize {
        self.runs().filter(|run| run.ended).count()
    }

    /// How many executions began.
    pub(crate) fn started(&self) -> usize {
        self.runs().count()
    }

    /// Whether a command of that worker has begun and not ended.
    pub(crate) fn is_running(&self, worker: WorkerId) -> bool {
        self.runs().any(|run| run.worker == worker && !run.ended)
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.0.values().flatten()
    }

    /// What is wrong with a task that takes `attempts` verdicts.
    pub(crate) fn faults(&self, task: i64, attempts: u32, kills: &[Kill]) -> Vec<String> {
        let runs = self.of(task);
        let mut faults = Vec::new();
        for pair in runs.windows(2) {
            let [earlier, later] = pair else { continue };
            if later.token <= earlier.token {
                faults.push(format!(
                    "task {task}: token {} follows {}",
                    later.token, earlier.token
                ));
            }
            if earlier.last_line > later.first_line {
                faults.push(format!(
                    "task {task}: runs {} and {} overlap",
                    earlier.token, later.token
                ));
            }
            let killed = |kill: &Kill| kill.worker == earlier.worker;
            if earlier.attempt == later.attempt && !kills.iter().any(killed) {
                faults.push(format!(
                    "task {task}: run {} was extra without a kill",
                    later.token
                ));
            }
            if earlier.attempt != later.attempt && earlier.attempt + 1 != later.attempt {
                faults.push(format!(
                    "task {task}: attempt {} follows {}",
                    later.attempt, earlier.attempt
                ));
            }
        }
        match runs.last() {
            None => faults.push(format!("task {task} never ran")),
            Some(last) if last.attempt != attempts || !last.ended => {
                faults.push(format!(
                    "task {task}: its last run is {last:?}, after {attempts} verdicts"
                ));
            }
            Some(_) => {}
        }
        faults
    }

    /// Milliseconds from a kill to the first new run of a task it interrupted; `None` if it
    /// interrupted none.
    pub(crate) fn recovery_ms(&self, kill: Kill) -> Option<u128> {
        let restarts = self.0.values().filter_map(|runs| {
            let interrupted = |run: &Run| run.worker == kill.worker && !run.ended;
            let index = runs.iter().position(interrupted)?;
            Some(runs.get(index + 1)?.started_at)
        });
        restarts
            .min()
            .map(|at| at.saturating_sub(kill.at) / 1_000_000)
    }
}

#[cfg(test)]
fn kill(worker: i64) -> Kill {
    Kill {
        worker: WorkerId(worker),
        at: 200,
    }
}

#[test]
fn an_interrupted_run_may_be_repeated() {
    let journal = Journal::parse("start 1 1 1 50 100\nstart 1 1 2 51 300\nend 1 1 2 51 400\n");
    let kill = kill(0x50);
    assert_eq!(journal.faults(1, 1, &[kill]), [""; 0]);
    assert_eq!(journal.recovery_ms(kill), Some(0));
}

#[test]
fn an_extra_run_without_a_kill_is_a_fault() {
    let journal = Journal::parse(
        "start 1 1 1 50 100\nend 1 1 1 50 150\nstart 1 1 2 51 300\nend 1 1 2 51 400\n",
    );
    assert!(journal.faults(1, 1, &[kill(0x51)])[0].contains("extra"));
}

#[test]
fn an_orphan_that_goes_on_beside_its_successor_is_a_fault() {
    let journal = Journal::parse(
        "start 1 1 1 50 100\nstart 1 1 2 51 300\ntick 1 1 1 50 310\nend 1 1 2 51 400\n",
    );
    let faults = journal.faults(1, 1, &[kill(0x50)]);
    assert!(faults[0].contains("overlap"), "{faults:?}");
}

#[test]
fn a_missing_verdict_and_a_lost_task_are_faults() {
    let journal = Journal::parse("start 1 1 1 50 100\nend 1 1 1 50 150\nstart 2 1 1 50 100\n");
    assert!(journal.faults(1, 2, &[])[0].contains("after 2 verdicts"));
    assert!(journal.faults(2, 1, &[])[0].contains("ended: false"));
    assert!(journal.faults(3, 1, &[])[0].contains("never ran"));
}
