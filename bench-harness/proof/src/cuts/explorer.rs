//! Explores every moment of a recording, and the images that a power cut could leave there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::AddAssign;

use queue_core::Error;
use queue_core::sqlite::Durability;

use super::check::{Ask, Check, Recovery};
use super::{Config, Recording};
use crate::campaign::{self, Violation};
use crate::disk::{Disk, Event, Guess, Image};
use crate::test_machine::{Engine, TestMachine};
use crate::workload::Step;

/// Counts of the work done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Moments: writes, syncs and changes of names.
    pub moments: u64,
    /// Different images, opened and checked.
    pub images: u64,
    /// Different images of a second cut, opened and checked.
    pub second: u64,
    /// Images that were known already.
    pub repeated: u64,
    /// Images whose every invariant was verified.
    pub verified: u64,
    /// Images whose state is not the last acknowledged one: a later write was in progress, or an
    /// unsynced one was rightly lost.
    pub others: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.moments += other.moments;
        self.images += other.images;
        self.second += other.second;
        self.repeated += other.repeated;
        self.verified += other.verified;
        self.others += other.others;
    }
}

impl campaign::Tally for Tally {
    fn count(&self) -> u64 {
        self.images + self.second
    }
}

/// One image in this many has all its invariants verified, which reads everything several times.
const VERIFY_ONE_IN: u64 = 16;

/// Number of violations after which a recording is abandoned.
const ENOUGH: usize = 5;

/// A moment of a recording.
#[derive(Clone, Copy)]
struct Moment<'a> {
    disk: &'a Disk,
    /// Number of acknowledged calls.
    answered: usize,
    number: u64,
}

/// State of an exploration.
pub(super) struct Explorer<'a> {
    recording: &'a Recording,
    config: &'a Config,
    check: Check,
    /// Digest of every opened image, by its fingerprint.
    known: HashMap<u64, u64>,
    known_second: HashSet<u64>,
    /// States between two commits of each call.
    between: Vec<BTreeSet<u64>>,
    tally: Tally,
    violations: Vec<Violation>,
}

impl<'a> Explorer<'a> {
    pub(super) fn new(recording: &'a Recording, config: &'a Config) -> queue_core::Result<Self> {
        let tested =
            TestMachine::new(recording.seed).map_err(|error| Error::io("no folder", error))?;
        Ok(Self {
            check: Check::new(tested, recording.durability),
            recording,
            config,
            known: HashMap::new(),
            known_second: HashSet::new(),
            between: vec![BTreeSet::new(); recording.steps.len() + 1],
            tally: Tally::default(),
            violations: Vec::new(),
        })
    }

    pub(super) fn run(mut self, enough: &dyn Fn(&Tally) -> bool) -> (Tally, Vec<Violation>) {
        let mut disk = Disk::default();
        let mut answered = 0;
        for (moment, event) in self.recording.events.iter().enumerate() {
            disk.replay(event);
            let mut at = Moment {
                disk: &disk,
                answered,
                number: moment as u64,
            };
            if let Event::Mark(calls) = event {
                answered = *calls;
                at.answered = answered;
                self.cut(at, &Guess::Nothing);
                continue;
            }
            self.tally.moments += 1;
            self.cut(at, &Guess::Everything);
            self.cut(at, &Guess::Nothing);
            for guess in 0..self.config.guesses {
                let seed = self.recording.seed ^ at.number << 20 ^ guess << 52;
                self.cut(at, &Guess::random(seed));
            }
            if self.violations.len() >= ENOUGH || enough(&self.tally) {
                break;
            }
        }
        (self.tally, self.violations)
    }

    /// Cuts the power, boots the machine and checks the file.
    fn cut(&mut self, at: Moment<'_>, guess: &Guess) {
        let image = at.disk.after_cut(&mut guess.clone());
        let state = match self.state(at, &image) {
            Ok(state) => state,
            Err(what) => return self.violated(at, guess, &what),
        };
        let step = self.recording.steps.get(at.answered);
        if matches!(guess, Guess::Everything) && step.is_some_and(|step| step.is_several()) {
            self.between[at.answered].insert(state);
        }
        let allowed = self.allowed(at.answered);
        self.tally.others += u64::from(allowed.first() != Some(&state));
        if !allowed.contains(&state) {
            let what = format!("the file holds the rows that {}", self.describe(state));
            self.violated(at, guess, &what);
        }
    }

    /// Digest of an image's rows after opening it.
    fn state(&mut self, at: Moment<'_>, image: &Image) -> Result<u64, String> {
        let fingerprint = image.fingerprint();
        if let Some(state) = self.known.get(&fingerprint) {
            self.tally.repeated += 1;
            return Ok(*state);
        }
        self.tally.images += 1;
        let steps = &self.recording.steps;
        let promotes = steps[..steps.len().min(at.answered + 1)].contains(&Step::Promote);
        let observed = self.tally.images.is_multiple_of(self.config.second_cut);
        // Verification would disturb an observed recovery. The shares differ by one so that neither
        // contains the other.
        let verified = !observed && self.tally.images % VERIFY_ONE_IN == 1;
        self.tally.verified += u64::from(verified);
        let ask = Ask {
            engine: if promotes {
                Engine::Workflow
            } else {
                self.recording.engine
            },
            promotes,
            observed,
            verified,
        };
        let found = self.check.open(image, ask)?;
        // The engine finishes unfinished work at once, so the file is opened again.
        let state = if self.allowed(at.answered).contains(&found.state) {
            found.state
        } else {
            self.check.look(image)?
        };
        self.known.insert(fingerprint, state);
        if let Some(recovery) = found.recovery {
            let is_plain = !promotes && state == found.state;
            self.cut_again(at, image, &recovery, is_plain);
        }
        Ok(state)
    }

    /// States allowed after that many acknowledgements; the last acknowledged one comes first.
    fn allowed(&self, answered: usize) -> Vec<u64> {
        let states = &self.recording.states;
        let early = usize::from(self.recording.early);
        let safe = match self.recording.durability {
            Durability::Full => (answered + early).saturating_sub(1),
            Durability::Fast => 0,
        };
        let last = (answered + 1).min(states.len());
        let mut allowed: Vec<u64> = states[safe.min(last)..last].to_vec();
        if let Some(place) = answered.checked_sub(safe + 1) {
            allowed.swap(0, place);
        }
        for between in &self.between[safe..=answered.min(states.len())] {
            allowed.extend(between);
        }
        // The tables are missing too.
        if safe == 0 {
            allowed.push(0);
        }
        allowed
    }

    fn describe(&self, state: u64) -> String {
        let call = self.recording.states.iter().rposition(|own| *own == state);
        call.map_or_else(
            || "no call ever wrote".to_owned(),
            |call| format!("call {call} ({:?}) wrote", self.recording.steps[call]),
        )
    }

    /// Cuts the power a second time, during the recovery from the first cut. If the recovery finished a
    /// promotion, it is not `plain`, and has states of its own.
    fn cut_again(&mut self, at: Moment<'_>, image: &Image, recovery: &Recovery, is_plain: bool) {
        let mut disk = Disk::holding(image);
        let mut allowed: BTreeSet<u64> = self.allowed(at.answered).into_iter().collect();
        allowed.insert(recovery.opened);
        for (index, event) in recovery.log.iter().enumerate() {
            disk.replay(event);
            let mut guesses = vec![Guess::Nothing];
            match (event, self.recording.durability) {
                // An observed state must stay.
                (Event::Mark(0), _) => allowed = [recovery.opened, recovery.written].into(),
                (Event::Mark(_), Durability::Full) => allowed = [recovery.written].into(),
                (Event::Mark(_), Durability::Fast) => {}
                _ => {
                    guesses.push(Guess::Everything);
                    let seed = at.number << 32 ^ (index as u64) << 8;
                    guesses.extend((0..3).map(|guess| Guess::random(seed ^ guess)));
                }
            }
            for guess in guesses {
                let again = disk.after_cut(&mut guess.clone());
                self.tally.second += u64::from(self.known_second.insert(again.fingerprint()));
                let bad = match self.check.look(&again) {
                    Ok(state) if !is_plain || allowed.contains(&state) => continue,
                    Ok(state) => format!("it holds the rows that {}", self.describe(state)),
                    Err(what) => what,
                };
                let what = format!("after a second cut at event {index}, {guess:?}: {bad}");
                self.violated(at, &Guess::Nothing, &what);
            }
        }
    }

    fn violated(&mut self, at: Moment<'_>, guess: &Guess, what: &str) {
        let step = self.recording.steps.get(at.answered);
        self.violations.push(Violation {
            seed: self.recording.seed,
            what: format!(
                "cut at {}, during call {} ({step:?}) at {:?}, {guess:?}: {what}",
                at.number, at.answered, self.recording.durability
            ),
        });
    }
}
