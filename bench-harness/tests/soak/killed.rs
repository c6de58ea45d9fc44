//! Killed promotions: the file belongs to one engine, or the next promotion finishes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use fast_queue::FastQueue;
use queue_core::Claim;
use queue_core::queue::Serves;
use queue_core::sidecar::Registration;
use queue_proof::process::trace::{Traced, was_killed};

use crate::template::{Copied, FileOwner, Template, claim, settle, try_claim};
use queue_testing::patience::present;
use queue_testing::soak::{long, report};

/// Number of promotions by the resulting owner of the file.
type Tally = BTreeMap<FileOwner, u32>;

#[test]
fn a_promotion_killed_at_any_moment_can_be_repeated() {
    let rounds = if long() { 1_000 } else { 30 };
    let template = Template::new();
    let whole = template.copy();
    let begun = present();
    assert!(promote(&whole.path()).status().unwrap().success());
    let span = begun.elapsed();
    let mut tally = Tally::new();
    for round in 0..rounds {
        let copy = template.copy();
        let begun = present();
        let mut promotion = promote(&copy.path()).spawn().unwrap();
        // A little longer than an undisturbed promotion, since durations vary.
        while begun.elapsed() * rounds < span * round * 5 / 4 {
            std::thread::yield_now();
        }
        promotion.kill().unwrap();
        promotion.wait().unwrap();
        *tally.entry(template.check(&copy.path(), &[])).or_default() += 1;
    }
    report(&format!("killed at {rounds} moments: {tally:?}"));
}

#[test]
fn a_promotion_killed_at_any_system_call_can_be_repeated() {
    let Some(tally) = sweep(false) else { return };
    let seen: Vec<FileOwner> = tally.into_keys().collect();
    assert_eq!(
        seen,
        [FileOwner::Fast, FileOwner::Promoting, FileOwner::Promoted]
    );
}

#[test]
fn workers_finish_if_a_promotion_that_waits_for_them_is_killed_at_any_system_call() {
    let Some(tally) = sweep(true) else { return };
    let seen: Vec<FileOwner> = tally.into_keys().collect();
    assert_eq!(seen, [FileOwner::Fast, FileOwner::Promoting]);
}

/// Kills a promotion at each of its system calls, or in the short form at some of them, with or without
/// a living worker of fast-queue on the file. `None` where processes cannot be traced.
fn sweep(has_worker: bool) -> Option<Tally> {
    let template = Template::new();
    let promotion = Promotion::new(&template, has_worker);
    let calls = Traced::of(&promotion.promote()).calls().unwrap();
    if calls.is_empty() {
        report("skipped: strace is missing or may not trace processes");
        return None;
    }
    let stride = if long() { 1 } else { 13 };
    let mut tally = Tally::new();
    // The last call ends the process, when all work is done.
    for call in calls.iter().step_by(stride).chain(calls.last()) {
        let promotion = Promotion::new(&template, has_worker);
        let output = Traced::of(&promotion.promote()).killed_at(call).unwrap();
        if was_killed(&output) {
            *tally.entry(promotion.end(&template)).or_default() += 1;
        }
    }
    report(&format!(
        "killed at {} of {} system calls, {}: {tally:?}",
        tally.values().sum::<u32>(),
        calls.len(),
        if has_worker {
            "beside a worker"
        } else {
            "alone"
        }
    ));
    Some(tally)
}

/// A file to promote, and optionally a living worker of fast-queue with a running task.
struct Promotion {
    copy: Copied,
    worker: Option<(FastQueue, Registration, Vec<Claim>)>,
}

impl Promotion {
    fn new(template: &Template, has_worker: bool) -> Self {
        let copy = template.copy();
        let worker = has_worker.then(|| {
            let queue = FastQueue::open(copy.path()).unwrap();
            let serves = Serves::new("default").commands(true);
            let registration = Registration::new(&queue, 1, serves).unwrap();
            let claims = claim(&queue, registration.info().id, 1);
            (queue, registration, claims)
        });
        Self { copy, worker }
    }

    /// The promotion; it checks once if the worker has ended.
    fn promote(&self) -> Command {
        let mut command = promote(&self.copy.path());
        if self.worker.is_some() {
            command.args(["--timeout", "0"]);
        }
        command
    }

    /// The owner of the file after the killed promotion. The worker first finishes its task, continues
    /// if it may, and ends.
    fn end(self, template: &Template) -> FileOwner {
        let path = self.copy.path();
        let Some((queue, registration, mut finished)) = self.worker else {
            return template.check(&path, &[]);
        };
        settle(&queue, &finished);
        let next = try_claim(&queue, registration.info().id, 1);
        let goes_on = next.is_ok();
        let next = next.unwrap_or_default();
        settle(&queue, &next);
        finished.extend(next);
        registration.close(&queue).unwrap();
        let owner = template.check(&path, &finished);
        assert_eq!(goes_on, owner == FileOwner::Fast);
        owner
    }
}

fn promote(path: &Path) -> Command {
    let mut command = Command::new(crate::program("workflow-queue"));
    command.arg("promote").arg(path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
