//! Bringing commands to an end, and what they leave behind.

use super::*;

/// Starts a command and waits until it has made the file `ready`.
fn started(bench: &mut Bench, command: &str) -> Claim {
    let claim = bench.old_shell(command);
    let ready = bench.path("ready");
    bench.until(|| std::fs::metadata(&ready).is_ok_and(|file| file.len() > 0));
    claim
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn terminate_reaches_the_whole_process_group() {
    let mut bench = Bench::new();
    let claim = started(&mut bench, "sleep 1000 & echo $! > ready; wait");
    let background = read(&bench.path("ready"));
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    assert_eq!(bench.end_of(claim).end, End::Signalled(15));
    bench.until(|| !is_running(&background));
}

/// TERM does not reach a stopped process before it goes on: its task lasted until KILL, and nothing
/// it would have tidied up was. TERM is followed by CONT.
#[test]
fn terminate_ends_a_stopped_command() {
    let mut bench = Bench::new();
    let claim = started(
        &mut bench,
        "trap ': > tidied; exit 3' TERM; echo $$ > ready; kill -STOP $$; sleep 1000",
    );
    let pid = read(&bench.path("ready"));
    bench.until(|| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
        stat.rsplit(')').next().unwrap().starts_with(" T")
    });
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    let (tidied, deadline) = (
        bench.path("tidied"),
        SystemClock.now().boot.after(PATIENCE / 3),
    );
    bench.until(|| tidied.exists() || SystemClock.now().boot > deadline);
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    assert!(tidied.exists(), "it heeded TERM");
    assert!(matches!(
        bench.end_of(claim).end,
        End::Exited(3) | End::Signalled(9)
    ));
}

#[test]
fn a_command_that_ignores_terminate_is_ended_by_kill() {
    let mut bench = Bench::new();
    let claim = started(
        &mut bench,
        "trap 'echo got it' TERM; echo x > ready; while :; do sleep 1000 & wait $!; done",
    );
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    let log = bench.log(claim);
    bench.until(|| log.exists() && log_texts(&log).0 == "got it\n");
    assert_eq!(bench.executor.running(), 1);
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.end_of(claim).end, End::Signalled(9));
}

#[test]
fn after_terminate_the_group_may_finish_what_it_does() {
    let mut bench = Bench::new();
    let claim = started(
        &mut bench,
        "sh -c 'trap \"echo tidy; : > tidied; exit\" TERM; echo x > ready; \
         while :; do sleep 0.1; done' & wait",
    );
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    let ended = bench.end_of(claim);
    assert_eq!(ended.end, End::Signalled(15));
    assert!(bench.path("tidied").exists());
}

#[test]
fn kill_ends_a_group_whose_command_has_exited_already() {
    let mut bench = Bench::new();
    let claim = started(
        &mut bench,
        "echo $$ > shell; sh -c 'trap : TERM; echo $$ > ready; while :; do sleep 0.1; done' & wait",
    );
    let stubborn = read(&bench.path("ready"));
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    let shell = read(&bench.path("shell"));
    bench.until(|| !is_running(&shell));
    assert_eq!((bench.executor.running(), bench.ended.len()), (1, 0));
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.end_of(claim).end, End::Signalled(15));
    bench.until(|| !is_running(&stubborn));
}

#[test]
fn a_task_is_done_when_its_command_exits_whatever_it_left_running() {
    let mut bench = Bench::new();
    let ended = bench.run("sleep 1000 & echo $!");
    assert_eq!(ended.end, End::Exited(0));
    let background = stdout(&ended).replace("<given up>", "");
    assert!(is_running(&background), "it is left alone");
    end(&background);
}

/// A command whose output is waited for, and that is to be ended meanwhile, has ended already: its own
/// end counts, and what it left running is left alone.
#[test]
fn a_command_that_has_exited_is_not_ended_once_more() {
    let mut bench = Bench::new();
    bench.executor = bench.executor.with_output_grace(Duration::from_secs(3600));
    let claim = bench.old_shell("sleep 1000 & echo $! > left; echo $$ > ready; exit 4");
    let ready = bench.path("ready");
    bench.until(|| {
        std::fs::read_to_string(&ready).is_ok_and(|pid| !pid.is_empty() && !is_running(&pid))
    });
    let now = SystemClock.now();
    let soon = now.boot.after(Duration::from_millis(1));
    let executor = &mut bench.executor;
    executor
        .wait(now, Some(soon), &mut bench.ended, &mut Vec::new())
        .unwrap();
    assert_eq!((bench.executor.running(), bench.ended.len()), (1, 0));
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.end_of(claim).end, End::Exited(4));
    let left = read(&bench.path("left"));
    assert!(is_running(&left));
    end(&left);
}

#[test]
fn a_background_process_that_keeps_writing_does_not_keep_the_task() {
    let mut bench = Bench::new();
    let claim = bench.flood("yes & echo first; exit 3");
    let ended = bench.end_of(claim);
    assert_eq!(ended.end, End::Exited(3));
    assert_eq!(bench.executor.running(), 0);
}

#[test]
fn signals_for_what_does_not_run_do_nothing() {
    let mut bench = Bench::new();
    let claim = bench.shell("true");
    assert_eq!(bench.end_of(claim).end, End::Exited(0));
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.run("exit 4").end, End::Exited(4));
}

#[test]
fn what_still_runs_ends_with_its_executor() {
    let mut bench = Bench::new();
    started(&mut bench, "echo $$ > ready; sleep 1000");
    let pid = read(&bench.path("ready"));
    let Bench {
        executor,
        folder: _folder,
        ..
    } = bench;
    drop(executor);
    assert!(!is_running(&pid));
}

#[test]
fn waiting_ends_at_its_time_and_for_watched_descriptors() {
    let mut bench = Bench::new();
    let (reader, writer) = std::os::unix::net::UnixDatagram::pair().unwrap();
    bench.executor.watch(reader.as_fd(), 42).unwrap();
    let claim = bench.shell("sleep 1000");
    let (mut ended, mut ready) = (Vec::new(), Vec::new());
    let now = SystemClock.now();
    let until = now.boot.after(Duration::from_millis(30));
    let wait = |bench: &mut Bench, ended: &mut _, ready: &mut _| {
        bench.executor.wait(now, Some(until), ended, ready).unwrap();
    };
    wait(&mut bench, &mut ended, &mut ready);
    assert!(SystemClock.now().boot >= until);
    assert!(ended.is_empty() && ready.is_empty());
    writer.send(b"wake").unwrap();
    wait(&mut bench, &mut ended, &mut ready);
    assert_eq!(ready, [42]);
    ready.clear();
    bench.executor.unwatch(reader.as_fd());
    wait(&mut bench, &mut ended, &mut ready);
    assert!(ready.is_empty());
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    bench.end_of(claim);
}
