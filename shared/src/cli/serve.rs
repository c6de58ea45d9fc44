//! `serve`: the dashboard in a browser.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;

use super::Failure;
use super::printer::note;
use super::program::{Access, Context};
use crate::queue::Queue;
use crate::watch::Watchdog;
use crate::web::{self, Address, Listener, Sources};

/// Port unless another is chosen.
const PORT: u16 = 8080;

/// Show the tasks in a browser, and change them there
///
/// Prints a link that logs a browser in, and answers until Ctrl-C. Only programs of this machine reach
/// it unless --allow-remote is given.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Address to listen at: 8081, 127.0.0.1:8081, or port 0 for any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = parse)]
    listen: SocketAddr,

    /// Listen at a socket in the file system instead, which only this user can open
    #[arg(long, value_name = "PATH", conflicts_with_all = ["listen", "allow_remote"])]
    socket: Option<PathBuf>,

    /// Show everything and change nothing
    #[arg(long)]
    read_only: bool,

    /// Listen at an address that other machines reach. Put a proxy with TLS in front, and name it with
    /// --host
    #[arg(long)]
    allow_remote: bool,

    /// Name under which browsers reach it, besides localhost; may be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Let tasks be added in the browser: whoever logs in can run any command as the workers' user
    #[arg(long, conflicts_with = "read_only")]
    allow_enqueue: bool,
}

impl Arguments {
    /// True if nothing is to be changed.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The address to listen at.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an address that other machines reach, unless that is allowed.
    pub fn address(&self) -> Result<Address, Failure> {
        if let Some(path) = &self.socket {
            return Ok(Address::Unix(path.clone()));
        }
        let tcp = self.listen;
        if !tcp.ip().is_loopback() && !self.allow_remote {
            return Err(Failure::Usage(format!(
                "other machines reach {tcp}; add --allow-remote if they may, and let a proxy with TLS \
                 stand between"
            )));
        }
        Ok(Address::Tcp(tcp))
    }
}

/// An address, or a port of this machine.
fn parse(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    if let Ok(port) = port {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::from((address, PORT)));
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse()
        .map_err(|_| "write an address and a port, as in 127.0.0.1:8081".to_owned())
}

#[derive(Serialize)]
struct View<'a> {
    address: String,
    login: Option<String>,
    file: &'a str,
    read_only: bool,
}

/// Serves the dashboard, with the parts that this program adds and the watchdog of its loops, until a
/// signal.
///
/// # Errors
/// As the engine; [`Failure::Usage`] for an address that other machines reach, unless that is
/// allowed.
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    (sources, watchdog): (Sources<Q>, Watchdog),
) -> Result<(), Failure> {
    let address = arguments.address()?;
    let access = if arguments.read_only {
        Access::Read
    } else {
        Access::Write
    };
    let queue = context.open_to_stay(access, "dashboard")?;
    if let Some(refusal) = queue.refuses()?.filter(|_| !arguments.read_only) {
        note(&format!("{refusal}; changes are refused"));
    }
    let listener = Listener::bind(&address)?;
    let file = context.path().file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"]
        .map(str::to_owned)
        .into();
    if let Address::Tcp(tcp) = &address
        && !tcp.ip().is_unspecified()
    {
        hosts.push(host_of(tcp.ip()));
    }
    hosts.extend_from_slice(&arguments.host);
    let options = web::Options::new(context.program.name, file.as_str())
        .read_only(arguments.read_only)
        .allow_enqueue(arguments.allow_enqueue)
        .hosts(hosts)
        .watchdog(watchdog);
    let bound = listener.address().clone();
    web::serve(queue, sources, options, &listener, |login| {
        let login = match &bound {
            Address::Tcp(_) => Some(format!("{bound}{login}")),
            Address::Unix(_) => None,
        };
        let line = match &login {
            Some(link) => format!("The dashboard is at {bound}\nLog in with {link}"),
            None => format!("The dashboard listens at {bound}"),
        };
        let view = View {
            address: bound.to_string(),
            login,
            file: &file,
            read_only: arguments.read_only,
        };
        context.printer.say(&line, &view)
    })
}

/// An address as a Host header names it.
fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_may_leave_out_what_is_usual() {
        for (text, expected) in [
            ("8081", "127.0.0.1:8081"),
            (":8081", "127.0.0.1:8081"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("127.0.0.2", "127.0.0.2:8080"),
            ("localhost:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
            ("::1", "[::1]:8080"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "example.org:80", "70000", "1.2.3.4:x"] {
            assert!(parse(text).unwrap_err().contains("127.0.0.1:8081"));
        }
    }
}
