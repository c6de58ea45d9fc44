//! Arguments as typed by a person or a script.

use std::str;

use jiff::tz::TimeZone;
use queue_core::claim::WorkerId;
use queue_core::cli::select::Selector;
use queue_core::cli::{duration as durations, moment as moments, select};
use queue_core::clock::Timestamp;
use queue_core::internals::fuzzing;
use queue_core::options::MAX_DURATION_MS;
use queue_core::task::TaskId;

use crate::{check_sentence, cli};

/// 2026-12-24 16:30:00 UTC.
const NOW: Timestamp = Timestamp(1_798_129_800_000);

/// Durations parse back from their displayed form, and never exceed the limit.
pub(crate) fn duration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match durations::parse(text) {
        Ok(read) => {
            assert!(read.as_millis() <= u128::from(MAX_DURATION_MS));
            assert_eq!(durations::parse(&durations::show(read)), Ok(read));
        }
        Err(sentence) => check_sentence(&sentence),
    }
}

/// Points in time lie within the allowed years and parse back from their displayed form, in zones on
/// both sides of UTC, with and without summer time. Eight bytes are also taken as a stored time, which
/// is displayed for any value.
pub(crate) fn moment(bytes: &[u8]) {
    let zones = [
        TimeZone::UTC,
        posix("CET-1CEST,M3.5.0,M10.5.0/3"),
        posix("<-1130>11:30"),
    ];
    for zone in &zones {
        if let Ok(text) = str::from_utf8(bytes) {
            match moments::parse(text, NOW, zone) {
                Ok(read) => {
                    assert!((Timestamp(0)..=Timestamp::MAX).contains(&read), "{read:?}");
                    assert_eq!(moments::parse(&moments::iso(read), NOW, zone), Ok(read));
                }
                Err(sentence) => check_sentence(&sentence),
            }
        }
        if let Some(stored) = bytes.first_chunk() {
            let stored = Timestamp(i64::from_le_bytes(*stored));
            check_sentence(&moments::shown(stored, zone));
            check_sentence(&moments::iso(stored));
            check_sentence(&moments::relative(stored, NOW));
            check_sentence(&moments::relative(NOW, stored));
        }
    }
}

fn posix(zone: &str) -> TimeZone {
    TimeZone::posix(zone).expect("a zone as POSIX writes it")
}

/// Selectors are ids from 1 up and ascending ranges; a displayed list of ids selects the same ids.
/// Workers' ids parse back too.
pub(crate) fn selectors(bytes: &[u8]) {
    let ids: Vec<_> = bytes
        .chunks_exact(8)
        .filter_map(|id| Some(i64::from_le_bytes(id.try_into().ok()?)))
        .collect();
    check_shown(ids.iter().copied().filter(|id| *id >= 1).collect());
    // Adjacent ids form ranges.
    check_shown(bytes.iter().map(|byte| i64::from(*byte) + 1).collect());
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match select::parse(text) {
        Ok(selectors) => {
            // A name or key may hold commas.
            let count = if select::is_named(text) {
                1
            } else {
                text.split(',').count()
            };
            assert_eq!(selectors.len(), count);
            check_selectors(&selectors);
        }
        Err(sentence) => check_sentence(&sentence),
    }
    if let Some(worker) = WorkerId::parse(text) {
        assert_eq!(WorkerId::parse(&worker.to_string()), Some(worker));
    }
}

fn check_selectors(selectors: &[Selector]) {
    for selector in selectors {
        match selector {
            Selector::One(id) => assert!(id.0 >= 1),
            Selector::Range(range) => assert!(1 <= *range.start() && range.start() <= range.end()),
            Selector::Name(text) | Selector::Key(text) => assert!(!text.is_empty()),
            Selector::Last | Selector::All => {}
        }
    }
}

fn check_shown(mut ids: Vec<i64>) {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return;
    }
    let tasks: Vec<_> = ids.iter().copied().map(TaskId).collect();
    let read = select::parse(&select::show(&tasks)).expect("displayed ids are selectors");
    let selected = read.into_iter().flat_map(|selector| match selector {
        Selector::One(id) => id.0..=id.0,
        Selector::Range(range) => range,
        other @ (Selector::Name(_) | Selector::Key(_) | Selector::Last | Selector::All) => {
            panic!("{other:?} is not an id")
        }
    });
    assert!(selected.eq(ids), "a displayed list selects its ids");
}

/// `--after` and `--before` name tasks one by one or in ranges, never all.
pub(crate) fn conditions(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    for parsed in [cli::after(text), cli::before(text)] {
        match parsed {
            Ok(selectors) => {
                assert!(!selectors.contains(&Selector::All));
                // Only the first name may hold commas, and a condition may follow the last selector.
                assert!(selectors.len() <= text.split(',').count());
                check_selectors(&selectors);
            }
            Err(sentence) => check_sentence(&sentence),
        }
    }
}

/// Rates and bounds parse back from their displayed form; key scopes are words or durations.
pub(crate) fn limits(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match cli::rate(text) {
        Ok(None) => assert_eq!(text, "none"),
        Ok(Some(rate)) => {
            assert!(rate.period_ms > 0, "{rate:?}");
            assert_eq!(cli::rate(&cli::show_rate(rate)), Ok(Some(rate)));
        }
        Err(sentence) => check_sentence(&sentence),
    }
    match cli::concurrency(text) {
        Ok(None) => assert_eq!(text, "none"),
        Ok(Some(bound)) => assert_eq!(cli::concurrency(&bound.to_string()), Ok(Some(bound))),
        Err(sentence) => check_sentence(&sentence),
    }
    if let Err(sentence) = cli::key_scope(text) {
        check_sentence(&sentence);
    }
}

/// A variable is a name, or a name, an equals sign and the rest; exit codes are bytes.
pub(crate) fn variables(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match fuzzing::variable(text) {
        Ok((name, value)) => {
            assert!(!name.is_empty() && !name.contains('='));
            let value = value.map(|value| format!("={value}"));
            assert_eq!(format!("{name}{}", value.unwrap_or_default()), text);
        }
        Err(sentence) => check_sentence(&sentence),
    }
    match fuzzing::exit_code(text) {
        Ok(code) => assert!((0..=255).contains(&code)),
        Err(sentence) => check_sentence(&sentence),
    }
}
