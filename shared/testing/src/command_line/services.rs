//! Services under a `systemctl` that notes its calls.

use std::path::PathBuf;
use std::process::Command;

use super::program::{Done, Sandbox, name};
use crate::skipped;

/// A sandbox whose PATH begins with a folder of its own programs.
pub(super) struct Machine(pub(super) Sandbox);

/// Notes its arguments, says what it is told to say, and ends as it is told to end.
const SYSTEMCTL: &str = "#!/bin/sh
printf '%s\\n' \"$*\" >> \"$0.calls\"
case \" $* \" in
*' show '*) cat \"$0.show\" ;;
*\" $(cat \"$0.refuses\" 2> /dev/null || echo nothing) \"*)
    cat \"$0.says\" >&2
    exit 1 ;;
esac
";

impl Machine {
    pub(super) fn new() -> Self {
        let machine = Self(Sandbox::new());
        std::fs::create_dir(machine.0.path("bin")).unwrap();
        machine.program("systemctl", SYSTEMCTL);
        machine.program("journalctl", SYSTEMCTL);
        machine.0.ok(&["add-task", "first", "true"]);
        machine
    }

    /// Writes a program. Another process does, because no program runs that somebody has open to write,
    /// and a process that another test starts at that moment would have it open for a while.
    pub(super) fn program(&self, name: &str, text: &str) {
        let script = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]);
        shell.arg(self.0.path(&format!("bin/{name}"))).arg(text);
        assert!(shell.status().unwrap().success());
    }

    /// Gives a command the PATH of the machine.
    pub(super) fn at_its_path<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = format!("{}:/usr/bin:/bin", self.0.path("bin").display());
        command.env("PATH", path)
    }

    fn run(&self, words: &[&str]) -> Done {
        let mut command = self.0.command(&[&["service"], words].concat());
        Done(self.at_its_path(&mut command).output().unwrap())
    }

    pub(super) fn ok(&self, words: &[&str]) -> String {
        let done = self.run(words);
        assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr());
        done.stdout()
    }

    /// What a call is refused with, and its exit code.
    fn refusal(&self, words: &[&str]) -> (i32, String) {
        let done = self.run(words);
        (done.code(), done.stderr())
    }

    /// The calls of `systemctl` since the last look.
    pub(super) fn calls(&self) -> Vec<String> {
        let text = self.0.read("bin/systemctl.calls");
        self.0.write("bin/systemctl.calls", "");
        text.lines().map(str::to_owned).collect()
    }

    /// The unit file of a service.
    fn unit(&self, service: &str) -> PathBuf {
        self.0
            .path(&format!("config/systemd/user/{}-{service}.service", name()))
    }

    /// Checks that systemd reads the units of these services and has nothing to say about them.
    fn verify(&self, services: &[&str]) {
        let run = self.0.path("run");
        std::fs::create_dir(&run).unwrap();
        for scope in ["--user", "--system"] {
            let verified = Command::new("systemd-analyze")
                .args([scope, "verify", "--man=no"])
                .args(services.iter().map(|service| self.unit(service)))
                .env("XDG_RUNTIME_DIR", &run)
                .output();
            let Ok(verified) = verified else {
                skipped("there is no `systemd-analyze` to verify with");
                return;
            };
            let said = String::from_utf8_lossy(&verified.stderr);
            assert!(
                verified.status.success() && said.is_empty(),
                "{scope}: {said}"
            );
        }
    }

    fn text(&self, service: &str) -> String {
        std::fs::read_to_string(self.unit(service)).unwrap()
    }

    /// Names of all files beside the units.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path("config/systemd/user")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

pub fn a_service_is_added_and_started() {
    let machine = Machine::new();
    let unit = format!("{}-web.service", name());
    let words = [
        "add",
        "web",
        "--env",
        "A=50% $HOME",
        "--memory-max",
        "64M",
        "--",
        "sh",
        "-c",
        "sleep 9",
    ];
    assert_eq!(machine.ok(&words), "Added service web\n");
    let made = [
        "daemon-reload".to_owned(),
        format!("enable -- {unit}"),
        format!("start -- {unit}"),
    ];
    assert_eq!(machine.calls(), made.map(|call| format!("--user {call}")));
    let text = machine.text("web");
    let folder = std::fs::canonicalize(machine.0.folder()).unwrap();
    for line in [
        "ExecStart=\"/usr/bin/sh\" \"-c\" \"sleep 9\"",
        "Environment=\"A=50%% $HOME\"",
        "MemoryMax=67108864",
        "Restart=on-failure",
        "RestartSec=1",
        &format!("WorkingDirectory={}", folder.display()),
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
    assert_eq!(machine.files(), [unit.as_str()]);
}

pub fn all_services_are_shown_with_one_call_of_systemd() {
    let machine = Machine::new();
    let unit = format!("{}-web.service", name());
    machine.ok(&["add", "web", "--", "/bin/sh", "-c", "sleep 9"]);
    machine.ok(&["add", "api", "--", "/bin/true"]);
    machine.calls();
    let shown = "ActiveState=active\nSubState=running\nResult=success\nUnitFileState=enabled\n\
                 MainPID=12\nNRestarts=3\nMemoryCurrent=4096\nCPUUsageNSec=1500000\n";
    machine
        .0
        .write("bin/systemctl.show", format!("Id={unit}\n{shown}"));
    let status: serde_json::Value =
        serde_json::from_str(&machine.ok(&["status", "-o", "json"])).unwrap();
    let expected = serde_json::json!({
        "name": "web", "unit": unit, "state": "active", "substate": "running", "result": "success",
        "at_boot": true, "pid": 12, "restarts": 3, "memory_bytes": 4096, "cpu_us": 1500,
        "command": "/bin/sh -c 'sleep 9'",
    });
    assert_eq!(status[1], expected);
    assert_eq!(status[0]["name"], "api");
    assert_eq!(status[0]["state"], "unknown", "systemd did not tell");
    assert_eq!(machine.calls().len(), 1, "one call for all");
}

pub fn a_service_is_stopped_started_and_removed() {
    let machine = Machine::new();
    let unit = format!("{}-web.service", name());
    machine.ok(&["add", "web", "--", "true"]);
    machine.calls();
    for (verb, report) in [
        ("stop", "Stopped"),
        ("start", "Started"),
        ("restart", "Restarted"),
    ] {
        assert_eq!(
            machine.ok(&[verb, "web"]),
            format!("{report} service web\n")
        );
        assert_eq!(machine.calls(), [format!("--user {verb} -- {unit}")]);
    }
    machine.ok(&["log", "web", "-n", "5"]);
    let journal = machine.0.read("bin/journalctl.calls");
    assert_eq!(
        journal,
        format!("--user --no-pager --quiet --lines=5 --unit={unit}\n")
    );

    assert_eq!(machine.ok(&["remove", "web"]), "Removed service web\n");
    let made = [
        format!("--user disable --now -- {unit}"),
        "--user daemon-reload".to_owned(),
        format!("--user reset-failed -- {unit}"),
    ];
    assert_eq!(machine.calls(), made);
    assert_eq!(machine.files(), Vec::<String>::new());
    let (code, said) = machine.refusal(&["stop", "web"]);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("no service \"web\"") && said.contains("service list"),
        "{said}"
    );
}

pub fn a_service_is_replaced_only_when_asked() {
    let machine = Machine::new();
    machine.ok(&["add", "web", "--no-start", "--", "true"]);
    assert_eq!(machine.calls().len(), 2, "not started");
    let (code, said) = machine.refusal(&["add", "web", "--", "false"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--replace") && said.contains("service remove web"),
        "{said}"
    );
    assert_eq!(machine.calls(), Vec::<String>::new());
    let before = machine.text("web");
    machine.0.write("bin/systemctl.refuses", "daemon-reload");
    machine
        .0
        .write("bin/systemctl.says", "Failed to connect to bus");
    let (code, _) = machine.refusal(&["add", "web", "--replace", "--", "false"]);
    assert_eq!((code, machine.text("web")), (5, before), "as it was");
    machine.0.write("bin/systemctl.refuses", "nothing");
    assert_eq!(
        machine.ok(&["add", "web", "--replace", "--", "false"]),
        "Replaced service web\n"
    );
    assert!(machine.text("web").contains("/false\"\n"));
    assert!(machine.calls().last().unwrap().contains("restart"));
}

pub fn only_services_of_this_file_are_touched() {
    let machine = Machine::new();
    machine.ok(&["add", "web", "--", "true"]);
    machine.ok(&["add", "api", "--", "true"]);
    let folder = machine.0.path("config/systemd/user");
    std::fs::rename(machine.unit("api"), folder.join("renamed.service")).unwrap();
    let other = machine.0.path("other.db");
    let other = other.to_str().unwrap();
    machine.0.ok(&["--db", other, "add-task", "first", "true"]);
    machine.ok(&["add", "theirs", "--db", other, "--", "true"]);
    std::fs::write(machine.unit("worker"), "[Service]\nExecStart=/bin/true\n").unwrap();

    let listed = machine.ok(&["list", "-o", "json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api", "web"]);
    for taken in ["theirs", "worker"] {
        for option in [&["--replace"][..], &[]] {
            let (code, said) =
                machine.refusal(&[&["add", taken], option, &["--", "true"]].concat());
            assert_eq!(code, 2, "{said}");
            assert!(said.contains("no service of this file"), "{said}");
        }
        assert_eq!(machine.refusal(&["remove", taken]).0, 3);
    }
    machine.calls();
    let shown = machine.ok(&["cleanup", "--dry-run"]);
    assert_eq!(
        shown,
        "Would remove service api\nWould remove service web\n"
    );
    assert_eq!(machine.calls(), Vec::<String>::new());
    assert_eq!(
        machine.ok(&["cleanup"]),
        "Removed service api\nRemoved service web\n"
    );
    let mut left = [
        format!("{}-theirs.service", name()),
        format!("{}-worker.service", name()),
    ];
    left.sort();
    assert_eq!(machine.files(), left);
    let calls = machine.calls().join("\n");
    assert!(
        calls.contains("renamed.service") && !calls.contains("theirs"),
        "{calls}"
    );
    assert_eq!(machine.ok(&["cleanup"]), "", "nothing is left to do");
}

pub fn a_refusal_of_systemd_is_told_in_a_sentence() {
    let machine = Machine::new();
    machine.0.write("bin/systemctl.refuses", "daemon-reload");
    machine.0.write(
        "bin/systemctl.says",
        format!("No\x1b[31m bus\n{}", "x".repeat(9_000)),
    );
    let (code, said) = machine.refusal(&["add", "web", "--", "true"]);
    assert_eq!(code, 5, "{said}");
    assert!(
        said.contains("`systemctl --user daemon-reload` failed: No\\x1b[31m bus; x"),
        "{said}"
    );
    assert!(said.len() < 1_500, "{}", said.len());
    assert_eq!(machine.files(), Vec::<String>::new(), "nothing was added");

    machine.0.write("bin/systemctl.refuses", "start");
    let (code, said) = machine.refusal(&["add", "web", "--", "true"]);
    assert_eq!(code, 5, "{said}");
    assert!(
        said.contains("service web is there") && said.contains("service remove web"),
        "{said}"
    );
    assert_eq!(machine.files().len(), 1);

    machine.0.write("bin/systemctl.refuses", "disable");
    assert_eq!(machine.refusal(&["remove", "web"]).0, 5);
    assert_eq!(
        machine.files().len(),
        1,
        "a service that runs on keeps its unit"
    );

    let mut command = machine.0.command(&["service", "status"]);
    let done = Done(
        command
            .env("PATH", machine.0.path("nothing"))
            .output()
            .unwrap(),
    );
    assert_eq!(done.code(), 5, "{}", done.stderr());
    assert!(
        done.stderr().contains("services need systemd"),
        "{}",
        done.stderr()
    );
}

pub fn odd_services_are_refused_in_a_sentence() {
    let machine = Machine::new();
    let long = "x".repeat(300);
    for odd in [
        "", "a b", "a\"b", "a'b", "50%", "a\nb", "a/b", "..", ".a", "a@b", "\u{202e}", &long,
    ] {
        let (code, said) = machine.refusal(&["add", odd, "--", "true"]);
        assert_eq!(code, 2, "{odd:?}: {said}");
        assert!(said.contains("a service's name has"), "{odd:?}: {said}");
    }
    for (words, sentence) in [
        (
            &["--", "no-such-program-here"][..],
            "no program \"no-such-program-here\" in PATH",
        ),
        (&["--", "./nothing"], "not an executable file"),
        (&["--env", "A-B=1", "--", "true"], "no variable named"),
        (
            &["--env", "A=\x1b", "--", "true"],
            "does not take the value of A",
        ),
        (&["--memory-max", "7", "--", "true"], "at least 1M"),
        (&["--run-as", "queue", "--", "true"], "--system"),
        (
            &["--restart", "never", "--", "true"],
            "on-failure, always or no",
        ),
        (&[], "<COMMAND>"),
    ] {
        let (code, said) = machine.refusal(&[&["add", "web"], words].concat());
        assert_eq!(code, 2, "{words:?}: {said}");
        assert!(said.contains(sentence), "{words:?}: {said}");
    }
    assert!(!machine.0.path("config/systemd/user").exists());
    assert_eq!(machine.calls(), Vec::<String>::new());
}

pub fn systemd_accepts_the_unit_of_a_service_with_any_words() {
    let machine = Machine::new();
    let folder = machine.0.path("a %n $HOME \"b\" 'c' \\ d; e");
    std::fs::create_dir(&folder).unwrap();
    let odd = "50% $HOME ${X} $$ \"b\" 'c' \\ d;\ne=f\t\u{1b}\u{202e} ü %%n";
    let value = "A=50% $HOME \"b\" 'c' \\ d;\ne=f\t ü %%n";
    machine.ok(&[
        "add",
        "web",
        "--env",
        value,
        "--env",
        "B=",
        "--memory-max",
        "64M",
        "--restart",
        "always",
        "--cwd",
        folder.to_str().unwrap(),
        "--",
        "/bin/sh",
        "-c",
        odd,
        ";",
        "",
        "%n",
        "$X",
        "-x",
    ]);
    machine.verify(&["web"]);
}

/// A value or an argument of every character that one may contain, and of all bytes of other characters.
fn characters(controls: &str) -> String {
    let plain = (' '..='~').chain('\u{80}'..='\u{fff}');
    let wide = [
        '\u{2028}',
        '\u{feff}',
        '\u{fffd}',
        '世',
        '\u{1f600}',
        '\u{10fffd}',
    ];
    controls.chars().chain(plain).chain(wide).collect()
}

pub fn systemd_accepts_every_character_of_words_and_variables() {
    let machine = Machine::new();
    let controls: String = ('\u{1}'..=' ').chain(['\u{7f}']).collect();
    let value = format!("A={}", characters("\t\n"));
    // Unicode leaves the last of these out.
    let word = characters(&controls) + "\u{fdd0}\u{fffe}\u{10ffff}";
    machine.ok(&["add", "all", "--env", &value, "--", "true", &word]);
    let mut services = vec!["all".to_owned()];
    for c in "\"'%$\\\n\t ;#~ü\u{202e}@-!+:|{}*?&<>`=".chars() {
        let service = format!("c{:x}", u32::from(c));
        let ends = format!("{c}x{c}");
        let value = format!("A={ends}");
        machine.ok(&[
            "add",
            &service,
            "--env",
            &value,
            "--",
            "true",
            &ends,
            &c.to_string(),
        ]);
        services.push(service);
    }
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    machine.verify(&services);
}

pub fn marks_of_systemd_before_a_program_are_part_of_its_name() {
    let machine = Machine::new();
    let marks = ["-", "@", "!", "!!", "+", ":", "|", "-@:!"];
    let mut services = Vec::new();
    for (index, mark) in marks.into_iter().enumerate() {
        let program = format!("{mark}run");
        machine.program(&program, "#!/bin/sh\n");
        let service = format!("m{index}");
        machine.ok(&["add", &service, "--", &program, mark]);
        let path = machine.0.path(&format!("bin/{program}"));
        let line = format!("ExecStart=\"{}\" \"{mark}\"", path.display());
        let text = machine.text(&service);
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
        services.push(service);
    }
    let folder = machine.0.path("bin");
    let folder = folder.to_str().unwrap();
    machine.ok(&["add", "here", "--cwd", folder, "--", "./@run"]);
    let line = format!("ExecStart=\"{folder}/@run\"");
    let text = machine.text("here");
    assert!(text.lines().any(|one| one == line), "{line} in {text}");
    let (code, said) = machine.refusal(&["add", "none", "--", "@/bin/true"]);
    assert!(
        code == 2 && said.contains("@/bin/true is not an executable"),
        "{said}"
    );
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    machine.verify(&services);
}
