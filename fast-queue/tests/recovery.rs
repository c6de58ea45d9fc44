//! Dead workers: another worker ends their processes and returns their tasks.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, mpsc};

use fast_queue::FastQueue;
use queue_core::claim::WorkerId;
use queue_core::queue::{Serves, WorkerInfo};
use queue_core::runtime::{Observer, Recovered, Worker, WorkerEvent, WorkerOptions, recover_once};
use queue_core::sidecar::Waker;
use queue_core::sidecar::boot_id;
use queue_core::{NewTask, Queue, State};
use queue_testing::patience::until;
use queue_testing::processes::is_running;

/// Set for the process that plays the worker to be killed.
const VICTIM: &str = "QUEUE_TEST_VICTIM_OF";

struct Events(mpsc::Sender<WorkerEvent>);

impl Observer for Events {
    fn on(&mut self, event: &WorkerEvent) {
        let _ = self.0.send(event.clone());
    }
}

fn recovery(event: WorkerEvent) -> Option<Recovered> {
    if let WorkerEvent::Recovered(recovered) = event {
        Some(recovered)
    } else {
        None
    }
}

/// Not a test of its own: the others start it as a process to be killed.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let queue = Arc::new(FastQueue::open(Path::new(&path)).unwrap());
    let options = WorkerOptions::new(NonZeroU32::new(4).unwrap()).commands(true);
    let worker = Worker::new(queue, options).unwrap();
    let _signals = worker.stopper().on_signals().unwrap();
    worker.run(&mut ()).unwrap();
}

/// Worker process, killed at the end of a test.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_victim(queue: &FastQueue) -> Victim {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, queue.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    Victim(child)
}

/// Task that leaves its group and session, and writes down its process id.
fn escapee(marks: &Path) -> NewTask {
    let command = format!(
        "setsid sh -c 'echo $$ > {0}/pid; exec sleep 300' & echo started > {0}/started; wait",
        marks.display()
    );
    NewTask::shell("escapee", command)
}

#[test]
fn a_live_worker_recovers_a_killed_one_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
    let task = queue.enqueue(vec![escapee(folder.path())]).unwrap()[0].id;
    let mut victim = start_victim(&queue);
    until("the escapee runs", || folder.path().join("pid").exists());
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();

    let options = WorkerOptions::new(NonZeroU32::MIN).commands(true);
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let stopper = worker.stopper();
    let (sender, events) = mpsc::channel();
    let running = std::thread::spawn(move || worker.run(&mut Events(sender)).unwrap());
    assert_eq!(queue.live_workers().unwrap().len(), 2);
    victim.0.kill().unwrap();
    let recovered = events.iter().find_map(recovery).unwrap();
    assert_eq!(recovered.tasks[0].claim.task, task);
    assert!(recovered.ended >= 2, "the shell and what left it");
    assert!(!is_running(&pid));
    let started = |event: &WorkerEvent| matches!(event, WorkerEvent::Started { .. });
    assert!(events.iter().any(|event| started(&event)));
    assert_eq!(queue.get(task).unwrap().unwrap().crashes, 1);
    stopper.stop();
    stopper.stop();
    assert_eq!(running.join().unwrap().recovered, 1);
}

#[test]
fn a_program_that_is_no_worker_can_recover_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let task = queue.enqueue(vec![escapee(folder.path())]).unwrap()[0].id;
    let mut victim = start_victim(&queue);
    until("the escapee runs", || folder.path().join("pid").exists());
    assert_eq!(recover_once(&queue).unwrap(), vec![], "it lives");
    victim.0.kill().unwrap();
    victim.0.wait().unwrap();
    let recovered = recover_once(&queue).unwrap();
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].unreachable, Vec::<u32>::new());
    let task = queue.get(task).unwrap().unwrap();
    assert_eq!((task.state, task.crashes), (State::Queued, 1));
    assert_eq!(queue.workers().unwrap(), vec![]);
    let left = std::fs::read_dir(queue.sidecar().workers()).unwrap();
    assert_eq!(left.count(), 0);
}

/// Worker of an earlier boot, whose lock is free.
fn long_dead(queue: &FastQueue, id: WorkerId) -> WorkerInfo {
    let info = WorkerInfo::new(
        id,
        std::process::id(),
        format!("not {}", boot_id().unwrap()),
    )
    .started_at(queue.now().wall)
    .slots(1)
    .serves(Serves::new("default").commands(true));
    queue.register(&info).unwrap();
    info
}

/// Bug: if one lock could not be opened, of a worker that another user had run, no worker
/// registered after it was recovered.
#[test]
fn a_lock_that_cannot_be_tried_does_not_prevent_other_recoveries() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
    queue.enqueue(vec![NewTask::shell("t", "true")]).unwrap();
    let foreign = long_dead(&queue, WorkerId(1)).id;
    std::fs::create_dir(queue.sidecar().worker_lock(foreign)).unwrap();
    let dead = long_dead(&queue, WorkerId(2)).id;
    let request = queue_core::ClaimRequest::new(dead, 1).commands(true);
    queue.claim(&request).unwrap();
    let mut options = WorkerOptions::new(NonZeroU32::MIN).commands(true);
    options.drain = true;
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let summary = worker.run(&mut ()).unwrap();
    assert_eq!((summary.recovered, summary.succeeded), (1, 1));
}

#[test]
fn a_worker_of_an_earlier_boot_is_recovered_without_looking_at_processes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    queue.enqueue(vec![NewTask::shell("t", "true")]).unwrap();
    let worker = long_dead(&queue, WorkerId(77)).id;
    let request = queue_core::ClaimRequest::new(worker, 1).commands(true);
    let claim = queue.claim(&request).unwrap().tasks[0].claim;
    let recovered = recover_once(&queue).unwrap();
    assert_eq!(recovered[0].tasks[0].claim, claim);
    assert_eq!(recovered[0].ended, 0);
}

/// Number of descriptors of this process that watch the process `pid`.
fn watchers_of(pid: u32) -> usize {
    let line = format!("Pid:\t{pid}");
    let infos = std::fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let watches = |text: &String| text.lines().any(|own| own == line);
    let texts = infos.filter_map(|info| std::fs::read_to_string(info.path()).ok());
    texts.filter(watches).count()
}

/// Bug: a process in which workers come and go, such as a program that embeds the queue, cost every
/// other worker a descriptor for each of them as long as it lived.
#[test]
fn a_worker_that_left_is_not_watched_although_its_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
    let options = WorkerOptions::new(NonZeroU32::MIN).commands(true);
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let (own, stopper) = (worker.id(), worker.stopper());
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    let process = Victim(Command::new("sleep").arg("300").spawn().unwrap());
    let waker = Waker::new(queue.sidecar().clone());
    for id in [WorkerId(1), WorkerId(2)] {
        let lock = File::create(queue.sidecar().worker_lock(id)).unwrap();
        lock.lock().unwrap();
        let mut guest = queue.workers().unwrap().remove(0);
        (guest.id, guest.pid) = (id, process.0.id());
        queue.register(&guest).unwrap();
        waker.wake_peer(own);
        until("one watches", || watchers_of(process.0.id()) == 1);
        queue.deregister(id).unwrap();
        waker.wake_peer(own);
        until("nobody watches", || watchers_of(process.0.id()) == 0);
    }
    stopper.stop();
    assert_eq!(running.join().unwrap().recovered, 0);
}

#[test]
fn files_of_dead_workers_are_swept_and_those_of_live_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
    let stray = queue.sidecar().worker_lock(queue_core::WorkerId(5));
    std::fs::write(&stray, "").unwrap();
    let options = WorkerOptions::new(NonZeroU32::MIN).commands(true);
    let one = Worker::new(Arc::clone(&queue), options.clone()).unwrap();
    let two = Worker::new(Arc::clone(&queue), options).unwrap();
    assert!(!stray.exists());
    assert!(queue.sidecar().worker_lock(one.id()).exists());
    assert!(queue.sidecar().worker_socket(one.id()).exists());
    assert!(queue.sidecar().worker_lock(two.id()).exists());
}

#[test]
fn sigterm_lets_a_task_finish_and_the_worker_deregister() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let started = folder.path().join("started");
    let command = format!("touch {}; sleep 0.2", started.display());
    let task = queue.enqueue(vec![NewTask::shell("t", command)]).unwrap()[0].id;
    let mut victim = start_victim(&queue);
    until("the task runs", || started.exists());
    let pid = rustix::process::Pid::from_child(&victim.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(victim.0.wait().unwrap().success());
    assert_eq!(queue.get(task).unwrap().unwrap().state, State::Succeeded);
    assert_eq!(queue.workers().unwrap(), vec![]);
}

/// Two workers, one of which is killed again and again: every task ends well, no two runs of one
/// task overlap, and there are no more runs than the kills explain.
#[test]
fn tasks_survive_workers_that_are_killed_again_and_again() {
    const TASKS: usize = 150;
    const KILLS: usize = 8;
    const SLOTS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let log = folder.path().join("log");
    let say = |word| {
        format!(
            "echo {word} $QUEUE_TASK_ID $QUEUE_TOKEN >> {}",
            log.display()
        )
    };
    let command = format!("{}; sleep 0.05; {}", say("start"), say("end"));
    let options = queue_core::TaskOptions::default().max_crashes(100);
    let task = NewTask::shell("t", command).options(options);
    queue.enqueue(vec![task; TASKS]).unwrap();
    let lines = || std::fs::read_to_string(&log).unwrap_or_default();

    let mut workers = [start_victim(&queue), start_victim(&queue)];
    for kill in 0..KILLS {
        let seen = lines().len();
        until("more tasks have run", || {
            lines().len() > seen + 100 || lines().matches("end").count() >= TASKS
        });
        workers[kill % 2] = start_victim(&queue);
    }
    until("every task has succeeded", || {
        queue.stats().unwrap().count(State::Succeeded) == TASKS as u64
    });

    let mut latest = std::collections::BTreeMap::new();
    let mut starts = 0;
    for line in lines().lines() {
        let words: Vec<_> = line.split(' ').collect();
        let token: i64 = words[2].parse().unwrap();
        if words[0] == "start" {
            starts += 1;
            let before = latest.insert(words[1].to_owned(), token);
            assert!(before.is_none_or(|before| before < token), "{line}");
        } else {
            assert_eq!(
                latest.get(words[1]),
                Some(&token),
                "an overtaken run went on: {line}"
            );
        }
    }
    assert!(
        starts <= TASKS + KILLS * SLOTS,
        "{starts} runs of {TASKS} tasks"
    );
}
