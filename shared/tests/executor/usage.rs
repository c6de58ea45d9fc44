//! Processor time and memory that commands used.

use super::*;

use queue_core::runtime::handlers::Done;

/// Ends after a second of processor time: the system kills it.
const BURN: &str = "ulimit -t 1; while :; do :; done";
/// Processor time of [`BURN`] in microseconds, at least: for its limit, the system estimates the time
/// by what runs at each tick.
const BURNT_US: u64 = 500_000;

/// Peak memory of this process in KiB.
fn own_peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kb = line.unwrap().split_whitespace().nth(1).unwrap();
    kb.parse().unwrap()
}

#[test]
fn a_command_that_was_killed_has_its_processor_time() {
    let mut bench = Bench::new();
    let claim = bench.flood(BURN);
    let ended = bench.end_of(claim);
    assert!(matches!(ended.end, End::Signalled(_)), "{ended:?}");
    assert!(ended.usage.cpu_us.unwrap() >= BURNT_US, "{ended:?}");
}

#[test]
fn a_command_that_is_told_to_end_has_its_processor_time() {
    let mut bench = Bench::new();
    for ending in [Ending::Terminate, Ending::Kill] {
        let claim = bench.flood("while :; do echo x; done > /dev/null");
        bench.executor.signal(claim, ending, StopReason::TimedOut);
        let ended = bench.end_of(claim);
        assert!(matches!(ended.end, End::Signalled(_)), "{ended:?}");
        assert!(ended.usage.cpu_us.unwrap() > 0, "{ended:?}");
    }
}

#[test]
fn processes_that_the_command_waited_for_are_included() {
    let mut bench = Bench::new();
    let claim = bench.flood(&format!("sh -c '{BURN}' & wait $! || exit 3"));
    let ended = bench.end_of(claim);
    assert_eq!(ended.end, End::Exited(3));
    assert!(ended.usage.cpu_us.unwrap() >= BURNT_US, "{ended:?}");
}

/// A command begins in the memory of its worker: `true` below a worker of 300 MiB would be reported
/// with 302 MiB.
#[test]
fn memory_is_known_only_above_the_workers_own_peak() {
    let mut bench = Bench::new();
    let small = bench.run("true").usage;
    assert_eq!(small.rss_kb, None, "this process is larger than `true`");
    let pages = vec![1_u8; 128 << 20];
    assert!(own_peak_kb() > 128 << 10, "{}", pages.len());
    assert_eq!(bench.run("true").usage.rss_kb, None);
    let more_kb = own_peak_kb() + (64 << 10);
    // Reads into a buffer of that size.
    let command = format!("dd if=/dev/zero of=/dev/null bs={more_kb}K count=1 2> /dev/null");
    let large = bench.run(&command);
    assert_eq!(large.end, End::Exited(0));
    assert!(large.usage.rss_kb.unwrap() >= more_kb, "{large:?}");
}

#[test]
fn a_handler_has_no_figures() {
    let mut bench = Bench::with(Handlers::new().register("work", |_| Ok(Done::Succeeded)));
    let claim = bench.start(Work::Handler {
        handler: "work".to_owned(),
        payload: Vec::new(),
    });
    let ended = bench.end_of(claim);
    assert_eq!((ended.usage.cpu_us, ended.usage.rss_kb), (None, None));
}
