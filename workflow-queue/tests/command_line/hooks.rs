//! Hooks with real programs and a small server: failures of every kind, order, several deliverers, kills.

mod tls;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use queue_testing::command_line::program::{Running, Sandbox, until};
use queue_testing::skipped;
use serde_json::Value;

use crate::sandbox;

/// A request that the server received.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    fn read(stream: impl std::io::Read) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            line,
            headers,
            body: String::from_utf8(body).ok()?,
        })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A server that answers the nth request with the nth answer, and later ones with the last.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Answer = fn(&mut TcpStream);

impl Server {
    fn new(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let server = Self {
            url,
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let answer = answers[number.min(answers.len() - 1)];
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || {
                    if let Some(request) = Request::read(&stream) {
                        requests.lock().unwrap().push(request);
                    }
                    answer(&mut stream);
                });
            }
        });
        server
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<String> {
        let all = self.requests().into_iter();
        all.map(|one| one.header("webhook-id").to_owned()).collect()
    }
}

fn say(stream: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

fn takes(stream: &mut TcpStream) {
    say(stream, "204 No Content", "");
}

fn is_broken(stream: &mut TcpStream) {
    say(
        stream,
        "500 Internal Server Error",
        "\n  the disk is full  \n",
    );
}

/// Adds a hook on failures whose target is that URL.
fn add(sandbox: &Sandbox, url: &str, more: &[&str]) {
    let words = ["hook", "add", "own", "--on", "task.failed", "--url", url];
    sandbox.ok(&[words.as_slice(), more].concat());
}

/// Adds a hook on failures that runs that script.
fn add_script(sandbox: &Sandbox, script: &str, more: &[&str]) {
    let words = ["hook", "add", "own", "--on", "task.failed"];
    let command = ["--", "sh", "-c", script];
    sandbox.ok(&[words.as_slice(), more, &command].concat());
}

/// Enqueues a task and lets it fail.
fn fail(sandbox: &Sandbox) {
    sandbox.ok(&["enqueue", "one", "exit 3", "--max-attempts", "1"]);
    assert_eq!(sandbox.run(&["worker", "1", "--drain"]).code(), 1);
}

fn hook(sandbox: &Sandbox) -> Value {
    let all = sandbox.json(&["hook", "list"]);
    all[0].clone()
}

fn deliverer(sandbox: &Sandbox) -> Running {
    sandbox.start(&["hook", "run"])
}

fn error(sandbox: &Sandbox) -> String {
    hook(sandbox)["last_error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The reason why a target did not take an event.
fn reason(sandbox: &Sandbox) -> String {
    fail(sandbox);
    let _deliverer = deliverer(sandbox);
    until("it is tried", || !hook(sandbox)["last_at"].is_null());
    error(sandbox)
}

#[test]
fn a_url_gets_a_signed_event_and_the_same_id_at_every_try() {
    let sandbox = sandbox();
    let server = Server::new(&[is_broken, takes]);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    sandbox.write("secret", secret);
    let url = server.url.replace("//", "//bob:p%40ss@");
    add(&sandbox, &url, &["--secret-file", "secret"]);
    fail(&sandbox);
    let _deliverer = deliverer(&sandbox);
    until("it is taken", || hook(&sandbox)["delivered"] == 1);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let (first, second) = (&requests[0], &requests[1]);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    assert!(!first.header("webhook-id").contains('.'));
    assert!(first.header("webhook-signature").starts_with("v1,"));
    assert_eq!(first.header("authorization"), "Basic Ym9iOnBAc3M=");
    assert_eq!(
        first.header("content-type"),
        "application/cloudevents+json; charset=utf-8"
    );
    let event: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(
        (&event["type"], &event["specversion"]),
        (&"task.failed".into(), &"1.0".into())
    );
    let printed = sandbox.ok(&["events", "--type", "task.failed", "-o", "cloudevents"]);
    assert_eq!(printed.trim_end(), first.body);
    let hook = hook(&sandbox);
    assert_eq!(
        (&hook["failed"], &hook["last_error"]),
        (&1.into(), &Value::Null)
    );
    for words in [
        &["hook", "list"][..],
        &["hook", "list", "-o", "json"],
        &["events"],
    ] {
        let shown = sandbox.ok(words);
        assert!(!shown.contains("MfKQ") && !shown.contains("ss@"), "{shown}");
    }
    check_with_python(&sandbox, secret, first);
}

/// The guide's check of a signature takes the request.
fn check_with_python(sandbox: &Sandbox, secret: &str, request: &Request) {
    let guide = include_str!("../../../docs/guide/hooks.md");
    let code = guide
        .split("```text\n")
        .find(|block| block.starts_with("import base64"));
    let code = code.unwrap().split("```").next().unwrap();
    sandbox.write("body", &request.body);
    let headers = serde_json::to_string(&request.headers).unwrap();
    let calls = format!(
        "{code}\nbody = open('body', 'rb').read()\nheaders = {headers}\n\
         assert is_signed('{secret}', headers, body)\n\
         assert not is_signed('{secret}', headers, body + b' ')\n"
    );
    let path = sandbox.write("check.py", calls);
    let python = std::process::Command::new("python3")
        .arg(path)
        .current_dir(sandbox.folder())
        .output();
    match python {
        Ok(done) => assert!(done.status.success(), "{done:?}"),
        Err(_) => skipped("python3, which checks a signature, is not installed"),
    }
}

#[test]
fn an_answer_that_is_no_2xx_is_named_with_its_first_line() {
    let sandbox = sandbox();
    add(&sandbox, &Server::new(&[is_broken]).url, &[]);
    assert_eq!(
        reason(&sandbox),
        "it answered 500 Internal Server Error: the disk is full"
    );
}

#[test]
fn a_redirect_is_a_failure_that_says_so() {
    let sandbox = sandbox();
    let redirect: Answer = |stream| {
        say(
            stream,
            "302 Found\r\nlocation: http://me:hunter2@127.0.0.1:1/else?key=hunter3",
            "",
        );
    };
    let answers: &'static [Answer] = Box::leak(Box::new([redirect]));
    let server = Server::new(answers);
    add(&sandbox, &server.url, &[]);
    let reason = reason(&sandbox);
    assert!(
        reason.contains("302") && reason.contains("to http://127.0.0.1:1/else?…,"),
        "{reason}"
    );
    assert!(reason.contains("do not follow"), "{reason}");
}

/// Bug: many servers repeat the path of a request in their answer, and `hook list`, dead letters and the
/// dashboard showed the secret in its query.
#[test]
fn an_answer_that_repeats_the_url_shows_no_secret() {
    let sandbox = sandbox();
    let repeats: Answer = |stream| say(stream, "404 Not Found", "Cannot POST /in?key=hunter2");
    let answers: &'static [Answer] = Box::leak(Box::new([repeats]));
    let server = Server::new(answers);
    add(&sandbox, &format!("{}?key=hunter2", server.url), &[]);
    let reason = reason(&sandbox);
    assert!(reason.contains("Cannot POST /in?…"), "{reason}");
    let listed = [
        sandbox.ok(&["hook", "list"]),
        sandbox.ok(&["hook", "list", "-o", "json"]),
    ];
    for list in listed {
        assert!(list.contains("?…") && !list.contains("hunter"), "{list}");
    }
    assert!(server.requests()[0].line.contains("key=hunter2"));
}

#[test]
fn a_server_that_hangs_or_drips_is_left_at_the_time_limit() {
    let hangs: Answer = |stream| {
        let _ = stream.read(&mut [0]);
    };
    let drips: Answer = |stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n");
        while write!(stream, "x: y\r\n").is_ok() {
            std::thread::yield_now();
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    };
    for answer in [hangs, drips] {
        let sandbox = sandbox();
        let answers: &'static [Answer] = Box::leak(Box::new([answer]));
        add(&sandbox, &Server::new(answers).url, &["--timeout", "300ms"]);
        assert_eq!(reason(&sandbox), "it took longer than 0.3s");
    }
}

#[test]
fn an_answer_without_end_holds_nothing_up() {
    let sandbox = sandbox();
    let floods: Answer = |stream| {
        let length = 1 << 30;
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
        );
        while stream.write_all(&[b'x'; 16 << 10]).is_ok() {}
    };
    let fails: Answer = |stream| {
        let _ = write!(
            stream,
            "HTTP/1.1 503 Busy\r\ncontent-length: 1073741824\r\n\r\nbusy\n"
        );
        while stream.write_all(&[b'x'; 16 << 10]).is_ok() {}
    };
    let answers: &'static [Answer] = Box::leak(Box::new([fails, floods]));
    let server = Server::new(answers);
    add(&sandbox, &server.url, &[]);
    let reason = reason(&sandbox);
    assert!(reason.ends_with(": busy"), "{reason}");
    let _deliverer = deliverer(&sandbox);
    until("the flood is taken", || hook(&sandbox)["delivered"] == 1);
}

#[test]
fn a_server_that_dies_in_the_middle_or_is_not_there_is_tried_again() {
    let sandbox = sandbox();
    let dies: Answer = |stream| {
        let _ = write!(stream, "HTTP/1.1 2");
    };
    let answers: &'static [Answer] = Box::leak(Box::new([dies, takes]));
    let server = Server::new(answers);
    add(&sandbox, &server.url, &[]);
    fail(&sandbox);
    let _deliverer = deliverer(&sandbox);
    until("it is taken", || hook(&sandbox)["delivered"] == 1);
    let ids = server.ids();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    let gone = crate::sandbox();
    add(&gone, "http://127.0.0.1:1/", &[]);
    let reason = reason(&gone);
    assert!(reason.contains("connection failed"), "{reason}");
}

#[test]
fn a_server_that_does_not_speak_tls_is_refused() {
    let sandbox = sandbox();
    let server = Server::new(&[takes]);
    add(
        &sandbox,
        &server.url.replace("http:", "https:"),
        &["--timeout", "2s"],
    );
    let reason = reason(&sandbox);
    let refused = ["secure", "connection failed", "longer"];
    assert!(refused.iter().any(|word| reason.contains(word)), "{reason}");
    assert_eq!(hook(&sandbox)["delivered"], 0);
}

#[test]
fn a_program_finds_the_event_and_its_values() {
    let sandbox = sandbox();
    let script = "cat >> body; echo \"$QUEUE_HOOK $QUEUE_EVENT_TYPE $QUEUE_TASK_ID $QUEUE_STATE \
                  $QUEUE_EXIT_CODE $QUEUE_ATTEMPT\" >> values; test -n \"$QUEUE_EVENT_ID\" && \
                  test -e \"$QUEUE_DB\"";
    add_script(&sandbox, script, &[]);
    fail(&sandbox);
    let _deliverer = deliverer(&sandbox);
    until("it is taken", || hook(&sandbox)["delivered"] == 1);
    assert_eq!(sandbox.read("values"), "own task.failed 1 failed 3 1\n");
    let event: Value = serde_json::from_str(&sandbox.read("body")).unwrap();
    assert_eq!(event["subject"], "task/1");
}

#[test]
fn a_program_that_hangs_floods_or_fails_is_ended_and_named() {
    for (script, expected) in [
        ("exec sleep 600", "it was ended after 0.4s"),
        ("exec yes", "it was ended after 0.4s"),
        (
            "echo all is well; echo no mail >&2; exit 9",
            "it ended with exit code 9: no mail",
        ),
        ("kill -9 $$", "it ended with signal 9"),
    ] {
        let sandbox = sandbox();
        add_script(&sandbox, script, &["--timeout", "400ms"]);
        assert_eq!(reason(&sandbox), expected);
    }
    let sandbox = sandbox();
    sandbox.ok(&[
        "hook",
        "add",
        "own",
        "--on",
        "task.failed",
        "--",
        "./missing",
    ]);
    let reason = reason(&sandbox);
    assert!(reason.contains("./missing"), "{reason}");
}

/// Fails one task after the other, and returns their ids.
fn fail_many(sandbox: &Sandbox, count: usize) -> String {
    let lines = "{\"command\": \"exit 3\", \"max_attempts\": 1}\n".repeat(count);
    sandbox.enqueue(&lines);
    assert_eq!(sandbox.run(&["worker", "1", "--drain"]).code(), 1);
    let ids: Vec<String> = (1..=count).map(|id| id.to_string()).collect();
    ids.join("\n") + "\n"
}

#[test]
fn several_deliverers_deliver_in_order_and_none_twice() {
    let sandbox = sandbox();
    add_script(&sandbox, "echo $QUEUE_TASK_ID >> journal", &[]);
    let deliverers = [
        deliverer(&sandbox),
        deliverer(&sandbox),
        deliverer(&sandbox),
    ];
    let expected = fail_many(&sandbox, 40);
    until("all are taken", || hook(&sandbox)["delivered"] == 40);
    assert_eq!(sandbox.read("journal"), expected);
    drop(deliverers);
}

#[test]
fn another_deliverer_takes_over_from_one_that_was_killed() {
    let sandbox = sandbox();
    add_script(&sandbox, "echo $QUEUE_TASK_ID >> journal; test -e go", &[]);
    let mut first = deliverer(&sandbox);
    fail(&sandbox);
    until("it is tried", || !sandbox.read("journal").is_empty());
    let second = deliverer(&sandbox);
    first.child.kill().unwrap();
    first.ended();
    sandbox.write("go", "");
    until("it is taken", || hook(&sandbox)["delivered"] == 1);
    assert!(sandbox.read("journal").lines().all(|line| line == "1"));
    drop(second);
}

#[test]
fn a_worker_with_hooks_delivers_the_last_events_before_it_ends() {
    let sandbox = sandbox();
    add_script(&sandbox, "echo $QUEUE_TASK_ID >> journal", &[]);
    sandbox.ok(&["enqueue", "one", "exit 3", "--max-attempts", "1"]);
    let done = sandbox.run(&["worker", "1", "--drain", "--hooks"]);
    assert_eq!(done.code(), 1, "{}", done.stderr());
    assert_eq!(sandbox.read("journal"), "1\n");
    assert!(done.stderr().contains("delivers the events of hooks"));
}

#[test]
fn a_paused_hook_waits_and_goes_on_and_a_replayed_one_begins_again() {
    let sandbox = sandbox();
    add_script(&sandbox, "echo $QUEUE_TASK_ID >> journal", &[]);
    sandbox.ok(&["hook", "pause", "own"]);
    let _deliverer = deliverer(&sandbox);
    let expected = fail_many(&sandbox, 3);
    assert_eq!(hook(&sandbox)["delivered"], 0);
    assert_ne!(hook(&sandbox)["lag"], 0);
    sandbox.ok(&["hook", "resume", "own"]);
    until("all are taken", || hook(&sandbox)["delivered"] == 3);
    assert_eq!(sandbox.read("journal"), expected);
    sandbox.ok(&["hook", "replay", "own"]);
    until("all are taken again", || hook(&sandbox)["delivered"] == 6);
    assert_eq!(sandbox.read("journal"), expected.repeat(2));
}

#[test]
fn a_stopped_deliverer_ends_soon_whatever_its_program_does() {
    let sandbox = sandbox();
    add_script(
        &sandbox,
        "trap '' TERM; echo >> started; sleep 600",
        &["--timeout", "1h"],
    );
    fail(&sandbox);
    let mut deliverer = deliverer(&sandbox);
    until("it is started", || !sandbox.read("started").is_empty());
    deliverer.signal(rustix::process::Signal::TERM);
    assert_eq!(deliverer.ended(), Some(0));
    assert_eq!(hook(&sandbox)["failures"], 0, "it does not count as tried");
}
