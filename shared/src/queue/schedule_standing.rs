//! State of schedules, for reports about a file.

use crate::clock::Timestamp;

/// State of the schedules of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduleStanding {
    /// Time of the next firing; `None` if nothing is to fire.
    pub next_at: Option<Timestamp>,
    /// Names of schedules that are set aside, each with the reason; the first hundred.
    pub set_aside: Vec<(String, String)>,
}
