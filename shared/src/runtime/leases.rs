//! State machine of the leases that a worker holds. It knows the held claims, decides when to
//! extend their leases, and finds out which claims are lost. The worker adds and removes claims;
//! another thread performs the actions, so that a busy worker loses no lease.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::{Claim, Held};
use crate::clock::BootTime;
use crate::error::Result;
use crate::remedy::Remedy;

/// First pause after a refused heartbeat. It doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause. Other workers wait far longer before they return an expired claim.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Leases of one worker.
#[derive(Debug)]
pub(crate) struct Leases {
    lease: Duration,
    /// Earliest possible end of each lease.
    held: BTreeMap<Claim, BootTime>,
    /// Heartbeat that has no answer yet.
    heartbeat: Option<Heartbeat>,
    answer: Option<Result<Vec<Held>>>,
    /// Claims whose state is being read.
    asked: Vec<Claim>,
    heard: Option<Result<Vec<Held>>>,
    heartbeat_at: BootTime,
    /// The pause after the last refusal; zero if the last beat was answered.
    pause: Duration,
}

#[derive(Debug)]
struct Heartbeat {
    claims: Vec<Claim>,
    began: BootTime,
}

/// Event that [`Leases`] takes in.
#[derive(Debug)]
pub(crate) enum LeaseEvent<'a> {
    /// The worker has claimed tasks. Their leases began at `since` or later.
    Claimed {
        /// The claims.
        claims: &'a [Claim],
        /// A time before the claim.
        since: BootTime,
    },
    /// Claims that need no lease any more: settled or given up.
    Released(&'a [Claim]),
    /// Answer to [`LeaseAction::Extend`], in the same order.
    Extended(Result<Vec<Held>>),
    /// Answer to [`LeaseAction::Read`], in the same order.
    Read(Result<Vec<Held>>),
}

/// Action to perform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LeaseAction {
    /// Extend the leases of these claims.
    Extend(Vec<Claim>),
    /// Read the state of these claims. Needs no write.
    Read(Vec<Claim>),
    /// Send the worker a notice.
    Notify(LeaseNotice),
}

/// Notice to the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseNotice {
    /// A claim is lost, or its task is to be cancelled.
    Changed(Claim, Held),
    /// The leases could not be extended. The heartbeat is repeated.
    Refused {
        /// Message of the database.
        message: String,
        /// Commands that help.
        remedy: Option<Remedy>,
    },
}

/// Result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseStep {
    /// Actions, in the order to perform them.
    pub actions: Vec<LeaseAction>,
    /// Time of the next step.
    pub wake_at: BootTime,
}

impl Leases {
    /// Creates the leases of a worker that holds no claim yet.
    pub(crate) fn new(lease: Duration, now: BootTime) -> Self {
        Self {
            lease,
            held: BTreeMap::new(),
            heartbeat: None,
            answer: None,
            asked: Vec::new(),
            heard: None,
            heartbeat_at: now.after(lease / 3),
            pause: Duration::ZERO,
        }
    }

    /// Takes in events and returns the actions to perform.
    pub(crate) fn step<'a>(
        &mut self,
        now: BootTime,
        events: impl IntoIterator<Item = LeaseEvent<'a>>,
    ) -> LeaseStep {
        for event in events {
            self.take_in(event);
        }
        let mut actions = Vec::new();
        if let Some(answer) = self.answer.take() {
            self.extended(now, answer, &mut actions);
        }
        if let Some(heard) = self.heard.take() {
            self.heard(heard, &mut actions);
        }
        if self.heartbeat.is_none() && self.heartbeat_at <= now {
            self.begin(now, &mut actions);
        }
        LeaseStep {
            actions,
            wake_at: self.heartbeat_at,
        }
    }

    /// Takes in an event. The next step acts on it.
    pub(crate) fn take_in(&mut self, event: LeaseEvent<'_>) {
        match event {
            LeaseEvent::Claimed { claims, since } => {
                let until = since.after(self.lease);
                self.held.extend(claims.iter().map(|claim| (*claim, until)));
            }
            LeaseEvent::Released(claims) => {
                for claim in claims {
                    self.held.remove(claim);
                }
            }
            LeaseEvent::Extended(answer) => self.answer = Some(answer),
            LeaseEvent::Read(heard) => self.heard = Some(heard),
        }
    }

    /// Earliest end of a claim's lease; `None` if the claim is not held.
    pub(crate) fn held_until(&self, claim: Claim) -> Option<BootTime> {
        self.held.get(&claim).copied()
    }

    fn begin(&mut self, now: BootTime, actions: &mut Vec<LeaseAction>) {
        self.heartbeat_at = now.after(self.lease / 3);
        if self.held.is_empty() {
            return;
        }
        let claims: Vec<Claim> = self.held.keys().copied().collect();
        actions.push(LeaseAction::Extend(claims.clone()));
        self.heartbeat = Some(Heartbeat { claims, began: now });
    }

    fn extended(
        &mut self,
        now: BootTime,
        answer: Result<Vec<Held>>,
        actions: &mut Vec<LeaseAction>,
    ) {
        let Some(Heartbeat { claims, began }) = self.heartbeat.take() else {
            return;
        };
        let held = match answer {
            Ok(held) => held,
            Err(error) => {
                if self.pause.is_zero() {
                    actions.push(LeaseAction::Notify(LeaseNotice::Refused {
                        message: error.fact(),
                        remedy: error.remedy(),
                    }));
                }
                return self.refused(now, error.may_pass(), actions);
            }
        };
        self.pause = Duration::ZERO;
        self.heartbeat_at = began.after(self.lease / 3);
        for (claim, held) in claims.into_iter().zip(held) {
            // The worker released the claim while the heartbeat was under way.
            let Some(until) = self.held.get_mut(&claim) else {
                continue;
            };
            if held == Held::Lost {
                self.held.remove(&claim);
            } else {
                *until = began.after(self.lease);
            }
            if held != Held::Held {
                actions.push(LeaseAction::Notify(LeaseNotice::Changed(claim, held)));
            }
        }
    }

    /// Schedules the next heartbeat after a refused one. A lease that is over by then may have been
    /// taken by another worker, so its state is read: reads work when writes do not. While the file
    /// refuses writes to everybody, nobody takes a claim, however long that lasts. If this process
    /// alone can no longer write, a claim counts as lost at the end of its lease.
    fn refused(&mut self, now: BootTime, may_pass: bool, actions: &mut Vec<LeaseAction>) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.heartbeat_at = now.after(self.pause.min(self.lease / 10));
        let is_over = |until: &BootTime| *until <= now;
        if may_pass {
            let over = self.held.iter().filter(|(_, until)| is_over(until));
            self.asked = over.map(|(claim, _)| *claim).collect();
            if !self.asked.is_empty() {
                actions.push(LeaseAction::Read(self.asked.clone()));
            }
            return;
        }
        self.held.retain(|claim, until| {
            let over = is_over(until);
            if over {
                actions.push(LeaseAction::Notify(LeaseNotice::Changed(
                    *claim,
                    Held::Lost,
                )));
            }
            !over
        });
        let last = self.held.values().min().copied();
        self.heartbeat_at = last.map_or(self.heartbeat_at, |last| self.heartbeat_at.min(last));
    }

    /// Takes in the state of the claims that were read. If reading failed, nothing changes.
    fn heard(&mut self, heard: Result<Vec<Held>>, actions: &mut Vec<LeaseAction>) {
        let asked = std::mem::take(&mut self.asked);
        for (claim, held) in asked.into_iter().zip(heard.unwrap_or_default()) {
            if held == Held::Lost && self.held.remove(&claim).is_some() {
                actions.push(LeaseAction::Notify(LeaseNotice::Changed(claim, Held::Lost)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LeaseAction, LeaseEvent, LeaseNotice, LeaseStep, Leases};
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

    /// Leases of these claims, held since 0.
    fn holding(tasks: &[i64]) -> Leases {
        let mut leases = Leases::new(LEASE, at(0));
        let claims: Vec<_> = tasks.iter().copied().map(claim).collect();
        let claimed = LeaseEvent::Claimed {
            claims: &claims,
            since: at(0),
        };
        let step = leases.step(at(0), [claimed]);
        assert_eq!(step, quiet(10_000));
        leases
    }

    fn quiet(wake_at: i64) -> LeaseStep {
        LeaseStep {
            actions: Vec::new(),
            wake_at: at(wake_at),
        }
    }

    fn extend(tasks: &[i64]) -> Vec<LeaseAction> {
        vec![LeaseAction::Extend(
            tasks.iter().copied().map(claim).collect(),
        )]
    }

    fn told(task: i64, held: Held) -> LeaseAction {
        LeaseAction::Notify(LeaseNotice::Changed(claim(task), held))
    }

    fn busy() -> Result<Vec<Held>> {
        Err(Error::Busy {
            what: "somebody writes".to_owned(),
        })
    }

    #[test]
    fn all_claims_are_extended_at_every_third_of_a_lease() {
        let mut leases = holding(&[1, 2]);
        assert_eq!(leases.step(at(9_999), []), quiet(10_000));
        assert_eq!(leases.step(at(10_000), []).actions, extend(&[1, 2]));
        let answer = LeaseEvent::Extended(Ok(vec![Held::Held; 2]));
        assert_eq!(leases.step(at(12_000), [answer]), quiet(20_000));
        assert_eq!(leases.held_until(claim(1)), Some(at(40_000)));
    }

    #[test]
    fn no_heartbeat_is_sent_without_claims() {
        let mut leases = holding(&[1]);
        let settled = [claim(1)];
        assert_eq!(
            leases.step(at(5_000), [LeaseEvent::Released(&settled)]),
            quiet(10_000)
        );
        assert_eq!(leases.step(at(10_000), []), quiet(20_000));
    }

    #[test]
    fn the_worker_is_notified_of_lost_and_cancelled_claims() {
        let mut leases = holding(&[1, 2, 3]);
        leases.step(at(10_000), []);
        let answer = Ok(vec![Held::Lost, Held::CancelRequested, Held::Held]);
        let step = leases.step(at(10_000), [LeaseEvent::Extended(answer)]);
        let notices = [told(1, Held::Lost), told(2, Held::CancelRequested)];
        assert_eq!(step.actions, notices);
        assert_eq!(leases.step(at(20_000), []).actions, extend(&[2, 3]));
    }

    #[test]
    fn a_claim_settled_during_a_heartbeat_causes_no_notice() {
        let mut leases = holding(&[1]);
        leases.step(at(10_000), []);
        leases.step(at(10_001), [LeaseEvent::Released(&[claim(1)])]);
        let answer = LeaseEvent::Extended(Ok(vec![Held::Lost]));
        assert_eq!(leases.step(at(10_002), [answer]), quiet(20_000));
    }

    /// A worker that could not write for as long as its lease ended what it ran and gave it up,
    /// though nobody else could write either. Now it reads whether another worker has the claim,
    /// and ends its task only then.
    #[test]
    fn a_claim_whose_heartbeats_are_refused_is_kept_until_another_worker_has_it() {
        let mut leases = holding(&[1, 2]);
        let mut now = at(10_000);
        let mut asked = 0;
        while now < at(600_000) {
            let beats = leases.step(now, []).actions;
            assert_eq!(beats, extend(&[1, 2]));
            let step = leases.step(now, [LeaseEvent::Extended(busy())]);
            let asks = step
                .actions
                .contains(&LeaseAction::Read(vec![claim(1), claim(2)]));
            assert_eq!(asks, now >= at(30_000), "at {now:?}");
            if asks {
                asked += 1;
                let unread = [Err(Error::invalid("unreadable")), Ok(vec![Held::Held; 2])];
                for answer in unread {
                    let told = leases.step(now, [LeaseEvent::Read(answer)]).actions;
                    assert_eq!(told, []);
                }
            }
            assert!(now < step.wake_at && step.wake_at <= now.after(Duration::from_millis(100)));
            now = step.wake_at;
        }
        assert!(asked > 1_000);
        leases.step(now, []);
        leases.step(now, [LeaseEvent::Extended(busy())]);
        let answer = Ok(vec![Held::Held, Held::Lost]);
        let step = leases.step(now, [LeaseEvent::Read(answer)]);
        assert_eq!(step.actions, [told(2, Held::Lost)]);
        assert_eq!(leases.held_until(claim(2)), None);
        assert!(leases.held_until(claim(1)).is_some());
    }

    #[test]
    fn a_process_that_can_no_longer_write_loses_its_claims_with_their_leases() {
        let mut leases = holding(&[1]);
        let mut now = at(10_000);
        let mut told_refusals = 0;
        loop {
            assert_eq!(leases.step(now, []).actions, extend(&[1]));
            let lasting = Err(Error::invalid("a sync failed"));
            let step = leases.step(now, [LeaseEvent::Extended(lasting)]);
            let refusal = |action: &&LeaseAction| {
                matches!(action, LeaseAction::Notify(LeaseNotice::Refused { .. }))
            };
            told_refusals += step.actions.iter().filter(refusal).count();
            if now == at(30_000) {
                assert_eq!(step.actions, [told(1, Held::Lost)]);
                break;
            }
            assert!(now < step.wake_at && step.wake_at <= at(30_000));
            now = step.wake_at;
        }
        assert_eq!(told_refusals, 1, "once for all that follow");
        assert_eq!(leases.held_until(claim(1)), None);
    }

    #[test]
    fn a_heartbeat_after_the_lease_saves_a_claim_that_nobody_took() {
        let mut leases = holding(&[1]);
        assert_eq!(leases.step(at(3_600_000), []).actions, extend(&[1]));
        let answer = LeaseEvent::Extended(Ok(vec![Held::Held]));
        assert_eq!(leases.step(at(3_600_001), [answer]), quiet(3_610_000));
        assert_eq!(leases.held_until(claim(1)), Some(at(3_630_000)));
    }

    #[test]
    fn a_short_lease_is_tried_often_before_it_runs_out() {
        let lease = Duration::from_secs(1);
        let mut leases = Leases::new(lease, at(0));
        let claims = [claim(1)];
        leases.step(
            at(0),
            [LeaseEvent::Claimed {
                claims: &claims,
                since: at(0),
            }],
        );
        let (mut now, mut beats) = (at(334), 0);
        while now < at(1_000) {
            leases.step(now, []);
            now = leases.step(now, [LeaseEvent::Extended(busy())]).wake_at;
            beats += 1;
        }
        assert!(beats > 6, "{beats}");
    }
}
