//! Specification of a schedule: its times and its rules.

use std::time::Duration;

use jiff::tz::TimeZone;
use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use serde::{Deserialize, Serialize};

use super::cron::Cron;
use super::hash::stable_hash;
pub use super::rules::{CatchUp, Overlap, Rules};

/// Shortest interval of `every`.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Longest interval of `every`, and longest window of a catch-up: ten years.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(3_653 * 86_400);

/// Most bytes in a schedule's name.
pub const MAX_NAME_BYTES: usize = 200;

/// Number under which the hash of a name gives its jitter; fields of expressions have lower ones.
const JITTER: u8 = 64;

/// Times of a schedule, and its rules. Its *slots* are the nominal times, without the jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    timing: Timing,
    zone: Zone,
    rules: Rules,
}

/// Times of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Timing {
    Cron(Cron),
    /// A fixed interval in elapsed time, counted from `anchor` in both directions.
    Every {
        interval: Duration,
        anchor: Timestamp,
    },
}

/// Time zone with its name in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    name: String,
    zone: TimeZone,
}

/// Stored form of a specification.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<i64>,
    zone: String,
    #[serde(default)]
    rules: Rules,
}

impl Spec {
    /// Times of a cron expression in a time zone of the IANA database. The schedule's name chooses
    /// the values of `H`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an expression or a zone that cannot be read, with the fix.
    pub fn cron(schedule: &str, expression: &str, zone: &str) -> Result<Self> {
        Self::cron_in(schedule, expression, Zone::named(zone)?)
    }

    fn cron_in(schedule: &str, expression: &str, zone: Zone) -> Result<Self> {
        check_name(schedule)?;
        let cron = Cron::parse(expression, Some(schedule))?;
        Ok(Self {
            timing: Timing::Cron(cron),
            zone,
            rules: Rules::default(),
        })
    }

    /// Fixed interval in elapsed time: `anchor`, and every `interval` after and before it. The zone is
    /// that in which people see its times.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an interval below a second or above ten years, or an unknown zone.
    pub fn every(interval: Duration, anchor: Timestamp, zone: &str) -> Result<Self> {
        Self::every_in(interval, anchor, Zone::named(zone)?)
    }

    fn every_in(interval: Duration, anchor: Timestamp, zone: Zone) -> Result<Self> {
        if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
            return Err(Error::invalid(
                "the interval of a schedule is at least a second and at most ten years",
            ));
        }
        // Slots are whole milliseconds.
        let interval =
            Duration::from_millis(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
        Ok(Self {
            timing: Timing::Every { interval, anchor },
            zone,
            rules: Rules::default(),
        })
    }

    /// The specification with these rules.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an end that is not after the start, a jitter that is not shorter than
    /// the shortest time between two slots, and a window of more than ten years.
    pub fn with_rules(mut self, rules: Rules) -> Result<Self> {
        if let (Some(start), Some(end)) = (rules.start, rules.end)
            && end <= start
        {
            return Err(Error::invalid(
                "the end of a schedule lies after its start; exchange them, or leave one out",
            ));
        }
        let shortest = self.shortest_interval();
        if u128::from(rules.jitter_ms) >= shortest.as_millis() {
            return Err(Error::invalid(format!(
                "the jitter of a schedule is shorter than its shortest interval, which is {} s",
                shortest.as_secs()
            )));
        }
        if u128::from(rules.window_ms) > LONGEST_INTERVAL.as_millis() {
            return Err(Error::invalid(
                "the window of a catch-up is at most ten years; leave it out for one day",
            ));
        }
        self.rules = rules;
        Ok(self)
    }

    /// The same times counted from the anchor of an older specification with the same interval.
    pub(crate) fn anchored_as(mut self, old: &Self) -> Self {
        if let (
            Timing::Every { interval, anchor },
            Timing::Every {
                interval: same,
                anchor: first,
            },
        ) = (&mut self.timing, &old.timing)
            && *interval == *same
            && self.rules.start.is_none()
        {
            *anchor = *first;
        }
        self
    }

    /// Rules of the schedule.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Cron expression, unless the schedule has a fixed interval.
    pub fn expression(&self) -> Option<&Cron> {
        match &self.timing {
            Timing::Cron(cron) => Some(cron),
            Timing::Every { .. } => None,
        }
    }

    /// Fixed interval, if the schedule has one.
    pub fn interval(&self) -> Option<Duration> {
        match self.timing {
            Timing::Cron(_) => None,
            Timing::Every { interval, .. } => Some(interval),
        }
    }

    /// Time from which a fixed interval counts.
    pub fn anchor(&self) -> Option<Timestamp> {
        match self.timing {
            Timing::Cron(_) => None,
            Timing::Every { anchor, .. } => Some(anchor),
        }
    }

    /// Name of the time zone.
    pub fn zone_name(&self) -> &str {
        &self.zone.name
    }

    /// Time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone.zone
    }

    /// A time as RFC 3339, with the offset that the zone has then.
    pub fn rfc_3339(&self, time: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(time.0) {
            Ok(time) => {
                let time = time.to_zoned_datetime(self.zone.zone.clone());
                time.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
            }
            Err(_) => format!("@{}", time.0),
        }
    }

    /// Delay of the firings of the schedule of that name behind their slots.
    pub fn jitter(&self, schedule: &str) -> Duration {
        match self.rules.jitter_ms {
            0 => Duration::ZERO,
            most => Duration::from_millis(stable_hash(schedule, JITTER) % (most + 1)),
        }
    }

    /// First slot after `after`; `None` if there is none before the schedule's end and the year
    /// 10000.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let start = self
            .rules
            .start
            .map(|start| Timestamp(start.0.saturating_sub(1)));
        let after = start.map_or(after, |start| start.max(after));
        let next = match &self.timing {
            Timing::Cron(cron) => cron.next_after(after, &self.zone.zone)?,
            Timing::Every { interval, anchor } => every_after(*interval, *anchor, after)?,
        };
        Some(next).filter(|next| self.rules.end.is_none_or(|end| *next <= end))
    }

    /// Last slot that is not after `now` and not before `since`.
    pub fn last_until(&self, now: Timestamp, since: Timestamp) -> Option<Timestamp> {
        let since = self.rules.start.map_or(since, |start| start.max(since));
        let now = self.rules.end.map_or(now, |end| end.min(now));
        if since > now {
            return None;
        }
        match &self.timing {
            Timing::Cron(cron) => cron.last_until(now, since, &self.zone.zone),
            Timing::Every { interval, anchor } => {
                let millis = millis_of(*interval);
                let ago = now.since(*anchor).rem_euclid(millis);
                Some(Timestamp(now.0 - ago)).filter(|last| *last >= since)
            }
        }
    }

    /// Text for `queue_schedules.spec`.
    ///
    /// # Errors
    /// [`Error::Bug`] if it cannot be written as JSON.
    pub fn to_row(&self) -> Result<String> {
        let (cron, every_ms, anchor) = match &self.timing {
            Timing::Cron(cron) => (Some(cron.to_string()), None, None),
            Timing::Every { interval, anchor } => {
                let millis = u64::try_from(millis_of(*interval)).ok();
                (None, millis, Some(anchor.0))
            }
        };
        let stored = Stored {
            cron,
            every_ms,
            anchor,
            zone: self.zone.name.clone(),
            rules: self.rules.clone(),
        };
        serde_json::to_string(&stored).map_err(|error| Error::Bug {
            what: format!("a schedule cannot be stored: {error}"),
        })
    }

    /// Reads `queue_schedules.spec`.
    ///
    /// # Errors
    /// A stored text that this version cannot read, or a zone that this host does not have.
    pub fn from_row(schedule: &str, text: &str) -> Result<Self> {
        Self::of_row(schedule, text, Zone::named)
    }

    /// The same for an edit. A zone that this host does not have keeps its name, so that the edit may
    /// replace it; [`check_zone`](Self::check_zone) refuses it otherwise.
    pub(crate) fn of_row_to_edit(schedule: &str, text: &str) -> Result<Self> {
        Self::of_row(schedule, text, |name| {
            Ok(Zone::named(name).unwrap_or_else(|_| Zone {
                name: name.to_owned(),
                zone: TimeZone::UTC,
            }))
        })
    }

    fn of_row(schedule: &str, text: &str, zone: impl FnOnce(&str) -> Result<Zone>) -> Result<Self> {
        let stored: Stored = serde_json::from_str(text).map_err(|error| Error::Invalid {
            what: format!("the schedule cannot be read by this version: {error}"),
        })?;
        let zone = zone(&stored.zone)?;
        let spec = match (stored.cron, stored.every_ms, stored.anchor) {
            (Some(cron), None, None) => Self::cron_in(schedule, &cron, zone)?,
            (None, Some(every), Some(anchor)) => {
                Self::every_in(Duration::from_millis(every), Timestamp(anchor), zone)?
            }
            _ => {
                return Err(Error::invalid(
                    "the schedule has neither times nor an interval",
                ));
            }
        };
        spec.with_rules(stored.rules)
    }

    /// Checks that this host has the zone.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it has not.
    pub(crate) fn check_zone(&self) -> Result<()> {
        zone(&self.zone.name).map(drop)
    }

    /// Shortest time between two slots, apart from nights in which the clock changes.
    fn shortest_interval(&self) -> Duration {
        match &self.timing {
            Timing::Cron(cron) => cron.shortest_interval(),
            Timing::Every { interval, .. } => *interval,
        }
    }
}

impl Zone {
    fn named(name: &str) -> Result<Self> {
        let zone = zone(name)?;
        Ok(Self {
            name: zone.iana_name().unwrap_or(name).to_owned(),
            zone,
        })
    }
}

/// Time zone of that name in the IANA database.
///
/// # Errors
/// [`Error::Invalid`] if this machine does not know it.
pub fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        Error::invalid(format!(
            "`{}` is not a time zone of this machine; write one as Europe/Berlin or UTC (see \
             `timedatectl list-timezones`)",
            name.escape_debug()
        ))
    })
}

/// Checks the name of a schedule.
///
/// # Errors
/// [`Error::Invalid`] if it is empty, too long or has a control character.
pub fn check_name(name: &str) -> Result<()> {
    let problem = if name.is_empty() {
        "the name of a schedule is not empty"
    } else if name.len() > MAX_NAME_BYTES {
        "the name of a schedule has at most 200 bytes"
    } else if name.chars().any(char::is_control) {
        "the name of a schedule has no control characters, such as line ends"
    } else {
        return Ok(());
    };
    Err(Error::invalid(problem))
}

/// First time after `after` that is a whole number of intervals away from `anchor`, before it too: an
/// anchor set by a clock far ahead stops nothing.
fn every_after(interval: Duration, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
    let millis = millis_of(interval);
    let ago = after.since(anchor).rem_euclid(millis);
    let next = after.0.checked_add(millis - ago)?;
    Some(Timestamp(next)).filter(|next| *next <= Timestamp::MAX)
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
