//! Life of an execution: how it starts, takes signals and ends.

use std::time::Duration;

use queue_core::Usage;
use queue_core::claim::{Claim, ClaimedTask, WorkerId};
use queue_core::clock::{BootTime, Now};
use queue_core::internals::executor::{End, Ended, Ending, StartError};
use queue_core::outcome::Outcome;

use super::World;
use super::child::{Child, Kind, Traces};

impl World {
    /// Begins an execution.
    pub(in crate::simulation) fn start(
        &mut self,
        task: &ClaimedTask,
        at: Now,
    ) -> Result<(), StartError> {
        let (claim, now) = (task.claim, at.boot);
        self.counts.starts += 1;
        if self.is_running(claim.task, now) {
            self.violated(format!("{} runs twice at once", claim.task));
        }
        if self.chance(10) {
            return Err("simulated".to_owned().into());
        }
        let is_handler = self.chance(150);
        let longest = if self.chance(100) {
            self.config.longest_ms
        } else {
            self.config.usual_ms
        };
        let pid = u32::try_from(self.counts.starts).unwrap_or(u32::MAX);
        let child = Child {
            claim,
            pid,
            ends_at: now.after(Duration::from_millis(self.rng.u64(0..longest))),
            end: self.draw_end(is_handler, at),
            heeds_term: !self.chance(150),
            kind: if is_handler {
                Kind::Handler
            } else {
                Kind::Command
            },
            is_orphan: false,
            traces: match self.rng.u32(0..10) {
                0 => Traces::Mark,
                1 | 2 => Traces::Record,
                _ => Traces::Both,
            },
        };
        self.children.push(child);
        Ok(())
    }

    fn draw_end(&mut self, is_handler: bool, now: Now) -> End {
        let handler = |outcome| End::Handler(outcome);
        match (is_handler, self.rng.u32(0..100)) {
            (true, 0..65) => handler(Outcome::Succeeded),
            (true, 65..80) => handler(Outcome::Snoozed {
                until: now.wall.after(Duration::from_millis(
                    self.rng.u64(0..2 * self.config.usual_ms),
                )),
            }),
            (true, 80..90) => handler(Outcome::HandlerFailed {
                message: "simulated".to_owned(),
                fatal: self.rng.bool(),
            }),
            (true, _) => handler(Outcome::Panicked {
                message: "simulated".to_owned(),
            }),
            (false, 0..75) => End::Exited(0),
            (false, 75..95) => End::Exited(self.rng.i32(1..256)),
            (false, _) => End::Signalled(11),
        }
    }

    pub(in crate::simulation) fn signal(&mut self, claim: Claim, ending: Ending, now: BootTime) {
        let delay = Duration::from_millis(self.rng.u64(0..40));
        let runs = |child: &&mut Child| child.claim == claim && child.kind != Kind::Daemon;
        let Some(child) = self.children.iter_mut().find(runs) else {
            return;
        };
        // An execution that has ended is not signalled, even if its worker has not noticed the end.
        if child.ends_at <= now {
            return;
        }
        let ends_at = child.ends_at.min(now.after(delay));
        match (child.kind == Kind::Handler, ending) {
            (true, _) if child.heeds_term => child.ends_at = ends_at,
            (false, Ending::Terminate) if child.heeds_term => {
                child.ends_at = ends_at;
                let polite = child.claim.token % 3 == 0;
                child.end = if polite {
                    End::Exited(0)
                } else {
                    End::Signalled(15)
                };
            }
            (false, Ending::Kill) => {
                child.ends_at = ends_at;
                child.end = End::Signalled(9);
            }
            (true, _) | (false, Ending::Terminate) => {}
        }
    }

    /// Takes a worker's executions that have ended by `now`.
    pub(in crate::simulation) fn ended(&mut self, worker: WorkerId, now: BootTime) -> Vec<Ended> {
        let over = |child: &Child| child.ends_at <= now && child.claim.worker == worker;
        let mut ended: Vec<_> = self.children.extract_if(.., |child| over(child)).collect();
        ended.retain(|child| child.kind != Kind::Daemon);
        for child in &ended {
            self.leave_daemon(child, now);
        }
        let ended = ended.into_iter().map(|child| Ended {
            claim: child.claim,
            end: child.end,
            at: child.ends_at,
            output: None,
            usage: Usage::default(),
        });
        ended.collect()
    }

    /// Lets some commands leave a background process when they end by themselves.
    fn leave_daemon(&mut self, child: &Child, now: BootTime) {
        if matches!(child.end, End::Exited(_)) && self.chance(150) {
            let length = Duration::from_millis(self.rng.u64(0..self.config.longest_ms));
            self.children.push(Child {
                ends_at: now.after(length),
                kind: Kind::Daemon,
                ..child.clone()
            });
        }
    }
}
