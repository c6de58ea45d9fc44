//! Where output is kept, how much of it, and how it is read.

use super::*;

use std::os::unix::fs::MetadataExt;

use queue_core::settings::FileSettings;
use queue_testing::patience::until;

/// Bound of a log in these tests.
const LOG_BYTES: u64 = 1 << 20;

fn bounded(bench: &mut Bench) {
    let read = || {
        let mut settings = FileSettings::default();
        settings.log_size = LOG_BYTES;
        Ok(settings)
    };
    let executor = std::mem::replace(&mut bench.executor, Bench::new().executor);
    bench.executor = executor.with_settings(Arc::new(read));
}

#[test]
fn little_output_of_a_short_command_is_handed_over_in_the_order_of_arrival() {
    let mut bench = Bench::new();
    let ended = bench.run("echo out; echo err >&2");
    let output = ended.output.unwrap();
    assert_eq!(texts(&output), ("out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(
        std::fs::read_dir(bench.path("tasks.db.d/log"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_command_that_writes_nothing_leaves_nothing() {
    let mut bench = Bench::new();
    for claim in [bench.shell("true"), bench.old_shell("true")] {
        assert_eq!(bench.end_of(claim).output, None);
        assert!(!bench.log(claim).exists());
    }
}

/// Output was read until the command's exit: what a process substitution still passed on was lost.
/// It is read to its end, while exit code and time are those of the exit.
#[test]
fn output_is_read_to_its_end_which_may_come_after_the_commands() {
    let mut bench = Bench::new();
    let script = "exec > >(while read -r line; do sleep 0.05; echo \"got $line\"; done | tee copy)\n\
                  echo one; echo two; exit 3";
    let words = ["bash", "-c", script].map(str::to_owned);
    let claim = bench.start(Work::Argv(words.to_vec()));
    let ended = bench.end_of(claim);
    let now = SystemClock.now().boot;
    assert_eq!(ended.end, End::Exited(3));
    assert_eq!(stdout(&ended), "got one\ngot two\n");
    assert!(
        ended.at.after(Duration::from_millis(40)) < now,
        "it ended at its exit"
    );
}

/// What a command leaves in the background with its output costs its slot the output grace once, and
/// no other slot anything.
#[test]
fn output_that_is_held_for_ever_is_given_up_and_says_so() {
    let mut bench = Bench::new();
    bench.executor = bench.executor.with_output_grace(Duration::from_secs(1));
    let claim = bench.shell("echo mine; sleep 1000 & echo $! > left");
    let others: Vec<_> = (0..3).map(|_| bench.shell("exit 1")).collect();
    for other in others {
        assert_eq!(bench.end_of(other).end, End::Exited(1));
    }
    assert_eq!((bench.executor.running(), bench.ended.len()), (1, 0));
    let ended = bench.end_of(claim);
    let now = SystemClock.now().boot;
    assert_eq!(ended.end, End::Exited(0));
    assert_eq!(stdout(&ended), "mine\n<given up>");
    assert!(now.since(ended.at) >= Duration::from_secs(1));
    end(&std::fs::read_to_string(bench.path("left")).unwrap());
    // The same where the output is in a log, and what is given up is given up at once.
    bench.executor = bench.executor.with_output_grace(Duration::ZERO);
    let claim = bench.old_shell("echo mine; sleep 1000 & echo $! > left; sleep 0.1");
    assert_eq!(bench.end_of(claim).output, None);
    assert_eq!(log_texts(&bench.log(claim)).0, "mine\n<given up>");
    end(&std::fs::read_to_string(bench.path("left")).unwrap());
}

#[test]
fn binary_output_comes_back_as_it_was() {
    let mut bench = Bench::new();
    let ended = bench.run("printf '\\000\\377o1\\nx5\\n\\033[31m'");
    let mut bytes = (Vec::new(), Vec::new());
    for chunk in ended.output.unwrap().chunks() {
        collect(&chunk.unwrap(), &mut bytes);
    }
    assert_eq!(bytes.0, b"\0\xffo1\nx5\n\x1b[31m");
}

#[test]
fn a_command_may_close_its_outputs_and_go_on() {
    let mut bench = Bench::new();
    let ended = bench.run("echo before; exec >&- 2>&-; sleep 0.05; exit 9");
    assert_eq!(ended.end, End::Exited(9));
    assert_eq!(stdout(&ended), "before\n");
}

#[test]
fn output_of_a_longer_command_is_in_its_log_while_it_runs() {
    let mut bench = Bench::new();
    let made = std::process::Command::new("mkfifo")
        .arg(bench.path("go"))
        .status();
    assert!(made.unwrap().success());
    let claim = bench.old_shell("echo one; read line < go; echo two >&2");
    let log = bench.log(claim);
    bench.until(|| log.exists());
    let mut reader = LogReader::new(log.clone());
    let mut seen = (Vec::new(), Vec::new());
    assert!(reader.read(|chunk| collect(&chunk, &mut seen)).unwrap());
    assert_eq!(text_pair(&seen), ("one\n".to_owned(), String::new()));
    std::fs::write(bench.path("go"), "\n").unwrap();
    let ended = bench.end_of(claim);
    assert_eq!(ended.output, None);
    reader.read(|chunk| collect(&chunk, &mut seen)).unwrap();
    assert_eq!(text_pair(&seen), ("one\n".to_owned(), "two\n".to_owned()));
    assert_eq!(std::fs::metadata(log).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn sixteen_kilobytes_go_to_a_log_at_once() {
    let mut bench = Bench::new();
    let claim = bench.shell("head -c 16383 /dev/zero");
    assert_eq!(stdout(&bench.end_of(claim)).len(), 16383);
    let claim = bench.shell("head -c 16384 /dev/zero");
    assert_eq!(bench.end_of(claim).output, None);
    assert_eq!(log_texts(&bench.log(claim)).0.len(), 16384);
}

#[test]
fn a_log_does_not_follow_a_planted_link_and_replaces_an_earlier_file() {
    let mut bench = Bench::new();
    let target = bench.path("target");
    std::fs::write(&target, "precious").unwrap();
    let log = Sidecar::of(&bench.path("tasks.db")).log(TaskId(1), 1);
    std::os::unix::fs::symlink(&target, &log).unwrap();
    let claim = bench.shell("head -c 20000 /dev/zero");
    bench.end_of(claim);
    assert_eq!(std::fs::read_to_string(target).unwrap(), "precious");
    assert_eq!(log_texts(&log).0.len(), 20000);
}

#[test]
fn a_task_that_runs_again_under_the_same_attempt_does_not_show_the_old_log() {
    let mut bench = Bench::new();
    let mut task = bench.task(Work::Shell("head -c 20000 /dev/zero".to_owned()));
    bench.executor.start(&task, young()).unwrap();
    bench.end_of(task.claim);
    assert!(bench.log(task.claim).exists());
    task.work = Work::Shell("echo short".to_owned());
    task.claim.token = 2;
    bench.executor.start(&task, young()).unwrap();
    assert_eq!(stdout(&bench.end_of(task.claim)), "short\n");
    // A thread of its own deletes it. There is a new log if the command took long.
    let log = bench.log(task.claim);
    until("the old log is gone", || {
        let metadata = std::fs::metadata(&log).ok();
        metadata.is_none_or(|metadata| metadata.len() < 1_000)
    });
}

#[test]
fn without_a_log_folder_the_head_is_kept_and_the_rest_counted() {
    let mut bench = Bench::new();
    std::fs::remove_dir(bench.path("tasks.db.d/log")).unwrap();
    let claim = bench.flood("head -c 100000 /dev/zero | tr '\\0' a");
    let ended = bench.end_of(claim);
    assert_eq!(ended.end, End::Exited(0));
    let text = stdout(&ended);
    let kept = text.trim_start_matches('a');
    let head = text.len() - kept.len();
    assert!((16_000..=16_384).contains(&head));
    assert_eq!(kept, format!("<{}>", 100_000 - head));
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() << 10
}

/// Bytes of all files of a log.
fn log_bytes(log: &Path) -> u64 {
    let files = ["", ".a", ".b", ".new"].map(|ending| format!("{}{ending}", log.display()));
    let files = files.iter().filter_map(|file| std::fs::metadata(file).ok());
    files.map(|file| file.len()).sum()
}

/// Bug: the memory of other tests, which ran in the same process, was taken for that of the flood. Now it
/// has a process of its own.
#[test]
fn a_flood_is_cut_to_head_and_tail_in_bounded_memory_and_files() {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "output::a_flood_alone"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn a_flood_alone() {
    let mut bench = Bench::new();
    bounded(&mut bench);
    let before = resident();
    let claim = bench.flood("echo HEAD; head -c 200M /dev/zero | tr '\\0' z; echo TAIL");
    let log = bench.log(claim);
    let bound = LOG_BYTES + LOG_BYTES / 4 + 1024;
    let (mut largest, mut memory) = (0, 0);
    while bench.ended.is_empty() {
        let now = SystemClock.now();
        let soon = now.boot.after(Duration::from_millis(2));
        let executor = &mut bench.executor;
        executor
            .wait(now, Some(soon), &mut bench.ended, &mut Vec::new())
            .unwrap();
        largest = largest.max(log_bytes(&log));
        memory = memory.max(resident());
    }
    assert_eq!(bench.end_of(claim).end, End::Exited(0));
    assert!(largest <= bound, "the log grew to {largest} bytes");
    assert!(
        memory < before + (16 << 20),
        "memory grew from {before} to {memory}"
    );
    let text = log_texts(&log).0;
    assert!(text.starts_with("HEAD\nzzz") && text.ends_with("zzzTAIL\n"));
    let total = 200 * 1024 * 1024 + 10;
    let (head, tail) = text.split_once('<').unwrap();
    let (omitted, tail) = tail.split_once('>').unwrap();
    assert_eq!(head.len() as u64, LOG_BYTES / 2);
    assert!((LOG_BYTES / 4..=LOG_BYTES / 2).contains(&(tail.len() as u64)));
    let omitted: usize = omitted.parse().unwrap();
    assert_eq!(head.len() + omitted + tail.len(), total);
    assert_eq!(std::fs::read_dir(log.parent().unwrap()).unwrap().count(), 3);
}

#[test]
fn a_follower_keeps_its_place_while_a_flood_is_cut() {
    let mut bench = Bench::new();
    bounded(&mut bench);
    let claim = bench.flood("seq 1 2000000");
    let mut reader = LogReader::new(bench.log(claim));
    let mut seen = Vec::new();
    let mut omitted = 0;
    while bench.ended.is_empty() {
        let now = SystemClock.now();
        let soon = now.boot.after(Duration::from_millis(1));
        let executor = &mut bench.executor;
        executor
            .wait(now, Some(soon), &mut bench.ended, &mut Vec::new())
            .unwrap();
        take(&mut reader, &mut seen, &mut omitted);
    }
    take(&mut reader, &mut seen, &mut omitted);
    let total: usize = (1..=2_000_000_u32)
        .map(|number| number.to_string().len() + 1)
        .sum();
    assert_eq!(seen.len() as u64 + omitted, total as u64);
    assert!(seen.starts_with(b"1\n2\n3\n") && seen.ends_with(b"\n1999999\n2000000\n"));
}

fn take(reader: &mut LogReader, seen: &mut Vec<u8>, omitted: &mut u64) {
    let piece = |chunk: Chunk<'_>| match chunk {
        Chunk::Written { bytes, .. } => seen.extend_from_slice(&bytes),
        Chunk::Omitted(bytes) => *omitted += bytes,
        Chunk::GivenUp | _ => {}
    };
    reader.read(piece).unwrap();
}
