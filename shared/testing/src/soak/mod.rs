//! What the soaks of every program stand on: real commands that keep a journal, real workers on a
//! file, and checks on what the commands themselves wrote.

pub mod database;
pub mod journal;

use std::path::Path;

use queue_core::{NewTask, TaskOptions};

/// Every line is one append to the journal: what, task, attempt, token, worker, hundredths of a
/// second since the machine started. Nothing is started for that: it would cost more than most
/// commands do.
const PROLOGUE: &str = r#"
say() {
    read -r up _ < /proc/uptime
    printf '%s %s %s %s %s %s\n' "$1" "$QUEUE_TASK_ID" "$QUEUE_ATTEMPT" "$QUEUE_TOKEN" \
        "$QUEUE_WORKER" "${up%.*}${up#*.}" >> "$JOURNAL"
}
leave() { say "end:$1"; exit "$1"; }
say start
"#;

/// A command that tells the journal of its start and its end. What it does in between may `say`
/// more, and `leave` early with an exit code.
pub fn command(name: &str, body: &str, journal: &Path) -> NewTask {
    let options = TaskOptions {
        backoff_ms: 40,
        // Every kill may hit the same task; what is examined is that none is lost to them.
        max_crashes: 100,
        env: vec![("JOURNAL".to_owned(), journal.to_str().unwrap().to_owned())],
        ..TaskOptions::default()
    };
    NewTask::shell(name, format!("{PROLOGUE}{body}\nleave 0")).options(options)
}

/// Whether the full length was asked for.
pub fn long() -> bool {
    std::env::var_os("SOAK").is_some_and(|length| length == "long")
}

/// Tells what was measured; shown with `--nocapture`.
pub fn report(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
