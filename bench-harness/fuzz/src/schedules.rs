//! Cron expressions and crontabs.

use std::str;

use jiff::tz::TimeZone;
use queue_core::clock::Timestamp;
use workflow_queue::schedule::cron::Cron;
use workflow_queue::schedule::crontab::{Crontab, CrontabForm};

use crate::check_sentence;

/// 2026-12-24 16:30:00 UTC.
const NOW: Timestamp = Timestamp(1_798_129_800_000);

/// An expression that is read comes again, at times in ascending order, and reads back from its
/// displayed form.
pub(crate) fn cron(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match Cron::parse(text, Some("fuzz")) {
        Ok(cron) => {
            let again = Cron::parse(&cron.to_string(), Some("fuzz"));
            assert_eq!(again.expect("a displayed expression is read"), cron);
            let mut time = NOW;
            for _ in 0..3 {
                let Some(next) = cron.next_after(time, &TimeZone::UTC) else {
                    break;
                };
                assert!(next > time, "{next:?} is not after {time:?}");
                assert_eq!(next.0 % 60_000, 0, "a time is a whole minute");
                time = next;
            }
        }
        Err(error) => check_sentence(&error.to_string()),
    }
}

/// Each line of a crontab is a command, a setting, a comment, or refused with a sentence. Names are
/// unique, and every schedule can be added unless its zone is unknown.
pub(crate) fn crontab(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let system = CrontabForm::System {
        user: "root".to_owned(),
    };
    for form in [CrontabForm::User, system] {
        let read = Crontab::read(bytes, &form);
        let mut numbers: Vec<usize> = read.entries.iter().map(|entry| entry.line).collect();
        for (line, sentence) in read.refused.iter().chain(&read.left_out) {
            check_sentence(sentence);
            numbers.push(*line);
        }
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(numbers.iter().all(|line| (1..=lines).contains(line)));
        let mut names: Vec<&str> = read.entries.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        for entry in &read.entries {
            if let Err(error) = entry.schedule("UTC", "/") {
                check_sentence(&error.to_string());
            }
        }
    }
}
