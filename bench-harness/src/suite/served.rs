//! A dashboard as a process, and requests to it over connections that stay open.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use queue_core::sqlite::Durability;

use super::process::verb;
use crate::Result;
use crate::systems::Engine;

/// Time after which an answer is missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A dashboard that runs. On drop it is killed.
pub(super) struct Served {
    child: Child,
    address: String,
    cookie: String,
}

impl Served {
    /// Starts the dashboard of a file at a free port, and logs in.
    pub(super) fn start<E: Engine>(database: &Path) -> Result<Self> {
        // It serves a file that is there.
        E::open(database, Durability::Fast)?;
        let mut child = verb(E::NAME, database, &["serve", "--listen", "127.0.0.1:0"])?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let mut served = Self {
            child,
            address: String::new(),
            cookie: String::new(),
        };
        let mut lines = BufReader::new(stdout).lines();
        let link = loop {
            let line = lines.next().ok_or("the dashboard has ended")??;
            if let Some((_, link)) = line.split_once("Log in with http://") {
                break link.to_owned();
            }
        };
        let (address, login) = link.split_once('/').ok_or("no login in the link")?;
        address.clone_into(&mut served.address);
        let answer = served.connect()?.get(&format!("/{login}"))?;
        let cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let cookie = value.trim().split(';').next()?;
            name.eq_ignore_ascii_case("set-cookie")
                .then(|| cookie.to_owned())
        });
        served.cookie = cookie.ok_or("the login sets no cookie")?;
        Ok(served)
    }

    /// Process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection for one request after another.
    pub(super) fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            reader: BufReader::new(stream),
            head: format!("host: {}\r\ncookie: {}\r\n", self.address, self.cookie),
        })
    }

    /// A stream of events, once it has begun.
    pub(super) fn stream(&self) -> Result<Connection> {
        let mut connection = self.connect()?;
        connection.send("/live")?;
        connection.head()?;
        Ok(connection)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
    head: String,
}

impl Connection {
    /// The answer to a request: its head and its body.
    pub(super) fn get(&mut self, path: &str) -> Result<String> {
        self.send(path)?;
        let mut answer = self.head()?;
        if !answer.starts_with("HTTP/1.1 200") {
            let status = answer.lines().next().unwrap_or_default();
            return Err(format!("{path} is answered with {status}").into());
        }
        let length = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; length.ok_or("an answer without a length")?];
        self.reader.read_exact(&mut body)?;
        answer.push_str(&String::from_utf8_lossy(&body));
        Ok(answer)
    }

    /// Waits for the next event of a stream.
    pub(super) fn event(&mut self) -> Result<()> {
        loop {
            let line = self.line()?;
            if line.starts_with("data:") {
                return Ok(());
            }
        }
    }

    /// Reads whatever has come by now, without waiting.
    pub(super) fn drop_events(&mut self) -> Result<()> {
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true)?;
        let mut bytes = [0; 4096];
        while self.reader.read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.reader.get_ref().set_nonblocking(false)?;
        Ok(())
    }

    fn send(&mut self, path: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.head);
        self.reader.get_mut().write_all(request.as_bytes())?;
        Ok(())
    }

    fn head(&mut self) -> Result<String> {
        let mut head = String::new();
        loop {
            let line = self.line()?;
            head.push_str(&line);
            if line.trim().is_empty() {
                return Ok(head);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err("the dashboard has closed the connection".into());
        }
        Ok(line)
    }
}
