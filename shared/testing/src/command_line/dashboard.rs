//! The dashboard: pages, actions, live updates, its start and its end.

use std::io::Read;
use std::io::Write;

use rustix::process::Signal;

use super::http::Dashboard;
use super::program::{Sandbox, until};

/// Names and commands that try to be more than text.
const HOSTILE: &str = "<script>alert('x')</script>\u{202e}\"&'";

/// Pages of a file with a task.
const PAGES: [&str; 13] = [
    "/",
    "/tasks",
    "/tasks/1",
    "/tasks/1/workflow",
    "/queues",
    "/workers",
    "/events",
    "/events?task=1",
    "/services",
    "/events?kind=task&queue=default",
    "/health",
    "/tasks/confirm?action=cancel&all=1",
    "/enqueue",
];

pub fn the_dashboard_prints_its_address_and_ends_at_a_signal() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    for signal in [Signal::TERM, Signal::INT] {
        let mut dashboard = Dashboard::start(&sandbox, &[]);
        assert!(dashboard.host.starts_with("127.0.0.1:"));
        let mut stream = dashboard.connect();
        let request = format!(
            "GET /live HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\n\r\n",
            dashboard.host, dashboard.cookie
        );
        stream.write_all(request.as_bytes()).unwrap();
        dashboard.running.signal(signal);
        assert_eq!(dashboard.running.ended(), Some(0));
    }
}

pub fn a_taken_port_a_foreign_address_and_a_missing_file_are_refused_with_a_way_out() {
    let sandbox = Sandbox::new();
    let missing = sandbox.run(&["serve", "--listen", "0"]);
    assert_eq!(missing.code(), 3, "{}", missing.stderr());
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let taken = sandbox.run(&["serve", "--listen", &dashboard.host]);
    assert_eq!(taken.code(), 2);
    let sentence = taken.stderr();
    assert!(sentence.contains("another program listens"), "{sentence}");
    let remote = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(remote.code(), 2);
    assert!(
        remote.stderr().contains("--allow-remote"),
        "{}",
        remote.stderr()
    );
    let both = sandbox.run(&["serve", "--read-only", "--allow-enqueue"]);
    assert_eq!(both.code(), 2);
}

pub fn every_page_shows_names_as_text_and_links_relatively() {
    let sandbox = Sandbox::new();
    let command = format!("echo \"{}\"", HOSTILE.replace('\'', ""));
    sandbox.ok(&["add-task", HOSTILE, &command, "--env", "SECRET=hunter2"]);
    sandbox.ok(&["add-task", &"n".repeat(200), "true", "--queue", "<i>q</i>"]);
    let dashboard = Dashboard::start(&sandbox, &["--allow-enqueue"]);
    for page in PAGES {
        let answer = dashboard.get(page);
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        let body = &answer.body;
        for raw in ["<script>alert", "<i>", "\u{202e}", "hunter2"] {
            assert!(!body.contains(raw), "{page} has {raw}");
        }
        for attribute in ["href=\"", "src=\"", "action=\"", "data-tail=\""] {
            for link in body.split(attribute).skip(1) {
                let link = link.split('"').next().unwrap();
                let is_relative = link.starts_with("./")
                    || link.starts_with("../")
                    || link.starts_with('#')
                    || link.starts_with('?');
                assert!(is_relative, "{page}: {attribute}{link}");
            }
        }
        assert!(body.contains("<main") && body.contains("lang=\"en\""));
        assert!(!body.contains(" style=") && !body.contains(" onclick="));
    }
    let task = dashboard.get("/tasks/1").body;
    assert!(task.contains("&lt;script&gt;alert") && task.contains("\\u{202e}"));
    assert!(task.contains("<code>SECRET</code>"));
    for missing in ["/tasks/77", "/tasks/x", "/tasks/1/nothing", "/etc/passwd"] {
        assert_eq!(dashboard.get(missing).status, 404, "{missing}");
    }
}

pub fn a_task_is_retried_and_cancelled_by_a_form() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let cancelled = dashboard.post("/tasks/change", "/tasks/1", "id=1&back=1&action=cancel");
    assert_eq!(cancelled.status, 303, "{cancelled:?}");
    assert_eq!(cancelled.header("location"), "../tasks/1");
    assert_eq!(sandbox.state("1"), "cancelled");
    let retried = dashboard.post("/tasks/change", "/tasks/1", "id=1&back=1&action=retry");
    assert_eq!(retried.status, 303);
    assert_eq!(sandbox.state("1"), "queued");
    let raised = dashboard.post(
        "/tasks/change",
        "/tasks/1",
        "id=1&action=prioritize&priority=7",
    );
    assert!(raised.body.contains("1 task was given another priority"));
    assert_eq!(sandbox.json(&["show", "1"])["priority"], 7);
    let refused = dashboard.post("/tasks/change", "/tasks/1", "id=1&action=retry");
    assert!(refused.body.contains("left alone"), "{}", refused.body);
    let nonsense = dashboard.post("/tasks/change", "/tasks/1", "id=1&action=explode");
    assert_eq!(nonsense.status, 400);
    let nothing = dashboard.post("/tasks/change", "/tasks/1", "action=cancel");
    assert_eq!(nothing.status, 400);
}

pub fn all_tasks_of_a_filter_are_counted_and_then_changed() {
    let sandbox = Sandbox::new();
    let lines = "{\"command\":\"true\",\"queue\":\"many\"}\n".repeat(1200);
    sandbox.enqueue(&lines);
    sandbox.ok(&["add-task", "other", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let question = dashboard.get("/tasks/confirm?action=hold&all=1&queue=many");
    assert!(
        question.body.contains("Hold 1\u{202f}200 tasks"),
        "{}",
        question.body
    );
    let page = "/tasks/confirm?action=hold&all=1&queue=many";
    let held = dashboard.post("/tasks/change", page, "action=hold&all=1&queue=many");
    assert!(
        held.body.contains("1\u{202f}200 tasks were held"),
        "{}",
        held.body
    );
    let status = sandbox.json(&["status"]);
    assert_eq!(status["held"], 1200, "{status}");
    assert_eq!(sandbox.state("1201"), "queued");
    let released = dashboard.post("/tasks/change", page, "action=release&all=1");
    assert!(released.body.contains("1\u{202f}200 tasks were released"));
}

pub fn ended_tasks_are_pruned_after_a_question_that_counts() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"{\"command\":\"true\"}\n".repeat(1200));
    sandbox.enqueue(&"{\"command\":\"exit 3\",\"max_attempts\":1}\n".repeat(2));
    sandbox.run(&["worker", "--slots", "8", "--drain"]);
    sandbox.ok(&["add-task", "waits", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    assert!(dashboard.get("/tasks/prune").body.contains("Count them"));
    let young = dashboard.get("/tasks/prune?state=succeeded&age=86400000");
    assert!(young.body.contains("Nothing to delete"), "{}", young.body);
    let page = "/tasks/prune?state=succeeded&age=0";
    let question = dashboard.get(page).body;
    assert!(
        question.contains("Delete 1\u{202f}200 tasks?"),
        "{question}"
    );
    let before = question.split("name=\"before\" value=\"").nth(1).unwrap();
    let before = before.split('"').next().unwrap();
    let start = |fields: &str| dashboard.post("/tasks/prune/start", "/queues", fields);
    let done = start(&format!("state=succeeded&before={before}")).body;
    assert!(done.contains("1\u{202f}200 tasks were deleted"), "{done}");
    let status = sandbox.json(&["status"]);
    assert_eq!(
        (&status["succeeded"], &status["failed"], &status["queued"]),
        (&0.into(), &2.into(), &1.into()),
        "{status}"
    );
    for wrong in ["", "state=queued", "state=failed&age=soon"] {
        assert_eq!(start(wrong).status, 400, "{wrong}");
    }
    assert_eq!(sandbox.json(&["status"])["failed"], 2);
}

pub fn a_queue_is_paused_and_resumed_by_a_form() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true", "--queue", "mail"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let paused = dashboard.post("/queues/change", "/queues", "name=mail&action=pause");
    assert_eq!(paused.status, 303);
    assert!(dashboard.get("/queues").body.contains(">paused<"));
    assert!(
        dashboard
            .get("/tasks/1")
            .body
            .contains("Queue mail was paused")
    );
    dashboard.post("/queues/change", "/queues", "name=mail&action=resume");
    assert!(!dashboard.get("/queues").body.contains(">paused<"));
    let unknown = dashboard.post("/queues/change", "/queues", "name=x&action=pause");
    assert_eq!(unknown.status, 404);
}

pub fn tasks_are_enqueued_only_where_that_is_allowed() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let plain = Dashboard::start(&sandbox, &[]);
    assert_eq!(plain.get("/enqueue").status, 404);
    let posted = plain.post("/enqueue", "/tasks/1", "command=true");
    assert_eq!(posted.status, 404);
    let open = Dashboard::start(&sandbox, &["--allow-enqueue"]);
    let enqueued = open.post(
        "/enqueue",
        "/enqueue",
        "command=echo+hello&name=&queue=&priority=",
    );
    assert_eq!(enqueued.header("location"), "./tasks/2", "{enqueued:?}");
    let task = sandbox.json(&["show", "2"]);
    assert_eq!(task["command"], "echo hello");
    assert_eq!(task["name"], "echo hello");
    assert_eq!(
        open.post("/enqueue", "/enqueue", "command=").status,
        400,
        "an empty command"
    );
}

pub fn a_dashboard_that_only_reads_has_no_actions() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &["--read-only"]);
    for page in ["/", "/tasks", "/tasks/1", "/queues", "/workers"] {
        let answer = dashboard.get(page);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("method=\"post\""), "{page}");
    }
    for path in [
        "/tasks/change",
        "/tasks/prune/start",
        "/queues/change",
        "/enqueue",
    ] {
        let own = ["sec-fetch-site: same-origin"];
        let answer = dashboard.send("POST", path, &own, "id=1&action=cancel");
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(sandbox.state("1"), "queued");
}

pub fn a_change_by_another_program_reaches_the_stream() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let mut stream = dashboard.connect();
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\n\r\n",
        dashboard.host, dashboard.cookie
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    let mut read_until = |wanted: &str| {
        until(wanted, || {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).unwrap();
            text += &String::from_utf8_lossy(&bytes[..count]);
            text.contains(wanted)
        });
    };
    read_until("\"queued\":1");
    sandbox.ok(&["add-task", "two", "true"]);
    read_until("\"queued\":2");
    assert!(text.contains("content-type: text/event-stream"), "{text}");
}

pub fn output_is_followed_and_downloaded_as_text() {
    let sandbox = Sandbox::new();
    let command = "echo '<b>first</b>'; while ! test -e go; do sleep 0.02; done; echo second";
    sandbox.ok(&["add-task", "speaks", command]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let _worker = sandbox.start(&["worker"]);
    until("the first line is shown", || {
        let tail = dashboard.get("/tasks/1/tail?from=0").body;
        tail.contains("first") && tail.contains("\"ended\":false")
    });
    assert!(
        dashboard
            .get("/tasks/1")
            .body
            .contains("&lt;b&gt;first&lt;/b&gt;")
    );
    sandbox.write("go", "");
    until("the rest is shown", || {
        let tail = dashboard.get("/tasks/1/tail?from=13").body;
        tail.contains("second") && !tail.contains("first") && tail.contains("\"ended\":true")
    });
    let file = dashboard.get("/tasks/1/output");
    assert_eq!(file.body, "<b>first</b>\nsecond\n");
    let kind = file.header("content-type");
    assert_eq!(kind, "text/plain; charset=utf-8");
    let disposition = file.header("content-disposition");
    assert_eq!(disposition, "attachment; filename=\"task-1.txt\"");
}
