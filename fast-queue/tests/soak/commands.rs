//! The mix of commands, with the end of each.

use std::path::Path;

use fast_queue::{NewTask, State};

use queue_testing::soak::command;
use queue_testing::soak::journal::Verdicts;

/// End of a task, however often its worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) state: State,
    /// Number of verdicts, without interrupted runs.
    pub(crate) attempts: u32,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

impl Expected {
    /// Verdicts that its runs add up to.
    pub(crate) fn verdicts(self) -> Verdicts {
        Verdicts {
            attempts: self.attempts,
            exit_code: self.exit_code,
        }
    }
}

/// Makes `count` tasks of all kinds in turn, each writing its own lines to the journal.
pub(crate) fn mix(count: usize, journal: &Path) -> Vec<(NewTask, Expected)> {
    let kinds = KINDS.iter().cycle().take(count);
    kinds.map(|kind| kind.task(journal)).collect()
}

/// Kind of command.
struct Kind {
    name: &'static str,
    /// Script between its first and its last line in the journal.
    body: &'static str,
    end: End,
}

/// End of a kind, which determines the budget it needs.
enum End {
    SucceedsAt { attempt: u32 },
    FailsAt { attempt: u32, code: i32 },
    FailsForGood { code: i32 },
    Signalled { signal: i32 },
}

const WELL: End = End::SucceedsAt { attempt: 1 };

const KINDS: [Kind; 10] = [
    Kind {
        name: "plain",
        body: "echo done",
        end: WELL,
    },
    Kind {
        name: r#"quotes ' " \ $(x) `y`"#,
        body: r#"[ "it's \"quoted\"" = 'it'"'"'s "quoted"' ] || leave 1; echo "\$HOME" '$HOME' \\"#,
        end: WELL,
    },
    Kind {
        name: "größe 東京 🦀",
        body: r#"[ 'größe 東京 🦀' = "$QUEUE_TASK_NAME" ] || leave 1"#,
        end: WELL,
    },
    Kind {
        name: "fails twice",
        body: r#"[ "$QUEUE_ATTEMPT" -ge 3 ] || leave 7"#,
        end: End::SucceedsAt { attempt: 3 },
    },
    Kind {
        name: "fails always",
        body: "echo sorry >&2; leave 3",
        end: End::FailsAt {
            attempt: 2,
            code: 3,
        },
    },
    Kind {
        name: "large output",
        body: r"head -c 300000 /dev/zero | tr '\0' x; head -c 200000 /dev/zero | tr '\0' y >&2",
        end: WELL,
    },
    Kind {
        name: "long",
        body: "for i in 1 2 3 4 5 6 7 8; do sleep 0.04; say tick; done",
        end: WELL,
    },
    Kind {
        name: "exit code that is not retried",
        body: "leave 9",
        end: End::FailsForGood { code: 9 },
    },
    Kind {
        name: "ends by a signal",
        body: "say end; kill -TERM $$; sleep 60",
        end: End::Signalled { signal: 15 },
    },
    Kind {
        name: "leaves its process group",
        body: "(for i in 1 2 3 4 5 6; do sleep 0.04; say tick; done) & setsid sleep 0.3; wait",
        end: WELL,
    },
];

impl Kind {
    fn task(&self, journal: &Path) -> (NewTask, Expected) {
        let mut task = command(self.name, self.body, journal);
        let options = &mut task.options;
        let expected = match self.end {
            End::SucceedsAt { attempt } => Expected {
                state: State::Succeeded,
                attempts: attempt,
                exit_code: Some(0),
                signal: None,
            },
            End::FailsAt { attempt, code } => {
                options.max_attempts = attempt;
                failed(attempt, Some(code), None)
            }
            End::FailsForGood { code } => {
                options.fatal_codes = vec![code];
                failed(1, Some(code), None)
            }
            End::Signalled { signal } => {
                options.max_attempts = 1;
                failed(1, None, Some(signal))
            }
        };
        (task, expected)
    }
}

fn failed(attempts: u32, exit_code: Option<i32>, signal: Option<i32>) -> Expected {
    Expected {
        state: State::Failed,
        attempts,
        exit_code,
        signal,
    }
}
