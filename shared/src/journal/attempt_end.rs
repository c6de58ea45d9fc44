//! Ways in which an attempt ends.

use super::EventKind;
use crate::outcome::Reason;

/// End of an attempt. The discriminant is the position in `Sums::attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum AttemptEnd {
    /// It ended well.
    Succeeded = 0,
    /// It failed, and the task with it.
    Failed = 1,
    /// It failed, and another one follows.
    Retrying = 2,
    /// Its worker died or lost the claim.
    Crashed = 3,
    /// It was cancelled.
    Cancelled = 4,
}

impl AttemptEnd {
    /// Every end, by discriminant.
    pub const ALL: [Self; 5] = [
        Self::Succeeded,
        Self::Failed,
        Self::Retrying,
        Self::Crashed,
        Self::Cancelled,
    ];

    /// The end as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The end that an event of an execution tells of; `None` if it counts as no attempt.
    pub fn of(kind: EventKind, reason: Option<Reason>) -> Option<Self> {
        let is_crash = reason == Some(Reason::Crash);
        // Events of other kinds tell of no end.
        let mut ends = [
            (EventKind::Succeeded, Self::Succeeded),
            (EventKind::Failed, Self::Failed),
            (EventKind::Retrying, Self::Retrying),
            (EventKind::Crashed, Self::Crashed),
            (EventKind::Cancelled, Self::Cancelled),
        ]
        .into_iter();
        let (_, end) = ends.find(|(of, _)| *of == kind)?;
        Some(if is_crash && end != Self::Cancelled {
            Self::Crashed
        } else {
            end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AttemptEnd, EventKind, Reason};

    #[test]
    fn the_last_crash_of_a_task_is_a_crash() {
        let crash = Some(Reason::Crash);
        let of = AttemptEnd::of;
        assert_eq!(of(EventKind::Failed, crash), Some(AttemptEnd::Crashed));
        assert_eq!(of(EventKind::Failed, None), Some(AttemptEnd::Failed));
        assert_eq!(of(EventKind::Returned, None), None);
        assert_eq!(of(EventKind::Unknown, None), None);
        for (place, end) in AttemptEnd::ALL.into_iter().enumerate() {
            assert_eq!(end as usize, place);
        }
    }
}
