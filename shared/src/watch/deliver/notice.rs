//! Notices of a deliverer, for logs.

use std::fmt;
use std::time::Duration;

use super::MOST_TRIES;
use crate::text::{escape, moment};

/// Something that a person may want to read in a log. `Display` writes it as a line, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// From now on this process delivers.
    Elected,
    /// An event was not taken.
    Failed {
        /// Name of the hook.
        hook: String,
        /// Id of the event.
        event: String,
        /// Number of failed tries.
        failures: u32,
        /// Reason.
        reason: String,
        /// Time to the next try.
        pause: Duration,
    },
    /// An event was not taken at its last try.
    Dead {
        /// Name of the hook.
        hook: String,
        /// Id of the event.
        event: String,
        /// Reason.
        reason: String,
    },
    /// The file could not be read or written.
    Trouble(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elected => formatter.write_str("delivers the events of hooks"),
            Self::Failed {
                hook,
                event,
                failures,
                reason,
                pause,
            } => write!(
                formatter,
                "hook {}: event {event} was not taken at try {failures} of {MOST_TRIES}: {}; the next \
                 one follows in {}",
                escape::line(hook),
                escape::line(reason),
                moment::rough(*pause)
            ),
            Self::Dead {
                hook,
                event,
                reason,
            } => write!(
                formatter,
                "hook {}: event {event} was not taken at its last try and is a dead letter: {}",
                escape::line(hook),
                escape::line(reason)
            ),
            Self::Trouble(message) => write!(
                formatter,
                "hooks wait for the file: {}; trying again",
                escape::line(message)
            ),
        }
    }
}
