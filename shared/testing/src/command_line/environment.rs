//! Environment of commands and hooks: it is that of a plain shell in their folder with the worker's
//! variables, however the worker was started. The probe prints all of it.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::program::{Done, Process, Sandbox, path, until, variable};
use crate::skipped;

/// Script that prints a table of its environment to the file of that name, without the values of
/// variables that the worker sets for each task or hook.
const PROBE: &str = r#"
read -r pid command state parent group session terminal rest < /proc/$$/stat
{
    echo "descriptors" $(ls /proc/self/fd)
    echo "stdin $(readlink /proc/$$/fd/0)"
    echo "leads group $(($$ == group)) session $(($$ == session))"
    echo "terminal $terminal" $( (: < /dev/tty) 2>/dev/null && echo some || echo none)
    grep -E '^Sig(Blk|Ign)' /proc/self/status
    echo "folder $(pwd -P)"
    echo "umask $(umask)"
    echo "niceness $(nice)"
    ulimit -a
    ulimit -Hn
    cat /proc/self/cgroup /proc/self/oom_score_adj /proc/self/timerslack_ns
    tr '\0' '\n' < /proc/$$/environ | sed 's/^\(QUEUE_[A-Z_]*\)=.*/\1/' | sort
} > "$1.new" 2>&1
mv "$1.new" "$1"
"#;

/// Script that starts `$PROGRAM` with `$@` in an unusual state: with additional descriptors,
/// blocked and ignored signals, a low limit on open files, and the variables that systemd sets for
/// a service.
const UNUSUAL_START: &str = r#"
exec 5< /etc/passwd 7>> held 9< .
ulimit -S -n "$LIMIT"
exec env --block-signal=TERM,INT,HUP,CHLD,USR1,RTMIN+3 --ignore-signal=INT,QUIT,CHLD,PIPE,TSTP \
    -u LIMIT -u PROGRAM NOTIFY_SOCKET="$PWD/nowhere" WATCHDOG_PID=$$ WATCHDOG_USEC=30000000 \
    LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a "$PROGRAM" "$@"
"#;

/// Variables of every process in these tests.
fn variables(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut all = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("an.odd-name", "with = signs"),
        ("EMPTY", ""),
        ("TZ", "UTC"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let path = |name| sandbox.path(name).to_str().unwrap().to_owned();
    all.push((variable("DB"), path("queue.db")));
    all.push(("HOME".to_owned(), path("home")));
    all
}

/// A sandbox with a probe.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let probe = sandbox.write("probe", PROBE);
    std::fs::set_permissions(probe, std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox
}

/// The program with those arguments, started by [`UNUSUAL_START`].
fn unusual_start(sandbox: &Sandbox, limit: u32, words: &[&str]) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", UNUSUAL_START, "sh"])
        .args(words)
        .current_dir(sandbox.folder())
        .env_clear()
        .envs(variables(sandbox))
        .env("PROGRAM", super::program::path())
        .env("LIMIT", limit.to_string())
        .stdin(Stdio::null());
    shell
}

/// Output of the probe in a plain shell in the worker's folder, with the same limit and variables,
/// and with the variables that the worker sets.
fn plain(sandbox: &Sandbox, limit: u32, set_by_worker: &[&str]) -> String {
    let script = format!(
        "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -S -n {limit}; \
         exec setsid --wait env --default-signal /bin/sh ./probe plain"
    );
    let done = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir(sandbox.folder())
        .env_clear()
        .envs(variables(sandbox))
        .envs(set_by_worker.iter().map(|name| (*name, "set")))
        .env("PWD", sandbox.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let table = sandbox.read("plain");
    let without = |line: &&str| !line.starts_with("SigIgn") && !line.starts_with("descriptors");
    let mut lines: Vec<&str> = table.lines().filter(without).collect();
    // The machine that runs the tests may have given them more than a plain shell has.
    lines.extend(["descriptors 0 1 2 3", "SigIgn:\t0000000000000000"]);
    sorted(lines)
}

fn sorted(mut lines: Vec<&str>) -> String {
    lines.sort_unstable();
    lines.join("\n")
}

fn table(sandbox: &Sandbox, name: &str) -> String {
    until(name, || sandbox.path(name).exists());
    let text = sandbox.read(name);
    sorted(text.lines().collect())
}

const TASK_VARIABLES: &[&str] = &[
    "QUEUE_TASK_ID",
    "QUEUE_TASK_NAME",
    "QUEUE_ATTEMPT",
    "QUEUE_TOKEN",
    "QUEUE_WORKER",
    "QUEUE_DB",
];
const HOOK_VARIABLES: &[&str] = &[
    "QUEUE_TASK_ID",
    "QUEUE_TASK_NAME",
    "QUEUE_STATE",
    "QUEUE_EXIT_CODE",
    "QUEUE_SIGNAL",
    "QUEUE_ATTEMPT",
    "QUEUE_DB",
];

/// True if this machine has the programs that [`UNUSUAL_START`] needs.
fn can_start_unusually() -> bool {
    let can = Command::new("env")
        .args([
            "--block-signal=TERM",
            "--ignore-signal=INT",
            "setsid",
            "true",
        ])
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        skipped("there is no setsid, or an env that blocks signals");
    }
    can
}

/// Commands had the worker's session, ignored signals and descriptors (a lock among them), its
/// variables from systemd, and, in a third of the cases, its raised limit on open files.
pub fn commands_and_hooks_have_the_environment_of_a_plain_shell() {
    if !can_start_unusually() {
        return;
    }
    // The first needs no more descriptors than it has, the second does.
    for (limit, slots, background) in [(250, "2", false), (100, "2", false), (100, "200", true)] {
        let sandbox = sandbox();
        sandbox.ok(&["add-task", "shell", "exec /bin/sh ./probe shell"]);
        sandbox.ok(&["add-task", "program", "--", "./probe-program", "program"]);
        let script = sandbox.write("probe-program", format!("#!/bin/sh\n{PROBE}"));
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let hook = "test $QUEUE_TASK_ID = 2 || exit 0; exec /bin/sh ./probe hook";
        let mut words = vec!["worker", "--slots", slots, "--on-finish", hook];
        words.push(if background {
            "--background"
        } else {
            "--drain"
        });
        let done = unusual_start(&sandbox, limit, &words).output().unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{stderr}");
        let task = plain(&sandbox, limit, TASK_VARIABLES);
        assert_eq!(table(&sandbox, "shell"), task, "{limit} {slots}");
        assert_eq!(table(&sandbox, "program"), task, "{limit} {slots}");
        let hook = plain(&sandbox, limit, HOOK_VARIABLES);
        assert_eq!(table(&sandbox, "hook"), hook, "{limit} {slots}");
        if background {
            end(&done.stdout);
        }
    }
}

/// Ends the worker of the printed pid by SIGTERM, which was blocked at its start.
fn end(pid: &[u8]) {
    let pid: u32 = str::from_utf8(pid).unwrap().trim().parse().unwrap();
    let worker = Process::of(pid);
    let target = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(target, Signal::TERM).unwrap();
    until("the worker ends", || !worker.is_running());
}

/// A worker that was started with SIGTERM blocked could only be ended by SIGKILL.
pub fn a_worker_unblocks_signals_that_were_blocked_at_its_start() {
    if !can_start_unusually() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let sandbox = sandbox();
        sandbox.ok(&["add-task", "one", "touch ran"]);
        let mut worker = Sandbox::begin(&mut unusual_start(&sandbox, 250, &["worker"]));
        until("it works", || sandbox.path("ran").exists());
        worker.signal(signal);
        assert_eq!(worker.ended(), Some(0), "{signal:?}");
    }
}

/// The worker lowered its limit on open files only after it had started a command; 310 of 1,100
/// commands saw the raised one. `ENVIRONMENT=long` runs 10,000.
pub fn every_command_finds_the_same_limit_on_open_files() {
    if !can_start_unusually() {
        return;
    }
    let is_long = std::env::var_os("ENVIRONMENT").is_some_and(|form| form == "long");
    let count = if is_long { 10_000 } else { 300 };
    let sandbox = sandbox();
    sandbox.write(
        "digest",
        format!("{PROBE}\ncksum < \"$1\" >> tables; rm \"$1\""),
    );
    sandbox.enqueue(&"exec /bin/sh ./digest $QUEUE_TASK_ID\n".repeat(count));
    let done = unusual_start(&sandbox, 60, &["worker", "--slots", "64", "--drain"]).output();
    assert_eq!(done.unwrap().status.code(), Some(0));
    let tables = sandbox.read("tables");
    let mut tables: Vec<&str> = tables.lines().collect();
    assert_eq!(tables.len(), count);
    tables.sort_unstable();
    tables.dedup();
    assert_eq!(tables.len(), 1, "{tables:?}");
}

/// A worker in the background kept a lock of its parent, and its folder stayed in use.
pub fn a_worker_in_the_background_keeps_neither_a_lock_nor_a_folder() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("started-in");
    std::fs::create_dir(&folder).unwrap();
    let mut command = Command::new("flock");
    command
        .arg(sandbox.path("lock"))
        .arg(super::program::path())
        .args(["worker", "--background", "--on-finish", "pwd > ../hooked"])
        .current_dir(&folder)
        .env(variable("DB"), "../queue.db");
    let Ok(done) = command.output() else {
        return skipped("there is no flock");
    };
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let free = Command::new("flock")
        .arg("--nonblock")
        .arg(sandbox.path("lock"))
        .arg("true")
        .status();
    assert!(free.unwrap().success(), "the lock is free");
    let pid = String::from_utf8(done.stdout.clone()).unwrap();
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", pid.trim())).unwrap();
    assert_eq!(cwd.to_str(), Some("/"));
    // Tasks begin in their own folder, hooks where the worker was started.
    sandbox.ok(&["add-task", "where", "pwd > ran"]);
    until("the hook runs", || !sandbox.read("hooked").is_empty());
    assert_eq!(sandbox.read("ran").trim(), sandbox.folder());
    assert_eq!(
        sandbox.read("hooked").trim(),
        format!("{}/started-in", sandbox.folder())
    );
    end(&done.stdout);
}

/// Within a task a program without `--db` worked on the user's own default file, not on the task's.
pub fn within_a_task_its_database_is_the_default() {
    let sandbox = Sandbox::new();
    let nested = format!("{} add-task nested true", super::program::path());
    let run = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command
            .env_remove(variable("DB"))
            .env("XDG_DATA_HOME", sandbox.path("data"));
        let done = command.output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
    };
    run(&["--db", "queue.db", "add-task", "outer", &nested]);
    run(&[
        "--db",
        "queue.db",
        "worker",
        "--drain",
        "--on-finish",
        &format!(
            "test $QUEUE_TASK_NAME = outer && {} add-task hooked true",
            super::program::path()
        ),
    ]);
    assert_eq!(sandbox.state("2"), "succeeded");
    assert_eq!(sandbox.json(&["show", "3"])["name"], "hooked");
    assert!(!sandbox.path("data").exists(), "no other file was made");
    // An option or variable that names a file counts in a task too.
    let other = format!(
        "{} --db other.db add-task elsewhere true",
        super::program::path()
    );
    run(&["--db", "queue.db", "add-task", "outer", &other]);
    run(&["--db", "queue.db", "worker", "--drain"]);
    assert!(sandbox.path("other.db").exists());
}

/// Lines written for bash failed under `/bin/sh`.
pub fn a_shell_is_chosen_for_a_task_a_worker_or_a_file() {
    let sandbox = Sandbox::new();
    let bash = "words=(a b); [[ ${#words[@]} == 2 ]] && echo \"$0 ${words[1]}\"";
    if Command::new("bash").args(["-c", bash]).output().is_err() {
        return skipped("there is no bash");
    }
    sandbox.ok(&["add-task", "own", bash, "--shell", "bash"]);
    sandbox.enqueue(&format!(
        "{}\n",
        serde_json::json!({"command": bash, "shell": "/bin/bash"})
    ));
    sandbox.ok(&["add-task", "worker's", bash, "--max-attempts", "1"]);
    sandbox.enqueue("{\"command\":\"-x\",\"shell\":\"bash\",\"max_attempts\":1}\n");
    sandbox.ok(&[
        "add-task",
        "gone",
        "true",
        "--shell",
        "no-such-shell",
        "--max-attempts",
        "1",
    ]);
    assert_eq!(
        sandbox
            .run(&["worker", "--drain", "--shell", "bash"])
            .code(),
        1
    );
    assert_eq!(sandbox.ok(&["log", "1"]), "bash b\n");
    assert_eq!(sandbox.ok(&["log", "2"]), "/bin/bash b\n");
    assert_eq!(sandbox.ok(&["log", "3"]), "bash b\n");
    assert_eq!(sandbox.json(&["show", "4"])["exit_code"], 127);
    let message = sandbox.json(&["show", "5"])["message"].to_string();
    assert!(
        message.contains("the task's shell: there is no program"),
        "{message}"
    );
    assert_eq!(sandbox.json(&["show", "1"])["shell"], "bash");
    sandbox.write("lines", format!("{bash}\n"));
    assert_eq!(sandbox.run(&["run", "lines"]).code(), 1);
    assert_eq!(
        sandbox
            .run(&["run", "lines", "--retry-failed", "--shell", "bash"])
            .code(),
        0
    );
    for words in [
        &["add-task", "--shell", "bash", "--", "true"][..],
        &["add-task", "x", "true", "--shell", ""],
    ] {
        assert_eq!(sandbox.run(words).code(), 2, "{words:?}");
    }
}

/// The order of writes to two pipes is unknown; with one pipe it is kept.
pub fn merged_output_has_the_order_of_the_writes() {
    let sandbox = Sandbox::new();
    let script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo e$i >&2; done";
    sandbox.ok(&["add-task", "merged", script, "--merge-output"]);
    sandbox.ok(&["worker", "--drain"]);
    let lines: Vec<String> = (1..10)
        .map(|number| format!("{number}\ne{number}"))
        .collect();
    let expected = lines.join("\n") + "\n";
    assert_eq!(sandbox.ok(&["log", "1"]), expected);
    assert_eq!(sandbox.ok(&["log", "1", "--stdout"]), expected);
    assert_eq!(sandbox.ok(&["log", "1", "--stderr"]), "");
    assert_eq!(sandbox.json(&["show", "1"])["merge_output"], true);
}

/// The value that the task found for a variable.
fn found(sandbox: &Sandbox, words: &[&str], worker: &[(&str, &str)]) -> String {
    let mut add = sandbox.command(&[&["add-task"], words, &["env > found"]].concat());
    add.env("MINE", "of the submitter").env("SECRET", "hunter2");
    let added = Done(add.output().unwrap());
    assert_eq!(added.code(), 0, "{}", added.stderr());
    let mut command = sandbox.command(&["worker", "--slots", "1", "--drain"]);
    assert!(
        command
            .envs(worker.iter().copied())
            .output()
            .unwrap()
            .status
            .success()
    );
    sandbox.read("found")
}

pub fn a_variable_without_a_value_has_that_of_the_submitter() {
    let sandbox = Sandbox::new();
    let of_worker = [("MINE", "of the worker"), ("THEIRS", "1")];
    let variables = found(&sandbox, &["--env", "MINE"], &of_worker);
    assert!(variables.contains("MINE=of the submitter\n"), "{variables}");
    assert!(variables.contains("THEIRS=1\n"));
    let refused = sandbox.run(&["add", "--env", "NOT_SET_ANYWHERE", "true"]);
    assert_eq!(refused.code(), 2);
    assert!(
        refused
            .stderr()
            .contains("NOT_SET_ANYWHERE is not set here")
    );
}

pub fn the_environment_of_the_submitter_replaces_that_of_the_worker() {
    let sandbox = Sandbox::new();
    let words = [
        "--inherit-env",
        "--env",
        "QUEUE_STATE=mine",
        "--env",
        "ALSO=x",
    ];
    let variables = found(
        &sandbox,
        &words,
        &[("MINE", "of the worker"), ("THEIRS", "1")],
    );
    for expected in ["MINE=of the submitter\n", "ALSO=x\n", "QUEUE_TASK_ID=1\n"] {
        assert!(variables.contains(expected), "{expected}: {variables}");
    }
    assert!(!variables.contains("THEIRS="), "{variables}");
    // Within a task, the marks of that task are not handed on to another.
    sandbox.ok(&[
        "add",
        &format!("{} add --inherit-env 'env > nested'", path()),
    ]);
    sandbox.ok(&["worker", "--slots", "1", "--drain"]);
    let nested = sandbox.read("nested");
    assert!(nested.contains("QUEUE_TASK_ID=3\n"), "{nested}");
    assert_eq!(nested.matches("QUEUE_TOKEN=").count(), 1);
}

/// `list` and `show` printed the values of variables, which may be secrets.
pub fn values_of_variables_are_shown_by_show_env_alone() {
    let sandbox = Sandbox::new();
    found(
        &sandbox,
        &["--env", "SECRET", "--env", "GIVEN=hunter3"],
        &[],
    );
    sandbox.ok(&[
        "add",
        "--env",
        "SECRET=hunter4",
        "exit 1",
        "--max-attempts",
        "1",
    ]);
    sandbox.run(&["worker", "--drain"]);
    for words in [
        &["show", "all"][..],
        &["show", "all", "-o", "json"],
        &["show", "--env", "all", "-o", "json"],
        &["list"],
        &["list", "-o", "json"],
        &["why", "all"],
        &["wait", "all", "1-2", "-o", "json"],
        &["add", "--env", "=hunter5", "true"],
    ] {
        let done = sandbox.run(words);
        let printed = done.stdout() + &done.stderr();
        assert!(!printed.contains("hunter"), "{words:?}: {printed}");
        assert!(!printed.is_empty(), "{words:?}");
    }
    let shown = sandbox.ok(&["show", "--env", "1"]);
    assert!(shown.contains("SECRET=hunter2") && shown.contains("GIVEN=hunter3"));
    assert_eq!(
        sandbox.json(&["show", "1"])["env"]["SECRET"],
        serde_json::Value::Null
    );
}
