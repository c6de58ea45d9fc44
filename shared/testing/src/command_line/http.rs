//! A dashboard as a process, and requests to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::program::{Running, Sandbox, until};

/// Dashboard that runs.
pub struct Dashboard {
    pub running: Running,
    /// Address and port.
    pub host: String,
    /// Path of the login, with the token.
    pub login: String,
    /// Cookie of a browser that has logged in.
    pub cookie: String,
}

/// Answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        let found = lines.find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        found.unwrap_or_default()
    }

    /// The token of the page's forms.
    pub fn form(&self) -> String {
        let (_, behind) = self.body.split_once("name=\"form\" value=\"").unwrap();
        behind.split('"').next().unwrap().to_owned()
    }
}

/// The text of a body that came in chunks.
fn joined(body: &str) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some((length, behind)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text += &behind[..length];
        rest = behind[length..].trim_start_matches("\r\n");
    }
    text
}

impl Dashboard {
    /// Starts the dashboard at a free port, and logs in.
    pub fn start(sandbox: &Sandbox, options: &[&str]) -> Self {
        Self::begin(&mut Self::command(sandbox, options))
    }

    /// The command that starts the dashboard at a free port.
    pub fn command(sandbox: &Sandbox, options: &[&str]) -> Command {
        let mut words = vec!["serve", "--listen", "127.0.0.1:0"];
        words.extend_from_slice(options);
        sandbox.command(&words)
    }

    /// Starts the dashboard with that command, and logs in.
    pub fn begin(command: &mut Command) -> Self {
        let running = Sandbox::begin(command);
        until("the link is printed", || {
            running.stdout().contains("Log in with")
        });
        let text = running.stdout();
        let link = text.split("Log in with http://").nth(1).unwrap().trim();
        let (host, login) = link.split_once('/').unwrap();
        let mut dashboard = Self {
            running,
            host: host.to_owned(),
            login: format!("/{login}"),
            cookie: String::new(),
        };
        let answer = dashboard.get(&dashboard.login);
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next();
        dashboard.cookie = cookie.unwrap_or_default().into();
        dashboard
    }

    /// Sends these bytes and reads the answer to its end, however the server ends it.
    pub fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut answer = Answer {
            status: status.unwrap_or_default(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if answer.header("transfer-encoding") == "chunked" {
            answer.body = joined(&answer.body);
        }
        answer
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).unwrap();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    /// A request with these lines in its head, besides host and cookie.
    pub fn send(&self, method: &str, path: &str, lines: &[&str], body: &str) -> Answer {
        let mut head = vec![
            format!("{method} {path} HTTP/1.1"),
            "connection: close".to_owned(),
        ];
        if !lines.iter().any(|line| line.starts_with("host:")) {
            head.push(format!("host: {}", self.host));
        }
        if !self.cookie.is_empty() {
            head.push(format!("cookie: {}", self.cookie));
        }
        head.extend(lines.iter().map(|line| (*line).to_owned()));
        if method == "POST" {
            head.push(format!("content-length: {}", body.len()));
        }
        let head = head.join("\r\n");
        self.raw(format!("{head}\r\n\r\n{body}").as_bytes())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Sends a form as a page of the dashboard does, with that page's token.
    pub fn post(&self, path: &str, page: &str, fields: &str) -> Answer {
        let form = self.get(page).form();
        let own = ["sec-fetch-site: same-origin"];
        self.send("POST", path, &own, &format!("form={form}&{fields}"))
    }
}

/// Path of the dashboard behind a proxy, which takes it off before it hands a request on.
const BELOW: &str = "/tools/queue";

/// The path of a link in the page at that path, as a browser finds it.
fn resolved(page: &str, link: &str) -> String {
    let page = page.split('?').next().unwrap_or_default();
    if link.starts_with('?') {
        return format!("{page}{link}");
    }
    let (folder, _) = page.rsplit_once('/').unwrap();
    let mut folders: Vec<&str> = folder.split('/').collect();
    let mut rest = link;
    loop {
        if let Some(behind) = rest.strip_prefix("./") {
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("../") {
            folders.pop();
            rest = behind;
        } else {
            return format!("{}/{rest}", folders.join("/"));
        }
    }
}

impl Dashboard {
    /// Checks that every link and form of a page leads to a page of the dashboard, behind a proxy under a
    /// path too.
    pub fn links_hold_below_a_path(&self, page: &str) {
        let body = self.get(page).body;
        let mut count = 0;
        for attribute in ["href=\"", "src=\"", "action=\""] {
            let links = body.split(attribute).skip(1);
            let links = links.map(|link| link.split('"').next().unwrap().replace("&amp;", "&"));
            for link in links.filter(|link| !link.starts_with('#')) {
                let path = self.own_path(page, &link);
                // A form without its token is refused, and an address that is none is not found.
                let (answer, expected) = match attribute {
                    "action=\"" => (
                        self.send("POST", &path, &["sec-fetch-site: same-origin"], ""),
                        403,
                    ),
                    _ => (self.get(&path), 200),
                };
                assert_eq!(answer.status, expected, "{page}: {link}");
                count += 1;
            }
        }
        assert!(count > 5, "{page}: {body}");
    }

    /// The path that a proxy hands on for a link in a page below its path.
    pub fn own_path(&self, page: &str, link: &str) -> String {
        let found = resolved(&format!("{BELOW}{page}"), link);
        let own = found.strip_prefix(BELOW).filter(|own| own.starts_with('/'));
        own.unwrap_or_else(|| panic!("{page}: {link} leaves {BELOW}"))
            .to_owned()
    }
}
