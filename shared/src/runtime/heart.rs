//! The heart of a worker under leases, as a pure machine: it knows which claims are held, says
//! when to extend their leases, and which of them are lost. It is told of claims by the worker,
//! and beats whatever the worker is busy with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::{Claim, Held};
use crate::clock::BootTime;
use crate::error::Result;
use crate::remedy::Remedy;

/// The first pause after a refused beat; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Far below the time for which others wait before they return a claim.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What keeps a worker's claims.
#[derive(Debug)]
pub(crate) struct Heart {
    lease: Duration,
    /// The earliest end of each lease that is possible by what is known here.
    held: BTreeMap<Claim, BootTime>,
    /// The beat that is not answered yet.
    beat: Option<Beat>,
    answer: Option<Result<Vec<Held>>>,
    /// The claims that are asked after, and what was said of them.
    asked: Vec<Claim>,
    heard: Option<Result<Vec<Held>>>,
    beat_at: BootTime,
    /// The pause after the last refusal; zero if the last beat was answered.
    pause: Duration,
}

#[derive(Debug)]
struct Beat {
    claims: Vec<Claim>,
    began: BootTime,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum HeartEvent<'a> {
    /// The worker holds these, under leases that began no earlier than `since`.
    Claimed {
        /// The claims.
        claims: &'a [Claim],
        /// A moment before they were claimed.
        since: BootTime,
    },
    /// These need no lease any more: they are settled, or given up.
    LetGo(&'a [Claim]),
    /// The answer to [`HeartAction::Beat`], in its order.
    Beaten(Result<Vec<Held>>),
    /// The answer to [`HeartAction::Ask`], in its order.
    Heard(Result<Vec<Held>>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeartAction {
    /// Extend the leases of these claims.
    Beat(Vec<Claim>),
    /// Read how these claims stand, which needs no write.
    Ask(Vec<Claim>),
    /// Tell the worker.
    Tell(News),
}

/// What the worker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A claim is lost, or somebody wants its execution ended.
    Stands(Claim, Held),
    /// The leases could not be extended; that is tried again.
    Refused {
        /// What the database said.
        message: String,
        /// The commands that help.
        remedy: Option<Remedy>,
    },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeartStep {
    /// To be performed in this order.
    pub actions: Vec<HeartAction>,
    /// When to step again.
    pub wake_at: BootTime,
}

impl Heart {
    /// The heart of a worker that holds nothing yet.
    pub(crate) fn new(lease: Duration, now: BootTime) -> Self {
        Self {
            lease,
            held: BTreeMap::new(),
            beat: None,
            answer: None,
            asked: Vec::new(),
            heard: None,
            beat_at: now.after(lease / 3),
            pause: Duration::ZERO,
        }
    }

    /// Takes in what happened and says what to do.
    pub(crate) fn step<'a>(
        &mut self,
        now: BootTime,
        events: impl IntoIterator<Item = HeartEvent<'a>>,
    ) -> HeartStep {
        for event in events {
            self.take_in(event);
        }
        let mut actions = Vec::new();
        if let Some(answer) = self.answer.take() {
            self.beaten(now, answer, &mut actions);
        }
        if let Some(heard) = self.heard.take() {
            self.heard(heard, &mut actions);
        }
        if self.beat.is_none() && self.beat_at <= now {
            self.begin(now, &mut actions);
        }
        HeartStep {
            actions,
            wake_at: self.beat_at,
        }
    }

    /// Takes in what happened; the next step says what to do about it.
    pub(crate) fn take_in(&mut self, event: HeartEvent<'_>) {
        match event {
            HeartEvent::Claimed { claims, since } => {
                let until = since.after(self.lease);
                self.held.extend(claims.iter().map(|claim| (*claim, until)));
            }
            HeartEvent::LetGo(claims) => {
                for claim in claims {
                    self.held.remove(claim);
                }
            }
            HeartEvent::Beaten(answer) => self.answer = Some(answer),
            HeartEvent::Heard(heard) => self.heard = Some(heard),
        }
    }

    /// When the lease of a claim runs out at the earliest; `None` if it is not held.
    pub(crate) fn held_until(&self, claim: Claim) -> Option<BootTime> {
        self.held.get(&claim).copied()
    }

    fn begin(&mut self, now: BootTime, actions: &mut Vec<HeartAction>) {
        self.beat_at = now.after(self.lease / 3);
        if self.held.is_empty() {
            return;
        }
        let claims: Vec<Claim> = self.held.keys().copied().collect();
        actions.push(HeartAction::Beat(claims.clone()));
        self.beat = Some(Beat { claims, began: now });
    }

    fn beaten(&mut self, now: BootTime, answer: Result<Vec<Held>>, actions: &mut Vec<HeartAction>) {
        let Some(Beat { claims, began }) = self.beat.take() else {
            return;
        };
        let held = match answer {
            Ok(held) => held,
            Err(error) => {
                if self.pause.is_zero() {
                    actions.push(HeartAction::Tell(News::Refused {
                        message: error.fact(),
                        remedy: error.remedy(),
                    }));
                }
                return self.refused(now, error.may_pass(), actions);
            }
        };
        self.pause = Duration::ZERO;
        self.beat_at = began.after(self.lease / 3);
        for (claim, held) in claims.into_iter().zip(held) {
            // One that was let go meanwhile is nobody's business any more.
            let Some(until) = self.held.get_mut(&claim) else {
                continue;
            };
            if held == Held::Lost {
                self.held.remove(&claim);
            } else {
                *until = began.after(self.lease);
            }
            if held != Held::Held {
                actions.push(HeartAction::Tell(News::Stands(claim, held)));
            }
        }
    }

    /// A beat that was refused is repeated. A lease that ran out by then may be another worker's, and
    /// the file is asked, since reading goes on where writing does not. Where writing is refused to
    /// everybody nobody takes a claim, however long that lasts. Where this process cannot write any
    /// more, a claim counts as lost at the end of its lease.
    fn refused(&mut self, now: BootTime, may_pass: bool, actions: &mut Vec<HeartAction>) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.beat_at = now.after(self.pause.min(self.lease / 10));
        let is_over = |until: &BootTime| *until <= now;
        if may_pass {
            let over = self.held.iter().filter(|(_, until)| is_over(until));
            self.asked = over.map(|(claim, _)| *claim).collect();
            if !self.asked.is_empty() {
                actions.push(HeartAction::Ask(self.asked.clone()));
            }
            return;
        }
        self.held.retain(|claim, until| {
            let over = is_over(until);
            if over {
                actions.push(HeartAction::Tell(News::Stands(*claim, Held::Lost)));
            }
            !over
        });
        let last = self.held.values().min().copied();
        self.beat_at = last.map_or(self.beat_at, |last| self.beat_at.min(last));
    }

    /// What cannot be read either stands as it did.
    fn heard(&mut self, heard: Result<Vec<Held>>, actions: &mut Vec<HeartAction>) {
        let asked = std::mem::take(&mut self.asked);
        for (claim, held) in asked.into_iter().zip(heard.unwrap_or_default()) {
            if held == Held::Lost && self.held.remove(&claim).is_some() {
                actions.push(HeartAction::Tell(News::Stands(claim, Held::Lost)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Heart, HeartAction, HeartEvent, HeartStep, News};
    use crate::claim::{Claim, Held, WorkerId};
    use crate::clock::BootTime;
    use crate::error::{Error, Result};
    use crate::task::TaskId;

    const LEASE: Duration = Duration::from_secs(30);

    fn claim(task: i64) -> Claim {
        Claim {
            task: TaskId(task),
            token: 1,
            worker: WorkerId(9),
        }
    }

    fn at(millis: i64) -> BootTime {
        BootTime(millis)
    }

    /// A heart that holds these claims since 0.
    fn holding(tasks: &[i64]) -> Heart {
        let mut heart = Heart::new(LEASE, at(0));
        let claims: Vec<_> = tasks.iter().copied().map(claim).collect();
        let claimed = HeartEvent::Claimed {
            claims: &claims,
            since: at(0),
        };
        let step = heart.step(at(0), [claimed]);
        assert_eq!(step, quiet(10_000));
        heart
    }

    fn quiet(wake_at: i64) -> HeartStep {
        HeartStep {
            actions: Vec::new(),
            wake_at: at(wake_at),
        }
    }

    fn beat(tasks: &[i64]) -> Vec<HeartAction> {
        vec![HeartAction::Beat(
            tasks.iter().copied().map(claim).collect(),
        )]
    }

    fn told(task: i64, held: Held) -> HeartAction {
        HeartAction::Tell(News::Stands(claim(task), held))
    }

    fn busy() -> Result<Vec<Held>> {
        Err(Error::Busy {
            what: "somebody writes".to_owned(),
        })
    }

    #[test]
    fn every_third_of_a_lease_all_claims_are_extended_at_once() {
        let mut heart = holding(&[1, 2]);
        assert_eq!(heart.step(at(9_999), []), quiet(10_000));
        assert_eq!(heart.step(at(10_000), []).actions, beat(&[1, 2]));
        let answer = HeartEvent::Beaten(Ok(vec![Held::Held; 2]));
        assert_eq!(heart.step(at(12_000), [answer]), quiet(20_000));
        assert_eq!(heart.held_until(claim(1)), Some(at(40_000)));
    }

    #[test]
    fn a_heart_that_holds_nothing_writes_nothing() {
        let mut heart = holding(&[1]);
        let settled = [claim(1)];
        assert_eq!(
            heart.step(at(5_000), [HeartEvent::LetGo(&settled)]),
            quiet(10_000)
        );
        assert_eq!(heart.step(at(10_000), []), quiet(20_000));
    }

    #[test]
    fn the_worker_is_told_what_was_lost_and_what_is_to_end() {
        let mut heart = holding(&[1, 2, 3]);
        heart.step(at(10_000), []);
        let answer = Ok(vec![Held::Lost, Held::CancelRequested, Held::Held]);
        let step = heart.step(at(10_000), [HeartEvent::Beaten(answer)]);
        let news = [told(1, Held::Lost), told(2, Held::CancelRequested)];
        assert_eq!(step.actions, news);
        assert_eq!(heart.step(at(20_000), []).actions, beat(&[2, 3]));
    }

    #[test]
    fn of_what_was_settled_during_a_beat_nothing_is_told() {
        let mut heart = holding(&[1]);
        heart.step(at(10_000), []);
        heart.step(at(10_001), [HeartEvent::LetGo(&[claim(1)])]);
        let answer = HeartEvent::Beaten(Ok(vec![Held::Lost]));
        assert_eq!(heart.step(at(10_002), [answer]), quiet(20_000));
    }

    /// A worker that could not write for as long as its lease ended what it ran and gave it up, though
    /// nobody else could write either. Now it asks whether another has the claim, and only then ends it.
    #[test]
    fn a_claim_whose_beats_are_refused_is_kept_until_another_has_it() {
        let mut heart = holding(&[1, 2]);
        let mut now = at(10_000);
        let mut asked = 0;
        while now < at(600_000) {
            let beats = heart.step(now, []).actions;
            assert_eq!(beats, beat(&[1, 2]));
            let step = heart.step(now, [HeartEvent::Beaten(busy())]);
            let asks = step
                .actions
                .contains(&HeartAction::Ask(vec![claim(1), claim(2)]));
            assert_eq!(asks, now >= at(30_000), "at {now:?}");
            if asks {
                asked += 1;
                let unread = [Err(Error::invalid("unreadable")), Ok(vec![Held::Held; 2])];
                for answer in unread {
                    let told = heart.step(now, [HeartEvent::Heard(answer)]).actions;
                    assert_eq!(told, []);
                }
            }
            assert!(now < step.wake_at && step.wake_at <= now.after(Duration::from_millis(100)));
            now = step.wake_at;
        }
        assert!(asked > 1_000);
        heart.step(now, []);
        heart.step(now, [HeartEvent::Beaten(busy())]);
        let answer = Ok(vec![Held::Held, Held::Lost]);
        let step = heart.step(now, [HeartEvent::Heard(answer)]);
        assert_eq!(step.actions, [told(2, Held::Lost)]);
        assert_eq!(heart.held_until(claim(2)), None);
        assert!(heart.held_until(claim(1)).is_some());
    }

    #[test]
    fn a_process_that_cannot_write_any_more_gives_its_claims_up_when_their_leases_are_over() {
        let mut heart = holding(&[1]);
        let mut now = at(10_000);
        let mut told_refusals = 0;
        loop {
            assert_eq!(heart.step(now, []).actions, beat(&[1]));
            let lasting = Err(Error::invalid("a sync failed"));
            let step = heart.step(now, [HeartEvent::Beaten(lasting)]);
            let refusal =
                |action: &&HeartAction| matches!(action, HeartAction::Tell(News::Refused { .. }));
            told_refusals += step.actions.iter().filter(refusal).count();
            if now == at(30_000) {
                assert_eq!(step.actions, [told(1, Held::Lost)]);
                break;
            }
            assert!(now < step.wake_at && step.wake_at <= at(30_000));
            now = step.wake_at;
        }
        assert_eq!(told_refusals, 1, "once for all that follow");
        assert_eq!(heart.held_until(claim(1)), None);
    }

    #[test]
    fn a_beat_that_comes_after_the_lease_saves_what_nobody_took() {
        let mut heart = holding(&[1]);
        assert_eq!(heart.step(at(3_600_000), []).actions, beat(&[1]));
        let answer = HeartEvent::Beaten(Ok(vec![Held::Held]));
        assert_eq!(heart.step(at(3_600_001), [answer]), quiet(3_610_000));
        assert_eq!(heart.held_until(claim(1)), Some(at(3_630_000)));
    }

    #[test]
    fn a_short_lease_is_tried_often_before_it_runs_out() {
        let lease = Duration::from_secs(1);
        let mut heart = Heart::new(lease, at(0));
        let claims = [claim(1)];
        heart.step(
            at(0),
            [HeartEvent::Claimed {
                claims: &claims,
                since: at(0),
            }],
        );
        let (mut now, mut beats) = (at(334), 0);
        while now < at(1_000) {
            heart.step(now, []);
            now = heart.step(now, [HeartEvent::Beaten(busy())]).wake_at;
            beats += 1;
        }
        assert!(beats > 6, "{beats}");
    }
}
