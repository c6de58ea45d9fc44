//! Decisions of the combining writer: which caller leads, which operations go into a transaction,
//! and what each caller is told after which result. No threads, no connection, no clock: `writer`
//! performs the actions and returns the results.

use std::ops::Range;

use super::lines::Newer;

/// Most operations in one transaction: a failure runs every one of them again.
pub(super) const MAX_BATCH: usize = 256;

/// Turns on the connection. At most one caller leads; the others wait in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Turns {
    leading: bool,
    waiting: usize,
}

/// Role of a caller that has just arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Use the connection.
    Lead,
    /// Wait for the outcome, or for the lead.
    Follow,
}

/// Next step of a leader that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The connection is free, and no caller waits.
    Free,
    /// The caller that has waited longest leads now.
    HandOver,
}

impl Turns {
    /// Takes in a caller with an operation.
    pub(super) fn arrive(&mut self) -> Role {
        if self.leading {
            self.waiting += 1;
            Role::Follow
        } else {
            self.leading = true;
            Role::Lead
        }
    }

    /// Takes as many waiting callers as fit beside the leader's own operation.
    pub(super) fn take(&mut self) -> usize {
        let taken = self.waiting.min(MAX_BATCH - 1);
        self.waiting -= taken;
        taken
    }

    /// True if no caller waits: the leader's operation may be a transaction of its own.
    pub(super) fn nobody_waits(&self) -> bool {
        self.waiting == 0
    }

    /// Ends the lead. `HandOver` passes it on. If the next leader has given up meanwhile, this is
    /// called again in its place.
    pub(super) fn leave(&mut self) -> Next {
        if self.waiting == 0 {
            self.leading = false;
            Next::Free
        } else {
            self.waiting -= 1;
            Next::HandOver
        }
    }
}

/// Reason for the connection to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another process held it for longer than the busy timeout.
    Busy,
    /// The disk was full before the commit was written.
    Full,
    /// The file was migrated by a newer program.
    Newer(Newer),
    /// Any other error that ends this transaction.
    Error,
    /// No later write can be trusted.
    Fatal,
}

/// Action that was performed, with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// BEGIN IMMEDIATE.
    Began(Result<(), Refusal>),
    /// So many more operations joined the leader's.
    Joined(usize),
    /// An operation succeeded, or failed with an error of its own.
    Ran(Result<(), Refusal>),
    /// COMMIT.
    Committed(Result<(), Refusal>),
    /// The leader's operation as a transaction of its own. Without a refusal it failed with an
    /// error of its own.
    RanAlone(Result<(), Option<Refusal>>),
    /// ROLLBACK, or the transaction had ended already.
    RolledBack(Result<(), Refusal>),
    /// The callers have their answers.
    Told,
}

/// Next action to perform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Run the leader's operation, one statement, without BEGIN and COMMIT.
    RunAlone,
    /// BEGIN IMMEDIATE.
    Begin,
    /// Collect the waiting callers: the later, the larger the batch.
    Gather,
    /// Run that operation.
    Run(usize),
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    RollBack,
    /// Send the answer to the callers of these operations.
    Tell(Range<usize>, Answer),
    /// End the turn.
    End,
}

/// Answer for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its operation is in the file.
    Committed,
    /// Its operation failed with an error of its own; nothing of it is in the file.
    Failed,
    /// Its transaction could not begin, or certainly did not commit: nothing of it is in the file.
    Refused(Refusal),
    /// COMMIT failed: it may or may not be in the file.
    Unknown,
    /// The database cannot be trusted any more. Nothing of the operation is in the file, as far as
    /// this process can tell.
    Poisoned,
}

/// Turn of one leader: a shared transaction, or, if that fails, one for each operation.
#[derive(Debug)]
pub(super) struct Turn {
    phase: Phase,
    gathered: bool,
    total: usize,
    /// Operations of the current transaction. Those before it have their answers, those after it
    /// wait.
    current: Range<usize>,
}

#[derive(Debug)]
enum Phase {
    Alone,
    Opening,
    Gathering,
    Running(usize),
    Committing,
    /// Then send these the answer or, without one, run each of the current operations alone.
    RollingBack(Option<Answer>),
    Telling {
        to: usize,
    },
    Ended,
}

impl Turn {
    /// Begins the turn of a leader with one operation, and returns its first action.
    pub(super) fn start() -> (Self, Action) {
        let turn = Self {
            phase: Phase::Opening,
            gathered: false,
            total: 1,
            current: 0..1,
        };
        (turn, Action::Begin)
    }

    /// As [`start`](Self::start), for an operation that is one statement, while no caller waits.
    /// `SQLite` then begins and commits around the statement, with the same locks as BEGIN
    /// IMMEDIATE.
    pub(super) fn alone() -> (Self, Action) {
        let (turn, _) = Self::start();
        let turn = Self {
            phase: Phase::Alone,
            ..turn
        };
        (turn, Action::RunAlone)
    }

    /// Takes a result and returns the next action.
    pub(super) fn step(&mut self, event: Event) -> Action {
        match (&self.phase, event) {
            (Phase::Alone, Event::RanAlone(Ok(()))) => self.tell(self.total, Answer::Committed),
            (Phase::Alone, Event::RanAlone(Err(refusal))) => {
                self.tell(self.total, refusal.map_or(Answer::Failed, uncommitted))
            }
            (Phase::Opening, Event::Began(Ok(()))) if self.gathered => self.run(self.current.start),
            (Phase::Opening, Event::Began(Ok(()))) => {
                self.gathered = true;
                self.phase = Phase::Gathering;
                Action::Gather
            }
            (Phase::Opening, Event::Began(Err(Refusal::Fatal)))
            | (Phase::RollingBack(Some(Answer::Poisoned)), Event::RolledBack(_))
            | (Phase::RollingBack(None), Event::RolledBack(Err(_))) => {
                self.tell(self.total, Answer::Poisoned)
            }
            (Phase::Opening, Event::Began(Err(refusal))) => {
                self.tell(self.total, Answer::Refused(refusal))
            }
            (Phase::Gathering, Event::Joined(more)) => {
                self.total += more;
                self.current.end = self.total;
                self.run(self.current.start)
            }
            (&Phase::Running(index), Event::Ran(Ok(()))) if index + 1 < self.current.end => {
                self.run(index + 1)
            }
            (Phase::Running(_), Event::Ran(Ok(()))) => {
                self.phase = Phase::Committing;
                Action::Commit
            }
            (Phase::Running(_), Event::Ran(Err(Refusal::Fatal))) => {
                self.roll_back(Some(Answer::Poisoned))
            }
            (Phase::Running(_), Event::Ran(Err(_))) => {
                let alone = self.current.len() == 1;
                self.roll_back(alone.then_some(Answer::Failed))
            }
            (Phase::Committing, Event::Committed(Ok(()))) => {
                self.tell(self.current.end, Answer::Committed)
            }
            (Phase::Committing, Event::Committed(Err(refusal))) => {
                self.roll_back(Some(uncommitted(refusal)))
            }
            (&Phase::RollingBack(Some(answer)), Event::RolledBack(_)) => {
                self.tell(self.current.end, answer)
            }
            (Phase::RollingBack(None), Event::RolledBack(Ok(()))) => {
                self.current.end = self.current.start + 1;
                self.begin()
            }
            (&Phase::Telling { to }, Event::Told) if to == self.total => {
                self.phase = Phase::Ended;
                Action::End
            }
            (&Phase::Telling { to }, Event::Told) => {
                self.current = to..to + 1;
                self.begin()
            }
            (phase, event) => unreachable!("{event:?} while {phase:?}"),
        }
    }

    fn begin(&mut self) -> Action {
        self.phase = Phase::Opening;
        Action::Begin
    }

    fn run(&mut self, index: usize) -> Action {
        self.phase = Phase::Running(index);
        Action::Run(index)
    }

    fn roll_back(&mut self, answer: Option<Answer>) -> Action {
        self.phase = Phase::RollingBack(answer);
        Action::RollBack
    }

    fn tell(&mut self, to: usize, answer: Answer) -> Action {
        self.phase = Phase::Telling { to };
        Action::Tell(self.current.start..to, answer)
    }
}

/// Answer for a caller whose commit was refused.
fn uncommitted(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Busy | Refusal::Full | Refusal::Newer(_) => Answer::Refused(refusal),
        Refusal::Error | Refusal::Fatal => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests;
