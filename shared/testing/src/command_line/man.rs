//! `man`: manual pages.

use super::program::{Sandbox, name};

pub fn every_verb_has_a_manual_page() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["man", "--dir", "pages/man1"]);
    let help = sandbox.ok(&["--help"]);
    let verbs = help.split("Commands:\n").nth(1).unwrap();
    let verbs: Vec<&str> = verbs
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in verbs {
        let page = sandbox.read(&format!("pages/man1/{}-{verb}.1", name()));
        assert!(page.contains(".TH "), "{verb}: {page}");
        assert!(page.contains(".SH SYNOPSIS"), "{verb}: {page}");
        assert!(
            !page.contains("<PROGRAM>") && !page.contains('`'),
            "{verb}: {page}"
        );
        assert_eq!(page, sandbox.ok(&["man", verb]), "{verb}");
    }
    let own = sandbox.ok(&["man"]);
    assert_eq!(own, sandbox.read(&format!("pages/man1/{}.1", name())));
    assert_eq!(
        sandbox.ok(&["man", "add"]),
        sandbox.ok(&["man", "add-task"])
    );
    let refused = sandbox.run(&["man", "lsit"]);
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr().contains("did you mean list?"),
        "{}",
        refused.stderr()
    );
}
