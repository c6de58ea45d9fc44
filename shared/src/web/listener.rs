//! The address of a dashboard, and the socket that listens there.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;

use crate::error::{Error, Result};

/// Address of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An interface and a port.
    Tcp(SocketAddr),
    /// A socket that only its owner can use.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Socket that listens. A Unix socket is removed when it is dropped, unless its path is another's by then.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Socket,
    address: Address,
    /// The file of a Unix socket.
    file: Option<FileId>,
}

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens at that address.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the address is taken, or cannot be used.
    pub fn bind(address: &Address) -> Result<Self> {
        let refused = |error: io::Error| refusal(address, &error);
        let (socket, address) = match address {
            Address::Tcp(wanted) => {
                let socket = TcpListener::bind(wanted).map_err(refused)?;
                let bound = socket.local_addr().map_err(refused)?;
                socket.set_nonblocking(true).map_err(refused)?;
                (Socket::Tcp(socket), Address::Tcp(bound))
            }
            Address::Unix(path) => {
                let socket = bind_unix(path).map_err(refused)?;
                socket.set_nonblocking(true).map_err(refused)?;
                (Socket::Unix(socket), Address::Unix(path.clone()))
            }
        };
        let file = match &address {
            Address::Tcp(_) => None,
            Address::Unix(path) => file_id(path),
        };
        Ok(Self {
            socket,
            address,
            file,
        })
    }

    /// Address at which it listens; the port is the one that the system chose for port 0.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The number of our file is not given to another one before our socket is closed.
        if let Address::Unix(path) = &self.address
            && file_id(path) == self.file
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Device and number of a file.
type FileId = (u64, u64);

/// The file at that path, if there is one.
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Makes the socket, in place of one that nobody listens at any more.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    // Private from its beginning: nobody else connects before its mode is set.
    let before = umask(Mode::from_raw_mode(0o177));
    let mut bound = UnixListener::bind(path);
    let is_left = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse && is_dead(path);
    if bound.as_ref().err().is_some_and(is_left) {
        bound = std::fs::remove_file(path).and_then(|()| UnixListener::bind(path));
    }
    umask(before);
    bound
}

/// True if there is a socket at which nobody listens.
fn is_dead(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

fn refusal(address: &Address, error: &io::Error) -> Error {
    let is_taken = error.kind() == io::ErrorKind::AddrInUse;
    Error::invalid(match address {
        Address::Tcp(address) if is_taken => format!(
            "another program listens at {address} already; choose another port with --listen {}:0, \
             or end that program",
            address.ip()
        ),
        Address::Tcp(address) => format!("cannot listen at {address}: {error}"),
        Address::Unix(path) if is_taken => format!(
            "another program uses {} already; choose another path with --socket",
            path.display()
        ),
        Address::Unix(path) => format!("cannot listen at {}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixListener;

    use super::{Address, Listener};

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let any = Address::Tcp(([127, 0, 0, 1], 0).into());
        let first = Listener::bind(&any).unwrap();
        let error = Listener::bind(first.address()).unwrap_err().to_string();
        assert!(error.contains("listens at 127.0.0.1:"), "{error}");
        assert!(error.contains("--listen 127.0.0.1:0"), "{error}");
    }

    #[test]
    fn a_socket_is_private_and_one_that_was_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.sock");
        // Dropping it leaves its file.
        drop(UnixListener::bind(&path).unwrap());
        let address = Address::Unix(path.clone());
        let listener = Listener::bind(&address).unwrap();
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = Listener::bind(&address).unwrap_err().to_string();
        assert!(error.contains("another program uses"), "{error}");
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "not a socket").unwrap();
        assert!(Listener::bind(&address).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"not a socket");
    }

    /// The end of a dashboard removed the socket of the one that had taken its path.
    #[test]
    fn the_socket_of_another_stays_at_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.sock");
        let address = Address::Unix(path.clone());
        let first = Listener::bind(&address).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = Listener::bind(&address).unwrap();
        drop(first);
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }
}
