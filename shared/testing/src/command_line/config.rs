//! The configuration file: defaults of options below flags and variables.

use std::fs::{Permissions, create_dir_all, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::program::{Done, Sandbox, path, variable};

/// The folder of the program's file.
fn folder(sandbox: &Sandbox) -> String {
    let program = path().rsplit('/').next().unwrap();
    let folder = format!("config/{program}");
    create_dir_all(sandbox.path(&folder)).unwrap();
    for each in ["config", &folder] {
        set_permissions(sandbox.path(each), Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Writes the file.
fn configure(sandbox: &Sandbox, text: &str) {
    let file = format!("{}/config.toml", folder(sandbox));
    let file = sandbox.write(&file, text);
    set_permissions(file, Permissions::from_mode(0o644)).unwrap();
}

pub fn the_file_gives_defaults_that_variables_and_flags_replace() {
    let sandbox = Sandbox::new();
    let other = sandbox.path("other.db");
    configure(
        &sandbox,
        &format!(
            "db = '{}'\noutput = 'json'\n[add-task]\nmax-attempts = 7\nshell = 'bash'\n",
            other.display()
        ),
    );
    let of_file = |words: &[&str]| {
        let mut command = sandbox.command(words);
        Done(command.env_remove(variable("DB")).output().unwrap())
    };
    let added = of_file(&["enqueue", "true"]);
    assert_eq!(
        added.stdout(),
        "{\"id\":1,\"existed\":false}\n",
        "{}",
        added.stderr()
    );
    assert!(other.exists());
    of_file(&["add", "--max-attempts", "2", "--", "true"]);
    let attempts = |id| {
        let shown: serde_json::Value =
            serde_json::from_str(&of_file(&["show", id]).stdout()).unwrap();
        shown["max_attempts"].as_u64().unwrap()
    };
    assert_eq!((attempts("1"), attempts("2")), (7, 2));
    // The sandbox names its own database by the variable.
    assert_eq!(sandbox.run(&["show", "1"]).code(), 3);
    let without = of_file(&["--no-config", "show", "1", "--db", other.to_str().unwrap()]);
    assert!(without.stdout().starts_with("id "), "{}", without.stdout());
    let mut command = sandbox.command(&["--db", other.to_str().unwrap(), "show", "1"]);
    let ignored = Done(command.env(variable("NO_CONFIG"), "1").output().unwrap());
    assert!(ignored.stdout().starts_with("id "), "{}", ignored.stdout());
}

pub fn config_shows_every_value_with_its_source() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "color = 'never'\n\n[run]\nslots = 3\n");
    let shown = sandbox.json(&["config", "--durability", "fast"]);
    assert_eq!(shown["exists"], true);
    let options = shown["options"].as_array().unwrap();
    let of = |name: &str| options.iter().find(|one| one["option"] == name).unwrap();
    assert_eq!(of("db")["source"], "variable");
    assert_eq!(of("db")["variable"], variable("DB"));
    assert_eq!(of("durability")["source"], "flag");
    assert_eq!(of("durability")["values"][0], "fast");
    assert_eq!(
        (&of("color")["source"], &of("color")["line"]),
        (&"file".into(), &1.into())
    );
    assert_eq!(
        (&of("slots")["verb"], &of("slots")["line"]),
        (&"run".into(), &4.into())
    );
    let table = sandbox.ok(&["config"]);
    assert!(table.contains("file, line 4"), "{table}");
    assert_eq!(sandbox.json(&["config", "--no-config"])["exists"], false);
}

pub fn a_wrong_configuration_file_is_refused_with_its_line_and_a_hint() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "[add-task]\nmax-attempt = 5\n");
    let refused = sandbox.run(&["list"]);
    assert_eq!(refused.code(), 2);
    let sentence = refused.stderr();
    for part in [
        "config.toml: line 2: ",
        "did you mean max-attempts?",
        "--no-config",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    assert_eq!(sandbox.run(&["add", "--wait", "true"]).code(), 125);
    sandbox.ok(&["--help"]);
    sandbox.ok(&["add", "true", "--no-config"]);
    configure(&sandbox, "[worker]\nslots = 'many'\n");
    let sentence = sandbox.run(&["list"]).stderr();
    assert!(
        sentence.contains("line 2: invalid value 'many'"),
        "{sentence}"
    );
}

pub fn a_configuration_file_that_others_can_change_is_refused() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "");
    sandbox.ok(&["add", "true"]);
    let file = sandbox.path(&format!("{}/config.toml", folder(&sandbox)));
    set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let refused = sandbox.run(&["list"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr().contains("others can write to it"));
}

/// A folder that somebody else prepared must not decide about the commands run in it.
pub fn no_configuration_file_is_read_from_the_working_folder() {
    let sandbox = Sandbox::new();
    for name in ["config.toml", ".config.toml"] {
        sandbox.write(name, "[add-task]\nmax-attempts = 9\n");
    }
    let mut command = sandbox.command(&["add", "true"]);
    command.env("XDG_CONFIG_HOME", ".").env("HOME", ".");
    assert!(command.output().unwrap().status.success());
    assert_eq!(sandbox.json(&["show", "1"])["max_attempts"], 3);
}
