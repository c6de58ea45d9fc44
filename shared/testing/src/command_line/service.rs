//! The worker under systemd.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::program::{Sandbox, name};
use crate::skipped;

/// The next notification to systemd.
fn notification(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    // A wait with a timeout can be interrupted by a signal that stops the process.
    let count = loop {
        match socket.recv(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            received => break received.unwrap(),
        }
    };
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

pub fn systemd_is_notified_when_the_worker_is_ready_alive_and_stopping() {
    let sandbox = Sandbox::new();
    let socket = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut worker = sandbox
        .command(&["worker"])
        .env("NOTIFY_SOCKET", sandbox.path("notify"))
        .env("WATCHDOG_USEC", "1000000")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(notification(&socket).trim(), "READY=1");
    assert!(
        !sandbox.json(&["workers"]).as_array().unwrap().is_empty(),
        "ready means registered"
    );
    assert_eq!(notification(&socket).trim(), "WATCHDOG=1");
    let pid = rustix::process::Pid::from_child(&worker);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    while notification(&socket).trim() != "STOPPING=1" {}
    assert!(worker.wait().unwrap().success());
}

/// Commands that a worker in a shell ran with bash failed in its service.
pub fn a_unit_file_has_the_options_of_its_worker() {
    let sandbox = Sandbox::new();
    let starts = |options: &[&str]| {
        let unit = sandbox.ok(&[&["systemd", "print"][..], options].concat());
        let line = unit.lines().find(|line| line.starts_with("ExecStart="));
        line.unwrap().to_owned()
    };
    let options = [
        "--grace",
        "1m",
        "--shell",
        "bash",
        "--output-grace",
        "5s",
        "--on-finish",
        "note $QUEUE_TASK_ID",
        "--hook-timeout",
        "30s",
        "--trust-file",
    ];
    let asked = starts(&options);
    let words = " --grace 1m --shell bash --output-grace 5s --on-finish \"note $$QUEUE_TASK_ID\" \
                 --hook-timeout 30s --trust-file";
    assert!(asked.ends_with(words), "{asked}");
    let unit = sandbox.ok(&["systemd", "print", "--grace", "1m"]);
    assert!(unit.contains("\nTimeoutStopSec=80\n"), "{unit}");
    let plain = starts(&[
        "--shell",
        "/bin/sh",
        "--output-grace",
        "2s",
        "--grace",
        "10s",
    ]);
    assert_eq!(plain, starts(&[]));
    assert!(plain.ends_with("queue.db\""), "{plain}");
}

pub fn systemd_accepts_the_unit_file_with_any_path() {
    let sandbox = Sandbox::new();
    for (number, name) in ["plain.db", "a %n $HOME \"b\" 'c' \\ d;\ne=f.db"]
        .iter()
        .enumerate()
    {
        let database = sandbox.path(name);
        let database = database.to_str().unwrap();
        let unit = sandbox.ok(&["systemd", "print", "--system", "--db", database]);
        let path = sandbox.write(&format!("unit-{number}.service"), unit);
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&path)
            .output();
        let Ok(verified) = verified else {
            skipped("there is no `systemd-analyze` to verify with");
            return;
        };
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        // systemd may complain about other units of the machine.
        let ours = path.file_name().unwrap().to_str().unwrap();
        assert!(!said.contains(ours), "{said}");
    }
}

pub fn install_and_uninstall_leave_nothing_behind() {
    let sandbox = Sandbox::new();
    let with_home = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command.env("XDG_CONFIG_HOME", sandbox.path("config"));
        // The systemd of this machine must not be changed.
        command.env("PATH", sandbox.path("nothing"));
        command.output().unwrap()
    };
    assert!(with_home(&["systemd", "install"]).status.success());
    let unit = sandbox.path(&format!("config/systemd/user/{}-worker.service", name()));
    let text = std::fs::read_to_string(&unit).unwrap();
    assert!(
        text.contains("Type=notify") && text.contains(" worker --db "),
        "{text}"
    );
    assert!(with_home(&["systemd", "uninstall"]).status.success());
    assert!(!unit.exists());
    assert_eq!(with_home(&["systemd", "uninstall"]).status.code(), Some(3));
}
