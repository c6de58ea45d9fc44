//! Properties that hold for any bytes, for every parser and decoder of the programs: arguments,
//! standard input, files beside the database, datagrams, stored rows, recorded workflows, requests.
//!
//! Each target is an ordinary function that panics if a property does not hold. `cargo test` calls the
//! targets with a committed corpus and with short random inputs; the fuzzer in `targets/` looks for
//! inputs that reach new code.

mod cli;
mod lines;
mod neighbours;
mod replay;
mod schedules;
mod servers;
mod shown;
mod stored;
mod web;
mod words;

/// Result type expected by the source files of bench-harness.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Checks any input; panics if a property does not hold.
pub type Check = fn(&[u8]);

/// Every target, under the name of its folder in `corpus/`.
pub const TARGETS: &[(&str, Check)] = &[
    ("duration", words::duration),
    ("moment", words::moment),
    ("selectors", words::selectors),
    ("conditions", words::conditions),
    ("limits", words::limits),
    ("variables", words::variables),
    ("task-lines", lines::tasks),
    ("workflow-lines", lines::workflow_tasks),
    ("addresses", servers::addresses),
    ("cron", schedules::cron),
    ("crontab", schedules::crontab),
    ("terminal", shown::terminal),
    ("unit", shown::unit),
    ("options", stored::options),
    ("rows", stored::rows),
    ("frames", stored::frames),
    ("sums", stored::sums),
    ("log", neighbours::log),
    ("capture", neighbours::capture),
    ("side-files", neighbours::side_files),
    ("records", neighbours::records),
    ("trace", replay::trace),
    ("web-head", web::head),
    ("web-form", web::form),
    ("web-filter", web::filter),
    ("cursor", web::cursor),
];

/// Finds the check with that name.
pub fn target(name: &str) -> Option<Check> {
    let found = TARGETS.iter().find(|(own, _)| *own == name);
    found.map(|(_, check)| *check)
}

/// Checks that a sentence is one.
fn check_sentence(sentence: &str) {
    assert!(!sentence.trim().is_empty(), "an error says something");
    let shown = queue_core::cli::escape::line(sentence);
    let unsafe_char = shown
        .chars()
        .find(|c| queue_core::cli::escape::is_unsafe(*c));
    assert_eq!(unsafe_char, None, "in {shown:?}");
}
