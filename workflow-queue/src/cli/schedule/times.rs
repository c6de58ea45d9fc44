//! Options for the times of a schedule and for its rules.

use std::time::Duration;

use jiff::tz::TimeZone;
use queue_core::cli::{duration, moment, note, possible_values};
use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec, zone};

/// Times and rules of a schedule.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub(super) struct Times {
    /// A fixed interval in place of a cron expression, such as 90m; it counts from --start, else from
    /// now
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    pub(super) every: Option<Duration>,

    /// The time zone of its times, such as Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,

    /// Delay each firing by up to this; the delay of a schedule stays the same
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    jitter: Option<Duration>,

    /// Fire nothing before this time; `none` for no such time
    #[arg(long, value_name = "TIME")]
    start: Option<String>,

    /// Fire nothing after this time; `none` for no such time
    #[arg(long, value_name = "TIME")]
    end: Option<String>,

    /// Times that no worker fired: fire none of them (`skip`), the `latest`, or `all` [default: latest]
    #[arg(
        long,
        value_name = "RULE",
        value_parser = possible_values::of(CatchUp::ALL.map(CatchUp::as_str), catch_up),
        hide_possible_values = true
    )]
    catch_up: Option<CatchUp>,

    /// Age beyond which a missed time is not caught up [default: 1d]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    window: Option<Duration>,

    /// A time at which the task before has not ended: fire nothing (`skip`), let one wait (`queue`),
    /// run both (`allow`), or cancel the one before (`replace`) [default: skip]
    #[arg(
        long,
        value_name = "RULE",
        value_parser = possible_values::of(Overlap::ALL.map(Overlap::as_str), overlap),
        hide_possible_values = true
    )]
    overlap: Option<Overlap>,
}

fn catch_up(word: &str) -> Result<CatchUp, String> {
    let found = CatchUp::ALL.into_iter().find(|rule| rule.as_str() == word);
    found.ok_or_else(|| "it is `skip`, `latest` or `all`".to_owned())
}

fn overlap(word: &str) -> Result<Overlap, String> {
    let found = Overlap::ALL.into_iter().find(|rule| rule.as_str() == word);
    found.ok_or_else(|| "it is `skip`, `queue`, `allow` or `replace`".to_owned())
}

impl Times {
    /// The specification that the options and this cron expression give; the rest is that of `old`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options that cannot be read or contradict each other.
    pub(super) fn spec(
        &self,
        name: &str,
        cron: Option<&str>,
        old: Option<&Spec>,
        now: Timestamp,
    ) -> Result<Spec> {
        let zone_name = match (&self.zone, old) {
            (Some(name), _) => name.clone(),
            (None, Some(old)) => old.zone_name().to_owned(),
            (None, None) => system_zone(),
        };
        let mut rules = old.map(|old| old.rules().clone()).unwrap_or_default();
        self.apply(&mut rules, &zone(&zone_name)?, now)?;
        let old_cron = old.and_then(Spec::expression).map(ToString::to_string);
        let old_every = old.and_then(|old| Some((old.interval()?, old.anchor()?)));
        let spec = match (cron, self.every) {
            (Some(cron), None) => Spec::cron(name, cron, &zone_name)?,
            (None, Some(every)) => {
                let anchor = rules.start.unwrap_or_else(|| whole_second(now));
                Spec::every(every, anchor, &zone_name)?
            }
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "there are a cron expression and an interval; leave one of them out",
                ));
            }
            (None, None) => match (old_cron, old_every) {
                (Some(cron), _) => Spec::cron(name, &cron, &zone_name)?,
                (None, Some((every, anchor))) => Spec::every(every, anchor, &zone_name)?,
                (None, None) => {
                    return Err(Error::invalid(
                        "a schedule needs its times: a cron expression such as '30 2 * * *', or \
                         --every 90m",
                    ));
                }
            },
        };
        spec.with_rules(rules)
    }

    fn apply(&self, rules: &mut Rules, zone: &TimeZone, now: Timestamp) -> Result<()> {
        if let Some(jitter) = self.jitter {
            rules.jitter_ms = millis(jitter);
        }
        if let Some(window) = self.window {
            rules.window_ms = millis(window);
        }
        rules.catch_up = self.catch_up.unwrap_or(rules.catch_up);
        rules.overlap = self.overlap.unwrap_or(rules.overlap);
        for (option, text, time) in [
            ("--start", &self.start, &mut rules.start),
            ("--end", &self.end, &mut rules.end),
        ] {
            match text.as_deref() {
                None => {}
                Some("none") => *time = None,
                Some(text) => *time = Some(at(option, text, zone, now)?),
            }
        }
        Ok(())
    }
}

/// Reads the time of an option, in that time zone.
///
/// # Errors
/// [`Error::Invalid`] that names the option.
pub(super) fn at(option: &str, text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp> {
    moment::parse(text, now, zone)
        .map_err(|sentence| Error::invalid(format!("{option} {text}: {sentence}")))
}

/// Name of this machine's time zone; UTC, with a note, if it has none.
pub(super) fn system_zone() -> String {
    let zone = TimeZone::system();
    let name = zone.iana_name().filter(|name| *name != "Etc/Unknown");
    name.map_or_else(
        || {
            note(
                "the time zone of this machine has no name, so UTC is taken; --zone names another",
            );
            "UTC".to_owned()
        },
        str::to_owned,
    )
}

/// The second of a time.
pub(super) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(1_000))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
