//! Command-line loops and workers on one file: none of them may ever get a busy error.

use std::time::Duration;

use fast_queue::{FastQueue, Queue, State};

use queue_testing::patience::present;
use queue_testing::soak::database::SoakDatabase;
use queue_testing::soak::{long, report};

#[test]
fn no_busy_error_reaches_a_user() {
    let window = Duration::from_secs(if long() { 60 } else { 3 });
    let folder = tempfile::tempdir().unwrap();
    let database = crate::database(folder.path());
    let workers = [(); 2].map(|()| database.worker(&["--slots", "4"]));
    let loops: Vec<Loop> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let database = &database;
                scope.spawn(move || hammer(database, number, window))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    database.finish();
    for worker in workers {
        assert!(
            worker.stop(),
            "a worker left with an error\n{}",
            database.log()
        );
    }
    let complaints: Vec<String> = loops
        .iter()
        .flat_map(|own| own.complaints.clone())
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let log = database.log();
    assert!(!log.contains("busy") && !log.contains("locked"), "{log}");
    let added: u64 = loops.iter().map(|own| own.added).sum();
    let stats = database.queue.stats().unwrap();
    assert_eq!(
        stats.count(State::Succeeded),
        added,
        "added and succeeded differ"
    );
    let verbs: u64 = loops.iter().map(|own| own.verbs).sum();
    report(&format!(
        "{verbs} verbs in {} s, {added} tasks added and done",
        window.as_secs()
    ));
}

#[derive(Default)]
struct Loop {
    verbs: u64,
    added: u64,
    complaints: Vec<String>,
}

/// Loop of one user: adds, looks, adds.
fn hammer(database: &SoakDatabase<FastQueue>, number: u32, window: Duration) -> Loop {
    let name = format!("loop {number}");
    let verbs: [&[&str]; 8] = [
        &["add-task", &name, "true"],
        &["status"],
        &["add-task", &name, "echo done", "5"],
        &["list", "--limit", "20"],
        &["add-task", &name, "true", "-5"],
        &["status", "-o", "json"],
        &["add-task", &name, "echo 'it'\\''s'; sleep 0.01"],
        &["show", "last"],
    ];
    let mut own = Loop::default();
    let start = present();
    while start.elapsed() < window {
        for verb in verbs {
            let output = database.program(verb).output().unwrap();
            own.verbs += 1;
            let said = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() || said.contains("busy") || said.contains("locked") {
                own.complaints
                    .push(format!("{verb:?}: {} {said}", output.status));
            } else if verb[0] == "add-task" {
                own.added += 1;
            }
        }
    }
    own
}
