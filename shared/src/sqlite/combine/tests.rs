//! The machine alone, and against a model that fails at every step.

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
        Action::Tell(0..1, Answer::Committed)
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
    assert_eq!(told(Ok(())), Action::Tell(0..1, Answer::Committed));
    assert_eq!(told(Err(None)), Action::Tell(0..1, Answer::Failed));
    let answers = [
        (Refusal::Busy, Answer::Refused(Refusal::Busy)),
        (Refusal::Full, Answer::Refused(Refusal::Full)),
        (Refusal::Error, Answer::Unknown),
        (Refusal::Fatal, Answer::Unknown),
    ];
    for (refusal, answer) in answers {
        assert_eq!(told(Err(Some(refusal))), Action::Tell(0..1, answer));
    }
}

#[test]
fn a_leader_that_cannot_begin_takes_no_other_down() {
    let (mut turn, _) = Turn::start();
    assert_eq!(
        turn.step(Event::Began(Err(Refusal::Busy))),
        Action::Tell(0..1, Answer::Refused(Refusal::Busy))
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

#[test]
fn a_batch_holds_the_leader_and_as_many_others_as_fit() {
    let mut turns = Turns::default();
    turns.arrive();
    assert!(turns.nobody_waits());
    for _ in 0..=MAX_BATCH {
        turns.arrive();
        assert!(!turns.nobody_waits());
    }
    assert_eq!(turns.take(), MAX_BATCH - 1);
    assert!(!turns.nobody_waits());
    assert_eq!(turns.take(), 2);
    assert!(turns.nobody_waits());
}

/// Model of a file and callers without threads: every operation adds its number.
struct Model {
    rng: fastrand::Rng,
    /// Percentage of events that fail.
    failures: u8,
    /// True for an operation that fails whenever it runs.
    faulty: Vec<bool>,
    file: Vec<usize>,
    open: Option<Vec<usize>>,
    /// Unconfirmed commits that happened all the same.
    ghosts: Vec<usize>,
    poisoned: bool,
    told: Vec<Option<Answer>>,
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
            Action::Tell(range, answer) => {
                assert!(!range.is_empty());
                for index in range.clone() {
                    assert_eq!(self.told[index], None, "told once");
                    self.told[index] = Some(*answer);
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
                Some(Answer::Committed) => prop_assert!(times == 1 && !ghost),
                Some(Answer::Failed) => {
                    prop_assert!(times == 0 && !ghost && model.faulty[index]);
                }
                Some(Answer::Refused(_) | Answer::Poisoned) => {
                    prop_assert!(times == 0 && !ghost);
                }
                Some(Answer::Unknown) => prop_assert!(times == 0),
                None => prop_assert!(false, "{index} was not told"),
            }
        }
        // Callers that were not gathered still wait, untouched.
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
