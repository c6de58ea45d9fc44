//! The decisions of the combining writer: who leads, what goes into a transaction, and what each
//! caller is told after which result. No threads, no connection, no clock: the shell in `writer`
//! performs the actions and hands the results back.

use std::ops::Range;

/// The most operations in one transaction: a failure runs every one of them again.
pub(super) const MAX_BATCH: usize = 256;

/// Who may use the connection. At most one caller leads; the others wait in arrival order.
#[derive(Debug, Default)]
pub(super) struct Turns {
    leading: bool,
    waiting: usize,
}

/// What a caller that just arrived does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Use the connection.
    Lead,
    /// Wait to be told the outcome, or to lead.
    Follow,
}

/// What a leader does when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody waits: the connection is free.
    Free,
    /// The longest waiting leads now.
    HandOver,
}

impl Turns {
    /// A caller arrives with an operation.
    pub(super) fn arrive(&mut self) -> Role {
        if self.leading {
            self.waiting += 1;
            Role::Follow
        } else {
            self.leading = true;
            Role::Lead
        }
    }

    /// The leader takes as many of those waiting as fit beside its own operation.
    pub(super) fn take(&mut self) -> usize {
        let taken = self.waiting.min(MAX_BATCH - 1);
        self.waiting -= taken;
        taken
    }

    /// Whether nobody waits: the leader's operation may be a transaction of its own.
    pub(super) fn nobody_waits(&self) -> bool {
        self.waiting == 0
    }

    /// The leader is done. `HandOver` passes the lead on: if the one it goes to has given up
    /// meanwhile, this is called again in its place.
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

/// Why the connection refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Held by another process for longer than the busy timeout.
    Busy,
    /// No space was left before the commit was written.
    Full,
    /// Anything else this transaction does not survive.
    Error,
    /// Nothing written from now on can be trusted.
    Fatal,
}

/// What the shell performed, and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// BEGIN IMMEDIATE.
    Began(Result<(), Refusal>),
    /// So many more operations joined the leader's.
    Joined(usize),
    /// An operation succeeded, or it failed in a way of its own.
    Ran(Result<(), Refusal>),
    /// COMMIT.
    Committed(Result<(), Refusal>),
    /// The leader's operation as a transaction of its own. Without a refusal it failed in a way of
    /// its own.
    RanAlone(Result<(), Option<Refusal>>),
    /// ROLLBACK, or there was nothing to roll back any more.
    RolledBack(Result<(), Refusal>),
    /// The callers know.
    Told,
}

/// What the shell has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Run the leader's operation, one statement, without BEGIN and COMMIT.
    RunAlone,
    /// BEGIN IMMEDIATE.
    Begin,
    /// Collect who waits: the later, the larger the batch.
    Gather,
    /// Run that operation.
    Run(usize),
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    RollBack,
    /// Tell the callers of these operations.
    Tell(Range<usize>, Verdict),
    /// The turn is over.
    End,
}

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its operation is in the file.
    Committed,
    /// Its operation failed by itself; nothing of it is in the file.
    Failed,
    /// Its transaction could not begin, or certainly not commit: nothing of it is in the file.
    Refused(Refusal),
    /// COMMIT failed: it may or may not be in the file.
    Unknown,
    /// The database is not to be trusted any more; nothing of it is in the file as far as this
    /// process can tell.
    Poisoned,
}

/// One leader's turn: a shared transaction, and should that fail, one for each operation.
#[derive(Debug)]
pub(super) struct Turn {
    phase: Phase,
    gathered: bool,
    total: usize,
    /// The operations of the transaction at hand; those before are told, those behind wait.
    current: Range<usize>,
}

#[derive(Debug)]
enum Phase {
    Alone,
    Opening,
    Gathering,
    Running(usize),
    Committing,
    /// Then tell these so, or, without a verdict, run each of the current ones alone.
    RollingBack(Option<Verdict>),
    Telling {
        to: usize,
    },
    Ended,
}

impl Turn {
    /// A turn of a leader with one operation of its own, and what to do first.
    pub(super) fn start() -> (Self, Action) {
        let turn = Self {
            phase: Phase::Opening,
            gathered: false,
            total: 1,
            current: 0..1,
        };
        (turn, Action::Begin)
    }

    /// As [`start`](Self::start) for an operation that is one statement and met nobody. `SQLite`
    /// then begins and commits around the statement, with the same locks as BEGIN IMMEDIATE.
    pub(super) fn alone() -> (Self, Action) {
        let (turn, _) = Self::start();
        let turn = Self {
            phase: Phase::Alone,
            ..turn
        };
        (turn, Action::RunAlone)
    }

    /// Takes a result and says what follows.
    pub(super) fn step(&mut self, event: Event) -> Action {
        match (&self.phase, event) {
            (Phase::Alone, Event::RanAlone(Ok(()))) => self.tell(self.total, Verdict::Committed),
            (Phase::Alone, Event::RanAlone(Err(refusal))) => {
                self.tell(self.total, refusal.map_or(Verdict::Failed, uncommitted))
            }
            (Phase::Opening, Event::Began(Ok(()))) if self.gathered => self.run(self.current.start),
            (Phase::Opening, Event::Began(Ok(()))) => {
                self.gathered = true;
                self.phase = Phase::Gathering;
                Action::Gather
            }
            (Phase::Opening, Event::Began(Err(Refusal::Fatal)))
            | (Phase::RollingBack(Some(Verdict::Poisoned)), Event::RolledBack(_))
            | (Phase::RollingBack(None), Event::RolledBack(Err(_))) => {
                self.tell(self.total, Verdict::Poisoned)
            }
            (Phase::Opening, Event::Began(Err(refusal))) => {
                self.tell(self.total, Verdict::Refused(refusal))
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
                self.roll_back(Some(Verdict::Poisoned))
            }
            (Phase::Running(_), Event::Ran(Err(_))) => {
                let alone = self.current.len() == 1;
                self.roll_back(alone.then_some(Verdict::Failed))
            }
            (Phase::Committing, Event::Committed(Ok(()))) => {
                self.tell(self.current.end, Verdict::Committed)
            }
            (Phase::Committing, Event::Committed(Err(refusal))) => {
                self.roll_back(Some(uncommitted(refusal)))
            }
            (&Phase::RollingBack(Some(verdict)), Event::RolledBack(_)) => {
                self.tell(self.current.end, verdict)
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

    fn roll_back(&mut self, verdict: Option<Verdict>) -> Action {
        self.phase = Phase::RollingBack(verdict);
        Action::RollBack
    }

    fn tell(&mut self, to: usize, verdict: Verdict) -> Action {
        self.phase = Phase::Telling { to };
        Action::Tell(self.current.start..to, verdict)
    }
}

/// What a caller is told whose commit was refused.
fn uncommitted(refusal: Refusal) -> Verdict {
    match refusal {
        Refusal::Busy | Refusal::Full => Verdict::Refused(refusal),
        Refusal::Error | Refusal::Fatal => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_caller_begins_runs_commits_and_is_told() {
        let (mut turn, first) = Turn::start();
        assert_eq!(first, Action::Begin);
        assert_eq!(turn.step(Event::Began(Ok(()))), Action::Gather);
        assert_eq!(turn.step(Event::Joined(0)), Action::Run(0));
        assert_eq!(turn.step(Event::Ran(Ok(()))), Action::Commit);
        assert_eq!(
            turn.step(Event::Committed(Ok(()))),
            Action::Tell(0..1, Verdict::Committed)
        );
        assert_eq!(turn.step(Event::Told), Action::End);
    }

    #[test]
    fn a_lone_statement_needs_neither_begin_nor_commit() {
        let told = |ran| {
            let (mut turn, first) = Turn::alone();
            assert_eq!(first, Action::RunAlone);
            let told = turn.step(Event::RanAlone(ran));
            assert_eq!(turn.step(Event::Told), Action::End);
            told
        };
        assert_eq!(told(Ok(())), Action::Tell(0..1, Verdict::Committed));
        assert_eq!(told(Err(None)), Action::Tell(0..1, Verdict::Failed));
        let verdicts = [
            (Refusal::Busy, Verdict::Refused(Refusal::Busy)),
            (Refusal::Full, Verdict::Refused(Refusal::Full)),
            (Refusal::Error, Verdict::Unknown),
            (Refusal::Fatal, Verdict::Unknown),
        ];
        for (refusal, verdict) in verdicts {
            assert_eq!(told(Err(Some(refusal))), Action::Tell(0..1, verdict));
        }
    }

    #[test]
    fn who_cannot_begin_takes_nobody_else_down() {
        let (mut turn, _) = Turn::start();
        assert_eq!(
            turn.step(Event::Began(Err(Refusal::Busy))),
            Action::Tell(0..1, Verdict::Refused(Refusal::Busy))
        );
        assert_eq!(turn.step(Event::Told), Action::End);
    }

    #[test]
    fn the_lead_goes_round_until_nobody_waits() {
        let mut turns = Turns::default();
        assert_eq!(turns.arrive(), Role::Lead);
        assert_eq!(turns.arrive(), Role::Follow);
        assert_eq!(turns.arrive(), Role::Follow);
        assert_eq!(turns.take(), 2);
        assert_eq!(turns.arrive(), Role::Follow);
        assert_eq!(turns.leave(), Next::HandOver);
        assert_eq!(turns.arrive(), Role::Follow, "the successor leads");
        assert_eq!(turns.take(), 1);
        assert_eq!(turns.leave(), Next::Free);
        assert_eq!(turns.arrive(), Role::Lead);
    }

    /// A file and callers without threads: every operation adds its number.
    struct Model {
        rng: fastrand::Rng,
        /// Of 100 events, how many fail.
        failures: u8,
        /// Fails whenever it runs.
        faulty: Vec<bool>,
        file: Vec<usize>,
        open: Option<Vec<usize>>,
        /// Whether a commit that was not confirmed happened all the same.
        ghosts: Vec<usize>,
        poisoned: bool,
        told: Vec<Option<Verdict>>,
    }

    impl Model {
        fn refusal(&mut self) -> Option<Refusal> {
            if self.rng.u8(..100) >= self.failures {
                return None;
            }
            self.rng
                .choice([Refusal::Busy, Refusal::Full, Refusal::Error, Refusal::Fatal])
        }

        fn perform(&mut self, action: &Action, more: usize) -> Event {
            match action {
                Action::Begin => {
                    assert!(self.open.is_none(), "one transaction at a time");
                    let refusal = if self.poisoned {
                        Some(Refusal::Fatal)
                    } else {
                        self.refusal()
                    };
                    if refusal.is_none() {
                        self.open = Some(Vec::new());
                    }
                    Event::Began(refusal.map_or(Ok(()), Err))
                }
                Action::Gather => Event::Joined(more),
                Action::Run(index) => {
                    assert_eq!(self.told[*index], None, "nobody told runs again");
                    let open = self.open.as_mut().expect("a transaction is open");
                    open.push(*index);
                    Event::Ran(if self.faulty[*index] {
                        Err(Refusal::Error)
                    } else {
                        Ok(())
                    })
                }
                Action::Commit => self.commit(),
                Action::RollBack => {
                    self.open = None;
                    Event::RolledBack(Ok(()))
                }
                Action::Tell(range, verdict) => {
                    assert!(!range.is_empty());
                    for index in range.clone() {
                        assert_eq!(self.told[index], None, "told once");
                        self.told[index] = Some(*verdict);
                    }
                    Event::Told
                }
                Action::RunAlone => self.run_alone(),
                Action::End => unreachable!("nothing is done after the end"),
            }
        }

        fn run_alone(&mut self) -> Event {
            if self.faulty[0] {
                return Event::RanAlone(Err(None));
            }
            self.open = Some(vec![0]);
            let Event::Committed(result) = self.commit() else {
                unreachable!("a commit is answered as one");
            };
            // SQLite undoes a statement whose commit failed.
            self.open = None;
            Event::RanAlone(result.map_err(Some))
        }

        fn commit(&mut self) -> Event {
            let Some(refusal) = self.refusal() else {
                let done = self.open.take().expect("a transaction is open");
                self.file.extend(done);
                return Event::Committed(Ok(()));
            };
            self.poisoned |= refusal == Refusal::Fatal;
            if matches!(refusal, Refusal::Error | Refusal::Fatal) && self.rng.bool() {
                self.ghosts.extend(self.open.iter().flatten());
            }
            Event::Committed(Err(refusal))
        }
    }

    proptest! {
        #[test]
        fn every_caller_is_told_once_and_the_truth(
            seed: u64,
            failures in 0_u8..60,
            more in 0_usize..20,
            broken in 0_u8..30,
            lone: bool,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let faulty: Vec<bool> = (0..=more).map(|_| rng.u8(..100) < broken).collect();
            let mut model = Model {
                rng,
                failures,
                faulty,
                file: Vec::new(),
                open: None,
                ghosts: Vec::new(),
                poisoned: false,
                told: vec![None; more + 1],
            };
            let (mut turn, mut action) = if lone { Turn::alone() } else { Turn::start() };
            let mut gathered = 1;
            let mut steps = 0;
            while action != Action::End {
                if action == Action::Gather {
                    gathered += more;
                }
                let event = model.perform(&action, more);
                action = turn.step(event);
                steps += 1;
                prop_assert!(steps < 12 * (more + 2), "the turn ends");
            }
            prop_assert!(model.open.is_none(), "no transaction is left open");
            for index in 0..gathered {
                let times = model.file.iter().filter(|&&done| done == index).count();
                let ghost = model.ghosts.contains(&index);
                match model.told[index] {
                    Some(Verdict::Committed) => prop_assert!(times == 1 && !ghost),
                    Some(Verdict::Failed) => {
                        prop_assert!(times == 0 && !ghost && model.faulty[index]);
                    }
                    Some(Verdict::Refused(_) | Verdict::Poisoned) => {
                        prop_assert!(times == 0 && !ghost);
                    }
                    Some(Verdict::Unknown) => prop_assert!(times == 0),
                    None => prop_assert!(false, "{index} was not told"),
                }
            }
            // Who was not gathered still waits, untouched.
            prop_assert!(model.told[gathered..].iter().all(Option::is_none));
        }

        #[test]
        fn no_operation_is_stranded_and_one_leads_at_a_time(seed: u64, callers in 1_usize..60) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut turns = Turns::default();
            let (mut queued, mut served, mut leaders, mut arrived) = (0, 0, 0, 0);
            while arrived < callers || leaders > 0 {
                if arrived < callers && (leaders == 0 || rng.bool()) {
                    arrived += 1;
                    match turns.arrive() {
                        Role::Lead => leaders += 1,
                        Role::Follow => queued += 1,
                    }
                } else if rng.bool() {
                    let taken = turns.take();
                    queued -= taken;
                    served += taken;
                } else {
                    served += 1;
                    leaders -= 1;
                    if turns.leave() == Next::HandOver {
                        queued -= 1;
                        leaders += 1;
                    }
                }
                prop_assert!(leaders <= 1);
                prop_assert!(queued == 0 || leaders == 1, "somebody leads while others wait");
            }
            prop_assert_eq!((queued, served), (0, callers));
        }
    }
}
