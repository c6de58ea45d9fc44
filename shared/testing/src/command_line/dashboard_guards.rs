//! The dashboard and those who may not use it: strangers, foreign pages, foreign names, requests
//! without bounds.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;

use super::http::Dashboard;
use super::program::{Sandbox, until};

pub fn nobody_sees_anything_without_the_token() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "very secret name", "true"]);
    let mut dashboard = Dashboard::start(&sandbox, &[]);
    let cookie = std::mem::take(&mut dashboard.cookie);
    for forged in [
        String::new(),
        format!("{cookie}0"),
        cookie.replacen('=', "=9", 1),
        "queue-x=1.2".to_owned(),
    ] {
        dashboard.cookie = forged;
        for page in [
            "/",
            "/tasks",
            "/tasks/1",
            "/tasks/1/output",
            "/live",
            "/nothing",
        ] {
            let answer = dashboard.get(page);
            assert_eq!(answer.status, 401, "{page}: {answer:?}");
            assert!(!answer.body.contains("secret"), "{page}");
        }
    }
    dashboard.cookie = String::new();
    let wrong = dashboard.get(&format!("/login?token={}", "0".repeat(64)));
    assert_eq!(wrong.status, 403);
    assert!(
        wrong.body.contains("That is not the token"),
        "{}",
        wrong.body
    );
    assert_eq!(wrong.header("set-cookie"), "");
    let right = dashboard.get(&dashboard.login);
    let set = right.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Path") && !set.contains("Domain"), "{set}");
    let token = std::fs::metadata(sandbox.path("queue.db.d/web.token")).unwrap();
    assert_eq!(token.mode() & 0o777, 0o600);
}

/// Every action that a form can name.
const ACTIONS: [&str; 12] = [
    "cancel",
    "retry",
    "retry-downstream",
    "hold",
    "release",
    "prioritize&priority=9",
    "pause",
    "resume",
    "run",
    "stop",
    "restart",
    "start",
];

/// Sends every action from pages that are not the dashboard's, and with forms that are not.
pub fn no_action_is_taken_from_a_foreign_origin(sandbox: &Sandbox, paths: &[&str]) {
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(sandbox, &["--allow-enqueue"]);
    assert!(paths.len() >= 3, "{paths:?}");
    let form = dashboard.get("/tasks/1").form();
    let before = sandbox.json(&["list"]);
    let host = dashboard.host.clone();
    let each = |path| ACTIONS.map(|action| (path, action));
    for (path, action) in paths.iter().flat_map(each) {
        let fields = format!(
            "id=1&action={action}&queue=default&command=true&name=nightly&all=1&state=failed"
        );
        let valid = format!("form={form}&{fields}");
        let origin = format!("origin: http://{host}");
        for lines in [
            &["origin: https://evil.example"][..],
            &["origin: null"],
            &["sec-fetch-site: cross-site", &origin],
            &["sec-fetch-site: same-site", &origin],
            &["sec-fetch-site: none"],
            &[],
        ] {
            let answer = dashboard.send("POST", path, lines, &valid);
            assert_eq!(answer.status, 403, "{path} {lines:?}: {answer:?}");
        }
        for forged in ["", "form=&", "form=1.2&", "form=99999999999999.00&"] {
            let own = ["sec-fetch-site: same-origin"];
            let answer = dashboard.send("POST", path, &own, &format!("{forged}{fields}"));
            assert_eq!(answer.status, 403, "{path} {forged}: {answer:?}");
            assert!(answer.body.contains("Load it again") || answer.body.contains("load the page"));
        }
        let get = dashboard.get(&format!("{path}?{valid}"));
        assert!(get.status == 404 || *path == "/enqueue", "{path}: {get:?}");
    }
    assert_eq!(sandbox.json(&["list"]), before);
}

pub fn only_known_names_of_the_host_are_answered() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &["--host", "queue.example"]);
    for host in ["localhost", "localhost:1", "[::1]", "queue.example"] {
        let line = format!("host: {host}");
        let answer = dashboard.send("GET", "/", &[&line], "");
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
    }
    for host in ["evil.example", "queue.example.evil", ""] {
        let line = format!("host: {host}");
        let answer = dashboard.send("GET", "/", &[&line], "");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
        assert!(!answer.body.contains("name=\"token\""));
    }
    let answer = dashboard.send("GET", "/tasks/%ff", &["host: evil.example"], "");
    assert_eq!(answer.status, 421, "{answer:?}");
    let without = dashboard.raw(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(without.status, 421, "{without:?}");
}

pub fn every_answer_has_the_headers_that_keep_pages_apart() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let own = ["sec-fetch-site: same-origin"];
    let answers = [
        dashboard.get("/"),
        dashboard.get("/style.css"),
        dashboard.get("/script.js"),
        dashboard.get("/nothing"),
        dashboard.get("/tasks/1/tail"),
        dashboard.get("/tasks/%ff"),
        dashboard.send("POST", "/tasks/change", &[], ""),
        dashboard.send("POST", "/", &own, ""),
        dashboard.send("DELETE", "/tasks/1", &own, ""),
        dashboard.send("GET", "/", &["host: evil.example"], ""),
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{answer:?}"
        );
        for part in [
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

pub fn requests_without_bounds_are_refused_and_the_next_one_is_answered() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let long = format!("x-long: {}", "a".repeat(20_000));
    assert_eq!(dashboard.send("GET", "/", &[&long], "").status, 431);
    let many: Vec<String> = (0..200).map(|index| format!("x-{index}: a")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(dashboard.send("GET", "/", &many, "").status, 431);
    let path = format!("/{}", "a".repeat(70_000));
    assert!([414, 431].contains(&dashboard.get(&path).status));
    let own = ["sec-fetch-site: same-origin"];
    let body = "a".repeat(65 * 1024);
    let large = dashboard.send("POST", "/tasks/change", &own, &body);
    assert_eq!(large.status, 413, "{large:?}");
    let head = format!(
        "POST /tasks/change HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\n\
         sec-fetch-site: same-origin\r\nconnection: close\r\n",
        dashboard.host, dashboard.cookie
    );
    let without_length = dashboard.raw(format!("{head}\r\n").as_bytes());
    assert_eq!(without_length.status, 403, "{without_length:?}");
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x1_0000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    assert_eq!(dashboard.raw(chunked.as_bytes()).status, 413);
    for nonsense in [
        &b"\x16\x03\x01\x02"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let answer = dashboard.raw(nonsense);
        assert!([0, 400, 505].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(dashboard.get("/").status, 200);
}

pub fn a_socket_serves_its_owner_alone() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let path = sandbox.path("web.sock");
    let mut running = sandbox.start(&["serve", "--socket", path.to_str().unwrap()]);
    until("it listens", || running.stdout().contains("listens at"));
    let file = std::fs::symlink_metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.ended(), Some(0));
    assert!(!path.exists());
}
