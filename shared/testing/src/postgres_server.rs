//! A Postgres server of the tests' own: in a folder of its own, on a socket in it, ended with the
//! process that started it.

use std::fs::Permissions;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::patience::until;
use crate::skipped;

/// Password of the role `postgres`, where the server asks for one.
pub const PASSWORD: &str = "it's: a/secret@\\";

/// [`PASSWORD`] as a part of an address.
pub const ESCAPED_PASSWORD: &str = "it%27s%3A%20a%2Fsecret%40%5C";

/// A server that runs. It ends when this is dropped, and with this process.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// A shell that ends the server once its input ends.
    guard: Child,
    databases: AtomicU32,
}

/// The server that all tests of this process share; `None`, with a note, where no Postgres is installed.
pub fn shared_server() -> Option<&'static PostgresServer> {
    static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
    SHARED.get_or_init(|| PostgresServer::start(&[])).as_ref()
}

impl PostgresServer {
    /// Starts a server with these lines added to its configuration; `None`, with a note, where no
    /// Postgres is installed. Over its socket it trusts everybody; over TCP it asks for [`PASSWORD`].
    pub fn start(configuration: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped("no PostgreSQL server is installed");
            return None;
        };
        // Without fsync and in memory where there is such a folder: these data need not last.
        let folder = ["/dev/shm"]
            .iter()
            .find_map(|parent| TempDir::with_prefix_in("queue-pg-", parent).ok())
            .unwrap_or_else(|| TempDir::with_prefix("queue-pg-").unwrap());
        let owner = Owner::find();
        owner.give(folder.path());
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        owner.give(&password);
        let data = folder.path().join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb
            .args([
                "--username=postgres",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(&data);
        owner.run_as(&mut initdb);
        let made = initdb.output().unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let mut lines = std::fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .unwrap();
        writeln!(
            lines,
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             fsync = off\nfull_page_writes = off\nshared_buffers = 32MB\nmax_connections = 200",
            folder.path().display()
        )
        .unwrap();
        for line in configuration {
            writeln!(lines, "{line}").unwrap();
        }
        let guard = start(&programs, folder.path(), &owner);
        let server = Self {
            folder,
            programs,
            port,
            guard,
            databases: AtomicU32::new(0),
        };
        until("the server answers", || {
            server.psql("postgres", "SELECT 1").is_ok()
        });
        Some(server)
    }

    /// Folder of the server's socket, and of its files in `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Port of the server at 127.0.0.1, also a part of its socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database. Returns its name.
    pub fn new_database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"))
            .unwrap();
        name
    }

    /// Address of a database over the server's socket, as the role `postgres`.
    pub fn address(&self, database: &str) -> String {
        let folder = self.folder().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port)
    }

    /// Executes a statement by `psql`. Returns the rows, with `|` between their columns.
    ///
    /// # Errors
    /// The words of `psql`.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let done = Command::new(self.programs.join("psql"))
            .env_clear()
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(self.folder())
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql])
            .output()
            .unwrap();
        if done.status.success() {
            return Ok(String::from_utf8(done.stdout)
                .unwrap()
                .trim_end()
                .to_owned());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Its end is the guard's sign.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Starts the server under a shell that ends it at once, and deletes its folder, when its input ends: a
/// server that tests share is never dropped.
fn start(programs: &Path, folder: &Path, owner: &Owner) -> Child {
    let script =
        r#""$1" -D "$2/data" >"$2/log" 2>&1 & read -r _; kill -QUIT $!; wait; rm -rf "$2""#;
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", script, "sh"])
        .arg(programs.join("postgres"))
        .arg(folder)
        .stdin(Stdio::piped());
    owner.run_as(&mut shell);
    shell.spawn().unwrap()
}

/// Folder of the server's programs: of `QUEUE_TEST_PG`, of Debian's newest version, or of the path.
fn programs() -> Option<PathBuf> {
    let has_server = |folder: &PathBuf| folder.join("initdb").is_file();
    if let Some(folder) = std::env::var_os("QUEUE_TEST_PG") {
        return Some(PathBuf::from(folder)).filter(has_server);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut of_debian: Vec<PathBuf> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(has_server)
        .collect();
    of_debian.sort();
    let in_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(has_server);
    of_debian.pop().or_else(in_path)
}

/// A port that nobody listens at now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The user that runs the server, which refuses to run as root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let ids = |name: &str| {
            users.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields.first() == Some(&name))
                    .then(|| Some((fields[2].parse().ok()?, fields[3].parse().ok()?)))?
            })
        };
        let user = ids("postgres").or_else(|| ids("nobody"));
        Self(Some(user.expect("a user that is not root")))
    }

    fn give(&self, path: &Path) {
        if let Self(Some((user, group))) = self {
            std::os::unix::fs::chown(path, Some(*user), Some(*group)).unwrap();
            if path.is_dir() {
                std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
            }
        }
    }

    fn run_as(&self, command: &mut Command) {
        command.env_clear().current_dir("/");
        if let Self(Some((user, group))) = self {
            command.uid(*user).gid(*group);
        }
    }
}
