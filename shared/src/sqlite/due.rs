//! When to look for scheduled tasks that came due. Looking costs a statement, so a claim looks only
//! when a task it knows of is due, or when other processes may have scheduled one meanwhile.

use crate::clock::{BootTime, Now, SMALL_STEP_MS, Timestamp};

/// Milliseconds between looks while nothing known is due: how late a claim may notice what another
/// process scheduled.
const LOOK_EVERY_MS: u128 = 100;

/// What the last look found; the default is never to have looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    looked_at: Option<BootTime>,
    next: Option<Timestamp>,
    /// How far the wall clock was ahead at most since the last look.
    ahead_ms: Option<i64>,
}

impl Due {
    /// A look at `now` that found `next` to come due next.
    pub fn found(next: Option<Timestamp>, now: Now) -> Self {
        Self {
            looked_at: Some(now.boot),
            next,
            ahead_ms: Some(now.ahead_ms()),
        }
    }

    /// Something was scheduled at `now`: the next claim looks.
    #[must_use]
    pub fn scheduled(self, now: Now) -> Self {
        Self {
            ahead_ms: self.ahead_ms.max(Some(now.ahead_ms())),
            ..Self::default()
        }
    }

    /// Whether the wall clock was set back: what was scheduled by it may be far from its time.
    pub fn is_set_back(self, now: Now) -> bool {
        self.ahead_ms
            .is_some_and(|before| before.saturating_sub(now.ahead_ms()) > SMALL_STEP_MS)
    }

    /// Whether a claim at `now` has to look again.
    pub fn must_look(self, now: Now) -> bool {
        self.is_set_back(now)
            || self.next.is_some_and(|next| next <= now.wall)
            || self
                .looked_at
                .is_none_or(|at| now.boot.since(at).as_millis() >= LOOK_EVERY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::Due;
    use crate::clock::{BootTime, Now, Timestamp};

    fn at(millis: i64) -> Now {
        Now {
            wall: Timestamp(1_000_000 + millis),
            boot: BootTime(millis),
        }
    }

    #[test]
    fn a_claim_looks_at_first_when_due_and_every_100_ms() {
        assert!(Due::default().must_look(at(0)));
        let found = Due::found(Some(Timestamp(1_000_050)), at(0));
        assert!(!found.must_look(at(49)));
        assert!(found.must_look(at(50)));
        let nothing = Due::found(None, at(0));
        assert!(!nothing.must_look(at(99)));
        assert!(nothing.must_look(at(100)));
    }
}
