//! The pages of the hooks: their targets without secrets, pauses, dead letters.

use queue_testing::command_line::http::Dashboard;
use queue_testing::command_line::program::{Sandbox, until};

use super::sandbox;
use crate::dead_letter::bury;

/// A file with a hook that has gone through some dead letters.
fn with_letters(count: u32) -> Sandbox {
    let sandbox = sandbox();
    sandbox.ok(&["add-task", "one", "true"]);
    let target = ["hook", "add", "alarm <b>", "--on", "task.failed", "--"];
    let takes = ["sh", "-c", "cat >> taken; echo >> taken"];
    sandbox.ok(&[&target[..], &takes].concat());
    bury(&sandbox.path("queue.db"), count);
    sandbox
}

const HOOK: &str = "name=alarm+%3Cb%3E";

#[test]
fn a_hook_is_shown_without_the_secrets_of_its_url() {
    let sandbox = sandbox();
    sandbox.ok(&["add-task", "one", "true"]);
    let url = "https://bob:hunter2@example.org/in?key=hunter3";
    let words = [
        "hook",
        "add",
        "chat",
        "--on",
        "task.failed,queue.paused,hook.dead",
    ];
    sandbox.ok(&[&words[..], &["--queue", "mail", "--url", url]].concat());
    sandbox.ok(&["hook", "pause", "chat"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let list = dashboard.get("/hooks").body;
    let one = dashboard.get("/hooks/letters?name=chat").body;
    for page in [&list, &one] {
        assert!(page.contains("https://example.org/in?…"), "{page}");
        assert!(!page.contains("hunter") && !page.contains("bob"), "{page}");
        assert!(
            page.contains(">paused<") && page.contains(">Resume<"),
            "{page}"
        );
    }
    assert!(
        list.contains("task.failed, queue.paused and 1 more of mail"),
        "{list}"
    );
    assert!(
        one.contains("task.failed, queue.paused, hook.dead"),
        "{one}"
    );
}

#[test]
fn a_hook_is_paused_and_resumed_by_a_form() {
    let sandbox = with_letters(0);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let change = |fields: &str| {
        let fields = format!("{HOOK}&{fields}");
        dashboard.post("/hooks/change", "/hooks", &fields)
    };
    assert_eq!(
        change("action=pause&back=list").header("location"),
        "../hooks"
    );
    assert!(sandbox.json(&["hook", "list"])[0]["paused_at"].is_string());
    let resumed = change("action=resume");
    assert_eq!(
        resumed.header("location"),
        format!("../hooks/letters?{HOOK}")
    );
    assert!(sandbox.json(&["hook", "list"])[0]["paused_at"].is_null());
    assert_eq!(change("action=explode").status, 400);
    assert_eq!(change("action=retry").status, 400, "neither one nor all");
    assert_eq!(change("action=retry&letter=x").status, 400);
    assert_eq!(change("action=retry&letter=7").status, 404);
    let unknown = dashboard.post("/hooks/change", "/hooks", "name=x&action=pause");
    assert_eq!(unknown.status, 404, "{unknown:?}");
    for missing in [
        "/hooks/letters",
        "/hooks/letters?name=x",
        "/hooks/confirm?name=x",
    ] {
        assert_eq!(dashboard.get(missing).status, 404, "{missing}");
    }
    let question = dashboard.get(&format!("/hooks/confirm?{HOOK}")).body;
    assert!(question.contains("Nothing to deliver"), "{question}");
}

#[test]
fn dead_letters_are_delivered_again_after_a_question_that_counts() {
    let sandbox = with_letters(3);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let path = format!("/hooks/letters?{HOOK}");
    let page = dashboard.get(&path).body;
    assert_eq!(page.matches("<tr id=\"d").count(), 3, "{page}");
    for text in [
        "href=\"../tasks/1\"",
        "it said no &lt;b&gt;",
        ">Deliver again<",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("<b>"), "{page}");
    let fields = format!("{HOOK}&action=retry&letter=1");
    let one = dashboard.post("/hooks/change", &path, &fields);
    assert_eq!(one.header("location"), format!("../hooks/letters?{HOOK}"));
    until("the first one is taken", || {
        dashboard.get(&path).body.matches("<tr id=\"d").count() == 2
    });
    let question = format!("/hooks/confirm?{HOOK}");
    let asked = dashboard.get(&question).body;
    assert!(asked.contains("Deliver 2 dead letters again?"), "{asked}");
    let all = dashboard.post(
        "/hooks/change",
        &question,
        &format!("{HOOK}&action=retry&all=1"),
    );
    assert_eq!(all.status, 303, "{all:?}");
    until("all are taken", || {
        dashboard.get(&path).body.contains("Every event was taken")
    });
    assert_eq!(sandbox.read("taken").matches("specversion").count(), 3);
}

#[test]
fn a_dashboard_that_only_reads_shows_hooks_and_changes_none() {
    let sandbox = with_letters(1);
    let dashboard = Dashboard::start(&sandbox, &["--read-only"]);
    for page in ["/hooks", &format!("/hooks/letters?{HOOK}")] {
        let answer = dashboard.get(page);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("alarm &lt;b&gt;"), "{page}");
        assert!(!answer.body.contains("method=\"post\""), "{page}");
    }
    assert_eq!(dashboard.get(&format!("/hooks/confirm?{HOOK}")).status, 404);
    let own = ["sec-fetch-site: same-origin"];
    let fields = format!("{HOOK}&action=pause");
    assert_eq!(
        dashboard
            .send("POST", "/hooks/change", &own, &fields)
            .status,
        404
    );
}

#[test]
fn the_pages_of_hooks_work_below_a_path() {
    let sandbox = with_letters(2);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let (letters, question) = (
        format!("/hooks/letters?{HOOK}"),
        format!("/hooks/confirm?{HOOK}&action=retry"),
    );
    for page in ["/hooks", &letters, &question] {
        dashboard.links_hold_below_a_path(page);
    }
    for (fields, page) in [
        ("action=pause&back=list", "/hooks"),
        ("action=resume", letters.as_str()),
    ] {
        let fields = format!("{HOOK}&{fields}");
        let done = dashboard.post("/hooks/change", "/hooks", &fields);
        let back = dashboard.own_path("/hooks/change", done.header("location"));
        assert_eq!(back, page);
    }
}
