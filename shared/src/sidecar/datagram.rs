//! Datagrams to the sockets of workers and listeners: their signals, and how they are sent.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use super::files::Folder;
use super::paths::Sidecar;
use crate::claim::WorkerId;

/// Signal in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Tasks wait to be claimed.
    Tasks,
    /// A running task may have been cancelled.
    Cancel,
    /// A worker has registered.
    Peers,
    /// Tasks have ended.
    Settled,
    /// The worker is to stop.
    Stop,
    /// The worker is to use so many slots.
    Slots(u32),
}

impl Signal {
    /// Datagram of the signal: its letter and, for a number of slots, that number.
    pub fn datagram(self) -> Vec<u8> {
        match self {
            Self::Tasks => vec![b't'],
            Self::Cancel => vec![b'c'],
            Self::Peers => vec![b'p'],
            Self::Settled => vec![b's'],
            Self::Stop => vec![b'q'],
            Self::Slots(slots) => [&b"n"[..], &slots.to_le_bytes()].concat(),
        }
    }

    /// Signal of a received datagram; `None` for one that this program does not know.
    pub fn from_datagram(bytes: &[u8]) -> Option<Self> {
        let (letter, rest) = bytes.split_first()?;
        Some(match letter {
            b't' => Self::Tasks,
            b'c' => Self::Cancel,
            b'p' => Self::Peers,
            b's' => Self::Settled,
            b'q' => Self::Stop,
            b'n' => Self::Slots(u32::from_le_bytes(*rest.first_chunk()?)),
            _ => return None,
        })
    }
}

/// Fate of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    /// The receiver has not read earlier ones.
    Full,
    /// There is no receiver.
    Gone,
}

/// Largest number of connected sockets. Beyond it the oldest one is closed.
const MOST_CONNECTED: usize = 64;

/// Sender of datagrams: the folder of the sockets, and a connection to each one used recently,
/// since to look a socket up by its path takes longer than to send a datagram. A socket's address
/// has room for 107 bytes, less than a path may have, so the folder is named by its descriptor.
#[derive(Debug)]
pub(super) struct DatagramSender {
    folder: Folder,
    connected: Mutex<Vec<(WorkerId, OwnedFd)>>,
}

impl DatagramSender {
    pub(super) fn open(sidecar: &Sidecar) -> std::io::Result<Self> {
        Ok(Self {
            folder: Folder::open(&sidecar.workers())?,
            connected: Mutex::default(),
        })
    }

    pub(super) fn send(&self, worker: WorkerId, signal: Signal) -> Sent {
        let mut connected = self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = connected.iter().position(|(id, _)| *id == worker);
        let position = known.unwrap_or(connected.len());
        if known.is_none() {
            let Ok(socket) = self.connect(worker) else {
                return Sent::Gone;
            };
            connected.push((worker, socket));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = match send(&connected[position].1, &signal.datagram(), flags) {
            Ok(_) => Sent::Yes,
            Err(Errno::AGAIN | Errno::NOBUFS) => Sent::Full,
            Err(_) => {
                connected.remove(position);
                Sent::Gone
            }
        };
        if connected.len() > MOST_CONNECTED {
            connected.remove(0);
        }
        sent
    }

    fn connect(&self, worker: WorkerId) -> rustix::io::Result<OwnedFd> {
        let socket = socket()?;
        connect(&socket, &address(&self.folder, worker)?)?;
        Ok(socket)
    }
}

pub(super) fn socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
}

/// Name of a worker's socket in its folder.
pub(super) fn name(worker: WorkerId) -> String {
    format!("{worker}.sock")
}

/// Address of a worker's socket in `folder`.
pub(super) fn address(folder: &Folder, worker: WorkerId) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(folder.path_of(OsStr::new(&name(worker))))
}
