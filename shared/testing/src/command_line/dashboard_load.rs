//! The dashboard with clients that take nothing, and with a file that another program holds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rusqlite::Connection;

use super::http::Dashboard;
use super::program::{Sandbox, until};

/// Bytes of the output that is downloaded.
const OUTPUT_BYTES: u64 = 12 << 20;

/// Sends a request and leaves its answer.
fn send(dashboard: &Dashboard, request: &str, body: &str) -> TcpStream {
    let mut stream = dashboard.connect();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\nsec-fetch-site: same-origin\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}",
        dashboard.host, dashboard.cookie
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Most bytes of memory that the process ever had.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() << 10
}

/// Bug: the output of a download was held in memory whole until its client had taken it. Cost: 30
/// clients that did not read had 362 MB of it. Fix: it is read piece by piece.
pub fn downloads_that_nobody_takes_need_little_memory() {
    let sandbox = Sandbox::new();
    let command = format!("head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' a");
    sandbox.ok(&["add-task", "long", &command]);
    sandbox.ok(&["worker", "--drain"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let pid = dashboard.running.child.id();
    let whole = dashboard.get("/tasks/1/output");
    assert_eq!(whole.header("transfer-encoding"), "chunked");
    assert_eq!(whole.body.len() as u64, OUTPUT_BYTES);
    let before = peak(pid);
    let clients: Vec<TcpStream> = (0..30)
        .map(|_| send(&dashboard, "GET /tasks/1/output", ""))
        .collect();
    for mut client in &clients {
        let mut begin = [0; 12];
        client.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    let grown = peak(pid) - before;
    assert!(grown < 3 * OUTPUT_BYTES, "{grown} bytes for 30 clients");
}

/// Bug: four writes that waited for the file took all threads that wait for it. Cost: no page was shown
/// for five seconds. Fix: writes leave threads to reads, and what needs no file needs no thread.
pub fn pages_are_shown_while_writes_wait_for_the_file() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let form = dashboard.get("/tasks/1").form();
    let holder = Connection::open(sandbox.path("queue.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = format!("form={form}&id=1&action=cancel");
    let writes: Vec<TcpStream> = (0..8)
        .map(|_| send(&dashboard, "POST /tasks/change", &body))
        .collect();
    for page in ["/", "/tasks", "/tasks/1", "/queues", "/style.css", "/login"] {
        let answer = dashboard.get(page);
        assert!([200, 401].contains(&answer.status), "{page}: {answer:?}");
    }
    for write in &writes {
        write.set_nonblocking(true).unwrap();
        let answered = write.peek(&mut [0]);
        assert!(answered.is_err(), "a write was answered before the pages");
        write.set_nonblocking(false).unwrap();
    }
    holder.execute_batch("ROLLBACK").unwrap();
    until("the task is cancelled", || {
        sandbox.state("1") == "cancelled"
    });
}
