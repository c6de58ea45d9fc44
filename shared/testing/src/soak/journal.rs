//! The journal that the commands write, and checks of it. Each line is appended with one write, so
//! the order of the file is the order of the events.

use std::collections::BTreeMap;
use std::path::Path;

use queue_core::WorkerId;

/// Death of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    pub worker: WorkerId,
    /// Hundredths of a second since the machine started.
    pub at: u64,
}

/// One execution of a task, as its command reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    attempt: u32,
    token: i64,
    worker: WorkerId,
    started_at: u64,
    /// Its first line in the journal; `last_line` is its last.
    pub first_line: usize,
    pub last_line: usize,
    end: Option<End>,
}

/// End of an execution, as its command reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Signal,
}

/// Required result of the executions of a task, however often its worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Number of executions that end by themselves; 0 for a task that must not run.
    pub attempts: u32,
    /// Exit code of the last one; `None` if a signal ends it.
    pub exit_code: Option<i32>,
}

/// Every execution, by task, in the order of their starts.
#[derive(Debug, Default)]
pub struct Journal(BTreeMap<i64, Vec<Run>>);

impl Journal {
    /// Reads the journal so far, without a line that is still being written.
    pub fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap_or_default())
    }

    /// Parses the text of a journal.
    pub fn parse(text: &str) -> Self {
        let mut journal = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, task, attempt, token, worker, at] = words[..] else {
                panic!("line {number} of the journal is torn: {line:?}");
            };
            let token = token.parse().unwrap();
            let runs = journal.0.entry(task.parse().unwrap()).or_default();
            if what == "start" {
                runs.push(Run {
                    attempt: attempt.parse().unwrap(),
                    token,
                    worker: WorkerId(i64::from_str_radix(worker, 16).unwrap()),
                    started_at: at.parse().unwrap(),
                    first_line: number,
                    last_line: number,
                    end: None,
                });
                continue;
            }
            let run = runs.iter_mut().find(|run| run.token == token);
            let run = run.expect("a run begins with its start");
            run.last_line = number;
            run.end = match what.split_once(':') {
                Some((_, code)) => Some(End::Exit(code.parse().unwrap())),
                None => (what == "end").then_some(End::Signal),
            };
        }
        journal
    }

    /// The executions of a task.
    pub fn of(&self, task: i64) -> &[Run] {
        self.0.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Number of executions that ended by themselves.
    pub fn ended(&self) -> usize {
        self.runs().filter(|run| run.end.is_some()).count()
    }

    /// Number of executions that began.
    pub fn started(&self) -> usize {
        self.runs().count()
    }

    /// True if a command of that worker has begun and not ended.
    pub fn is_running(&self, worker: WorkerId) -> bool {
        self.runs()
            .any(|run| run.worker == worker && run.end.is_none())
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.0.values().flatten()
    }

    /// Faults of the executions of a task.
    pub fn faults(&self, task: i64, due: Verdicts, kills: &[Kill]) -> Vec<String> {
        let runs = self.of(task);
        let pairs = runs.windows(2).filter_map(|pair| match pair {
            [earlier, later] => Some(succession_faults(earlier, later, kills)),
            _ => None,
        });
        let mut faults: Vec<String> = pairs.flatten().collect();
        match runs.last() {
            None if due.attempts > 0 => faults.push("never ran".to_owned()),
            Some(_) if due.attempts == 0 => faults.push("ran, though it must not".to_owned()),
            Some(last) if last.attempt != due.attempts || last.end != Some(due.end()) => {
                faults.push(format!("its last run is {last:?}, not {due:?}"));
            }
            None | Some(_) => {}
        }
        let named = faults.iter().map(|fault| format!("task {task}: {fault}"));
        named.collect()
    }

    /// Milliseconds from a kill to the first new run of a task it interrupted, in steps of ten;
    /// `None` if it interrupted none.
    pub fn recovery_ms(&self, kill: Kill) -> Option<u64> {
        let restarts = self.0.values().filter_map(|runs| {
            let interrupted = |run: &Run| run.worker == kill.worker && run.end.is_none();
            let index = runs.iter().position(interrupted)?;
            Some(runs.get(index + 1)?.started_at)
        });
        restarts.min().map(|at| at.saturating_sub(kill.at) * 10)
    }
}

impl Verdicts {
    fn end(self) -> End {
        self.exit_code.map_or(End::Signal, End::Exit)
    }
}

/// Faults of an execution that follows another one of the same task.
fn succession_faults(earlier: &Run, later: &Run, kills: &[Kill]) -> Vec<String> {
    let mut faults = Vec::new();
    if later.token <= earlier.token {
        faults.push(format!("token {} follows {}", later.token, earlier.token));
    }
    if earlier.last_line > later.first_line {
        faults.push(format!(
            "runs {} and {} overlap",
            earlier.token, later.token
        ));
    }
    // Only if its worker died does a run have no verdict, and only then may the task run again.
    let killed = |kill: &Kill| kill.worker == earlier.worker && kill.at <= later.started_at;
    if earlier.attempt == later.attempt && !kills.iter().any(killed) {
        faults.push(format!("run {} was extra without a kill", later.token));
    }
    if earlier.attempt != later.attempt && earlier.attempt + 1 != later.attempt {
        faults.push(format!(
            "attempt {} follows {}",
            later.attempt, earlier.attempt
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Verdicts = Verdicts {
        attempts: 1,
        exit_code: Some(0),
    };

    fn kill(worker: i64) -> Kill {
        Kill {
            worker: WorkerId(worker),
            at: 200,
        }
    }

    #[test]
    fn an_interrupted_run_may_be_repeated() {
        let journal =
            Journal::parse("start 1 1 1 50 100\nstart 1 1 2 51 230\nend:0 1 1 2 51 240\n");
        let kill = kill(0x50);
        assert_eq!(journal.faults(1, ONCE, &[kill]), [""; 0]);
        assert_eq!(journal.recovery_ms(kill), Some(300));
    }

    #[test]
    fn an_extra_run_without_a_kill_is_a_fault() {
        let journal = Journal::parse(
            "start 1 1 1 50 100\nend:0 1 1 1 50 150\nstart 1 1 2 51 300\nend:0 1 1 2 51 400\n",
        );
        assert!(journal.faults(1, ONCE, &[kill(0x51)])[0].contains("extra"));
        let later = Kill {
            at: 301,
            ..kill(0x50)
        };
        assert!(journal.faults(1, ONCE, &[later])[0].contains("extra"));
    }

    #[test]
    fn an_orphan_that_goes_on_beside_its_successor_is_a_fault() {
        let journal = Journal::parse(
            "start 1 1 1 50 100\nstart 1 1 2 51 300\ntick 1 1 1 50 310\nend:0 1 1 2 51 400\n",
        );
        let faults = journal.faults(1, ONCE, &[kill(0x50)]);
        assert!(faults[0].contains("overlap"), "{faults:?}");
    }

    #[test]
    fn a_missing_verdict_and_a_lost_task_are_faults() {
        let journal = Journal::parse(
            "start 1 1 1 50 100\nend:0 1 1 1 50 150\nstart 2 1 1 50 100\n\
             start 4 1 1 50 100\nend 4 1 1 50 110\n",
        );
        let twice = Verdicts {
            attempts: 2,
            ..ONCE
        };
        let signalled = Verdicts {
            exit_code: None,
            ..ONCE
        };
        assert!(journal.faults(1, twice, &[])[0].contains("attempts: 2"));
        assert!(journal.faults(2, ONCE, &[])[0].contains("end: None"));
        assert!(journal.faults(3, ONCE, &[])[0].contains("never ran"));
        assert!(journal.faults(4, ONCE, &[])[0].contains("Signal"));
        assert_eq!(journal.faults(4, signalled, &[]), [""; 0]);
    }

    #[test]
    fn a_run_of_a_task_that_must_not_run_is_a_fault() {
        let journal = Journal::parse("start 1 1 1 50 100\nend:0 1 1 1 50 150\n");
        let never = Verdicts {
            attempts: 0,
            exit_code: None,
        };
        assert!(journal.faults(1, never, &[])[0].contains("must not"));
        assert_eq!(journal.faults(2, never, &[]), [""; 0]);
    }
}
