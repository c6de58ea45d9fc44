//! The pages of the dashboard that only this program fills: schedules, limits, events.

use queue_testing::command_line::http::Dashboard;
use queue_testing::command_line::program::until;

use super::sandbox;

#[test]
fn a_schedule_is_run_paused_and_resumed_by_a_form() {
    let sandbox = sandbox();
    let words = ["schedule", "add", "nightly <b>", "0 3 * * *", "echo it ran"];
    sandbox.ok(&words);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let page = dashboard.get("/schedules").body;
    let link = "./schedules/history?name=nightly+%3Cb%3E";
    assert!(page.contains(link) && page.contains("0 3 * * *"), "{page}");
    let name = "name=nightly+%3Cb%3E";
    let change = |fields: &str| {
        let fields = format!("{name}&{fields}");
        dashboard.post("/schedules/change", "/schedules", &fields)
    };
    assert_eq!(change("action=run").header("location"), "../tasks/1");
    assert_eq!(sandbox.json(&["show", "1"])["schedule"], "nightly <b>");
    let paused = change("action=pause&back=history");
    assert_eq!(
        paused.header("location"),
        format!("../schedules/history?{name}")
    );
    let history = dashboard.get(&format!("/schedules/history?{name}")).body;
    for text in [
        ">paused<",
        "It does not fire.",
        "it ran",
        "href=\"../tasks/1\"",
        ">Resume<",
    ] {
        assert!(history.contains(text), "{text} in {history}");
    }
    assert!(!history.contains("<b>"), "{history}");
    assert_eq!(change("action=resume").header("location"), "../schedules");
    let history = dashboard.get(&format!("/schedules/history?{name}")).body;
    assert_eq!(history.matches("T03:00:00.000Z").count(), 2 * 5);
    assert_eq!(change("action=explode").status, 400);
    let unknown = dashboard.post("/schedules/change", "/schedules", "name=x&action=run");
    assert_eq!(unknown.status, 404, "{unknown:?}");
    assert_eq!(dashboard.get("/schedules/history?name=x").status, 404);
    assert_eq!(dashboard.get("/schedules/history").status, 404);
}

#[test]
fn chosen_schedules_are_paused_and_resumed_together() {
    let sandbox = sandbox();
    for name in ["one", "two &", "three"] {
        sandbox.ok(&["schedule", "add", name, "0 3 * * *", "true"]);
    }
    let dashboard = Dashboard::start(&sandbox, &[]);
    let page = dashboard.get("/schedules").body;
    let boxes = "type=\"checkbox\" form=\"picked\" name=\"name\"";
    assert_eq!(page.matches(boxes).count(), 3, "{page}");
    let change = |fields: &str| dashboard.post("/schedules/change", "/schedules", fields);
    let paused = || {
        let schedules = sandbox.json(&["schedule", "list"]);
        let all = schedules.as_array().unwrap().iter();
        let paused = all.filter(|one| one["paused_at"].is_string());
        paused
            .map(|one| one["name"].to_string())
            .collect::<Vec<_>>()
    };
    let done = change("name=one&name=two+%26&action=pause");
    assert_eq!(done.header("location"), "../schedules", "{done:?}");
    assert_eq!(paused(), ["\"one\"", "\"two &\""]);
    // One that is gone keeps no other from being resumed.
    let gone = change("name=none&name=two+%26&action=resume");
    assert_eq!(gone.status, 404, "{gone:?}");
    assert_eq!(paused(), ["\"one\""]);
    assert_eq!(change("action=pause").status, 400);
    let reader = Dashboard::start(&sandbox, &["--read-only"]);
    assert!(!reader.get("/schedules").body.contains("checkbox"));
}

#[test]
fn limits_show_the_tasks_that_run_and_wait_under_them() {
    let sandbox = sandbox();
    sandbox.ok(&["limit", "--key", "disk", "--concurrency", "1"]);
    sandbox.ok(&[
        "limit",
        "--queue",
        "mail",
        "--concurrency",
        "5",
        "--rate",
        "9/1m",
    ]);
    let waits = "while ! test -e go; do sleep 0.02; done";
    for name in ["one", "two", "three"] {
        sandbox.ok(&["add-task", name, waits, "--limit-key", "disk"]);
    }
    sandbox.ok(&["add-task", "letter", "true", "--queue", "mail"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let _worker = sandbox.start(&["worker", "4"]);
    let row = |of: &str| {
        let page = dashboard.get("/limits").body;
        let (_, row) = page.split_once(&format!("<tr id=\"{of}\"")).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    until("one runs and two wait", || {
        let row = row("lk-disk");
        row.contains("1 of 1") && row.contains(">2<")
    });
    let mail = row("lq-mail");
    assert!(mail.contains("0 of 5") && mail.contains(">1<"), "{mail}");
    assert!(mail.contains("9/1m") && mail.contains("tasks?queue=mail"));
    let queues = dashboard.get("/queues").body;
    assert!(queues.contains("no worker"), "{queues}");
    sandbox.write("go", "");
}

#[test]
fn queues_show_how_many_tasks_were_enqueued_and_ended_a_minute() {
    let sandbox = sandbox();
    let line = "{\"command\":\"true\",\"queue\":\"mail\"}\n";
    sandbox.enqueue(&line.repeat(30));
    sandbox.ok(&["add-task", "other", "true"]);
    sandbox.ok(&["worker", "--drain", "--queue", "mail"]);
    // Adds the new events to the sums.
    sandbox.ok(&["metrics"]);
    let page = Dashboard::start(&sandbox, &["--read-only"])
        .get("/queues")
        .body;
    let rates = |queue: &str| {
        let (_, row) = page.split_once(&format!("<tr id=\"q-{queue}-\"")).unwrap();
        let row = row.split("</tr>").next().unwrap();
        ["enqueued", "ended"].map(|of| {
            let label = format!("data-label=\"{of} a minute\">");
            let cell = row.split(&label).nth(1).unwrap();
            cell.split('<').next().unwrap().to_owned()
        })
    };
    // 30 in five to six minutes.
    let [enqueued, ended] = rates("mail");
    let rate: f64 = enqueued.parse().unwrap();
    assert!((5.0..=6.0).contains(&rate), "{enqueued}");
    assert_eq!(ended, enqueued);
    assert_eq!(rates("default"), ["0.2", "0"]);
}

#[test]
fn events_are_shown_the_newest_first_and_filtered() {
    let sandbox = sandbox();
    let dashboard_of = |options: &[&str]| Dashboard::start(&sandbox, options);
    let lines = "{\"command\":\"exit 3\",\"queue\":\"mail\",\"max_attempts\":1}\n";
    sandbox.enqueue(&lines.repeat(120));
    sandbox.ok(&["pause", "mail"]);
    sandbox.ok(&["resume", "mail"]);
    assert_eq!(
        sandbox
            .run(&["worker", "--drain", "--queue", "mail"])
            .code(),
        1
    );
    let dashboard = dashboard_of(&["--read-only"]);
    let rows = |path: &str| {
        let page = dashboard.get(path);
        assert_eq!(page.status, 200, "{page:?}");
        let rows: Vec<String> = page
            .body
            .split("<tr id=\"")
            .skip(1)
            .map(str::to_owned)
            .collect();
        let older = page.body.split("rel=\"next\" href=\"").nth(1);
        let older = older.map(|link| link.split('"').next().unwrap().replace("&amp;", "&"));
        (rows, older)
    };
    let (mut path, mut all) = ("/events".to_owned(), Vec::new());
    loop {
        let (rows, older) = rows(&path);
        assert!(rows.len() <= 50);
        all.extend(rows);
        let Some(older) = older else { break };
        path = format!("/events{older}");
    }
    let count = |kind: &str| all.iter().filter(|row| row.contains(kind)).count();
    assert_eq!(count(">task.enqueued<"), 120);
    assert_eq!(count(">task.failed<"), 120);
    assert_eq!(count(">queue.paused<"), 1);
    assert!(all.last().unwrap().contains("log.began") || all.last().unwrap().contains("enqueued"));
    let (paused, _) = rows("/events?kind=queue&queue=mail");
    assert_eq!(paused.len(), 2, "{paused:?}");
    assert!(paused[0].contains("queue.resumed") && paused[1].contains("queue.paused"));
    let (task, _) = rows("/events?task=7");
    assert!(
        task.len() >= 3 && task.iter().all(|row| row.contains("tasks/7")),
        "{task:?}"
    );
    assert_eq!(rows("/events?kind=task.failed&queue=other").0.len(), 0);
    for wrong in [
        "before=x",
        "before=1.2",
        "before=7.1.1",
        "task=x",
        "kind=%3Cb%3E",
    ] {
        let answer = dashboard.get(&format!("/events?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
}
