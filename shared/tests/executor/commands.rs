//! Starting commands, and how they end by themselves.

use std::io::Write;

use super::*;

fn argv(arguments: &[&str]) -> Work {
    Work::Argv(arguments.iter().map(|&text| text.to_owned()).collect())
}

/// The sentence a task is refused with.
fn refusal(bench: &mut Bench, task: &ClaimedTask) -> String {
    let problem = bench.executor.start(task, SystemClock.now()).unwrap_err();
    assert_eq!(bench.executor.running(), 0);
    problem.to_string()
}

#[test]
fn exit_codes_and_signals_are_reported() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("true").end, End::Exited(0));
    assert_eq!(bench.run("exit 7").end, End::Exited(7));
    assert_eq!(bench.run("exit 255").end, End::Exited(255));
    assert_eq!(bench.run("kill -TERM $$").end, End::Signalled(15));
    assert_eq!(bench.run("kill -KILL $$").end, End::Signalled(9));
    assert_eq!(bench.run("no-such-command-here").end, End::Exited(127));
    assert_eq!(bench.executor.running(), 0);
}

#[test]
fn quotes_unicode_newlines_and_leading_dashes_reach_the_shell_as_they_are() {
    let mut bench = Bench::new();
    let ended = bench.run("printf '%s|' \"it's\" 'ünï ☃' \"a\nb\"\nprintf '%s' '$HOME'");
    assert_eq!(stdout(&ended), "it's|ünï ☃|a\nb|$HOME");
    assert_eq!(bench.run("-x").end, End::Exited(127));
}

#[test]
fn arguments_reach_a_program_without_a_shell() {
    let mut bench = Bench::new();
    let odd = ["printf", "%s,", "a b", "$HOME", "*", "", "-n", "ü\n"];
    let claim = bench.start(argv(&odd));
    assert_eq!(stdout(&bench.end_of(claim)), "a b,$HOME,*,,-n,ü\n,");
}

#[test]
fn a_command_sees_the_workers_environment_its_own_and_the_marks() {
    let mut bench = Bench::new();
    let script = "echo \"$QUEUE_TASK_ID $QUEUE_TASK_NAME $QUEUE_ATTEMPT $QUEUE_TOKEN \
                  $QUEUE_WORKER $QUEUE_DB $OWN ${PATH:+path} $(pwd)\"";
    let mut task = bench.task(Work::Shell(script.to_owned()));
    task.options.env = vec![
        ("OWN".to_owned(), "a=b".to_owned()),
        ("QUEUE_WORKER".to_owned(), "forged".to_owned()),
    ];
    task.attempt = 2;
    task.claim.token = 5;
    bench.executor.start(&task, young()).unwrap();
    let ended = bench.end_of(task.claim);
    let folder = bench.folder.path().canonicalize().unwrap();
    let expected = format!(
        "1 task 1 2 5 {} {} a=b path {}\n",
        bench.worker,
        bench.path("tasks.db").display(),
        folder.display()
    );
    assert_eq!(stdout(&ended), expected);
}

#[test]
fn a_program_is_looked_up_in_the_tasks_own_path() {
    let mut bench = Bench::new();
    let folder = bench.path("bin");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("/bin/echo", folder.join("only-here")).unwrap();
    let mut task = bench.task(argv(&["only-here", "found"]));
    assert!(refusal(&mut bench, &task).contains("no program \"only-here\""));
    let path = folder.to_str().unwrap().to_owned();
    task.options.env = vec![("PATH".to_owned(), path)];
    bench.executor.start(&task, young()).unwrap();
    assert_eq!(stdout(&bench.end_of(task.claim)), "found\n");
}

#[test]
fn what_cannot_be_started_is_refused_with_a_sentence_that_names_it() {
    let mut bench = Bench::new();
    for name in ["script", "plain", "no-interpreter"] {
        let text = if name == "no-interpreter" {
            "#!/no/such/interpreter\n"
        } else {
            "echo hi\n"
        };
        std::fs::write(bench.path(name), text).unwrap();
    }
    // Copied by another process: what this one has open for writing, a command that is started just
    // then has open too, and then the file cannot be executed.
    for name in ["script", "no-interpreter"] {
        let plain = bench.path(&format!("{name}.text"));
        std::fs::rename(bench.path(name), &plain).unwrap();
        let copied = std::process::Command::new("install")
            .args([&plain, &bench.path(name)])
            .status();
        assert!(copied.unwrap().success());
    }
    let huge = "x".repeat(131_072);
    for (work, sentence) in [
        (argv(&["./nothing"]), "there is no program \"./nothing\""),
        (argv(&["./plain"]), "is not an executable file"),
        (argv(&["./script"]), "needs a first line"),
        (
            argv(&["./no-interpreter"]),
            "the interpreter named in its first line",
        ),
        (argv(&["echo", &huge]), "longer than the system takes"),
        (argv(&[]), "no program"),
    ] {
        let task = bench.task(work);
        let problem = refusal(&mut bench, &task);
        assert!(problem.contains(sentence), "{problem}");
    }
    for (cwd, sentence) in [("gone", "does not exist"), ("plain", "is not a directory")] {
        for work in [Work::Shell("true".to_owned()), argv(&["./nothing"])] {
            let mut task = bench.task(work);
            task.options.cwd = Some(bench.path(cwd).to_str().unwrap().to_owned());
            let problem = refusal(&mut bench, &task);
            assert!(problem.contains(sentence), "{problem}");
        }
    }
}

#[test]
fn a_command_reads_nothing_and_inherits_neither_descriptors_nor_mask_nor_what_is_ignored() {
    let script = "wc -c; ls /proc/self/fd | wc -l; grep Sig[BI] /proc/self/status";
    let mut bench = Bench::new();
    let busy = bench.shell("sleep 1000");
    let text = stdout(&bench.run(script));
    let expected = "0\n4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    assert_eq!(text, expected);
    bench
        .executor
        .signal(busy, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.end_of(busy).end, End::Signalled(9));
}

/// A command was in the worker's session: one that opened the terminal stopped for ever (state T),
/// and so did its slot. It has a session of its own, where opening the terminal fails at once.
#[test]
fn a_command_leads_a_session_of_its_own_without_a_terminal() {
    let mut bench = Bench::new();
    let script = "read pid comm state ppid pgrp session tty rest < /proc/$$/stat; \
                  echo $(($$ == pgrp)) $(($$ == session)) $tty; \
                  (: < /dev/tty) 2>/dev/null || echo none";
    let text = stdout(&bench.run(script));
    assert_eq!(text, "1 1 0\nnone\n");
}

/// `PWD` was the worker's where no shell set it: `argv` tasks that trust it worked elsewhere.
#[test]
fn pwd_is_the_tasks_folder_by_the_name_it_was_given() {
    let mut bench = Bench::new();
    let (real, link) = (bench.path("real"), bench.path("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    for work in [
        argv(&["printenv", "PWD"]),
        Work::Shell("echo \"$PWD\"".to_owned()),
    ] {
        for (cwd, expected) in [
            (link.clone(), link.clone()),
            (link.join("."), link.clone()),
            (link.join(".."), bench.folder.path().canonicalize().unwrap()),
        ] {
            let mut task = bench.task(work.clone());
            task.options.cwd = Some(cwd.to_str().unwrap().to_owned());
            bench.executor.start(&task, young()).unwrap();
            let text = stdout(&bench.end_of(task.claim));
            assert_eq!(text.trim_end(), expected.to_str().unwrap(), "{cwd:?}");
        }
    }
}

#[test]
fn three_hundred_commands_run_at_once_and_leave_no_zombie() {
    let mut bench = Bench::new();
    let gate = bench.path("gate");
    let made = std::process::Command::new("mkfifo").arg(&gate).status();
    assert!(made.unwrap().success());
    let claims: Vec<_> = (0..300)
        .map(|number| {
            let code = number % 7;
            bench.shell(&format!(
                "exec 3<>gate; read line <&3; echo $$; exit {code}"
            ))
        })
        .collect();
    assert_eq!(bench.executor.running(), 300);
    let mut opened = std::fs::OpenOptions::new();
    let mut opened = opened.read(true).write(true).open(&gate).unwrap();
    opened.write_all(&[b'\n'; 300]).unwrap();
    for (number, claim) in (0..).zip(claims) {
        let ended = bench.end_of(claim);
        assert_eq!(ended.end, End::Exited(number % 7));
        let pid = stdout(&ended);
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }
    assert_eq!(bench.executor.running(), 0);
}
