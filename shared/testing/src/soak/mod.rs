//! Common part of the soaks: real commands that write a journal, real workers on a file, and checks
//! of the journal.

pub mod database;
pub mod journal;

use std::path::Path;

use queue_core::{NewTask, TaskOptions};

/// Shell functions for the commands. Each line of the journal is one append: event, task, attempt,
/// token, worker, hundredths of a second since the machine started. They start no process, which
/// would cost more than most commands.
const PROLOGUE: &str = r#"
say() {
    read -r up _ < /proc/uptime
    printf '%s %s %s %s %s %s\n' "$1" "$QUEUE_TASK_ID" "$QUEUE_ATTEMPT" "$QUEUE_TOKEN" \
        "$QUEUE_WORKER" "${up%.*}${up#*.}" >> "$JOURNAL"
}
leave() { say "end:$1"; exit "$1"; }
say start
"#;

/// A command that writes its start and its end to the journal. Its body may `say` more, and `leave`
/// early with an exit code.
pub fn command(name: &str, body: &str, journal: &Path) -> NewTask {
    let options = TaskOptions::new()
        .backoff_ms(40)
        .max_crashes(100)
        .env("JOURNAL", journal.to_str().unwrap().to_owned());
    NewTask::shell(name, format!("{PROLOGUE}{body}\nleave 0")).options(options)
}

/// True if the full length was asked for.
pub fn long() -> bool {
    std::env::var_os("SOAK").is_some_and(|length| length == "long")
}

/// Prints a measurement; shown with `--nocapture`.
pub fn report(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
