//! Files that other processes of the same user, or a command, can write into `<db>.d`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::ReadyTasks;
use queue_core::claim::WorkerId;
use queue_core::coordination::Listening;
use queue_core::internals::fuzzing;
use queue_core::internals::log::{LogError, LogReader};
use queue_core::internals::records::RecordFile;
use queue_core::output::{Chunk, Stream};
use queue_core::queue::Queue;
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::{Signal, Waker};
use queue_core::task::TaskId;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType, sendto, socket};
use tempfile::TempDir;

use crate::check_sentence;

/// Longest list of pieces in one command's output: enough to fill its log several times.
const MOST_PIECES: usize = 24;
/// Bound of the log of that output.
const LOG_BYTES: u64 = 256 << 10;

thread_local! {
    static BESIDE: Beside = Beside::new();
}

/// A writable folder `<db>.d`, in memory if the system has such a folder.
struct Beside {
    _folder: TempDir,
    sidecar: Sidecar,
    waker: Waker,
    listener: Box<dyn Listening>,
    socket: PathBuf,
}

impl Beside {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder for files");
        let queue = FastQueue::open(folder.path().join("q.db")).expect("a new file opens");
        let listener = queue
            .coordination()
            .listen(WorkerId(9))
            .expect("a listener");
        let sidecar = queue.sidecar().clone();
        let mut sockets = fs::read_dir(sidecar.workers()).expect("the folder of sockets");
        let socket = sockets.find_map(|entry| {
            let path = entry.ok()?.path();
            path.extension()
                .is_some_and(|end| end == "sock")
                .then_some(path)
        });
        Self {
            socket: socket.expect("the listener's socket"),
            waker: Waker::new(sidecar.clone()),
            listener,
            sidecar,
            _folder: folder,
        }
    }
}

/// For any content of the files that list idle and listening workers, a commit wakes those that can be
/// woken, and ends. Any datagram is a settle, another signal, or ignored.
pub(crate) fn side_files(bytes: &[u8]) {
    let Some((what, rest)) = bytes.split_first() else {
        return;
    };
    BESIDE.with(|beside| match what % 3 {
        0 => {
            fs::write(beside.sidecar.idle_file(), rest).expect("the file of idle workers");
            beside.waker.wake(&ReadyTasks::anywhere((*what).into()));
            beside.waker.wake(&ReadyTasks::one("default", ""));
        }
        1 => {
            fs::write(beside.sidecar.listening_file(), rest).expect("the file of listeners");
            beside.waker.tell_settled();
        }
        _ => datagram(beside, rest),
    });
    if let Ok(text) = std::str::from_utf8(rest)
        && let Some(id) = WorkerId::parse(text)
    {
        assert_eq!(WorkerId::parse(&id.to_string()), Some(id));
    }
}

/// Every record of a running command that is read is the worker's own and names a process that may be
/// its command.
pub(crate) fn records(bytes: &[u8]) {
    let named = bytes.get(8..16).and_then(|id| id.try_into().ok());
    let worker = WorkerId(named.map_or(7, i64::from_le_bytes));
    let Some(file) = RecordFile::parse(worker, bytes) else {
        return;
    };
    assert!(file.commands.len() * 64 < bytes.len());
    for command in file.commands {
        assert_eq!(command.claim.worker, worker);
        let process = command.process;
        assert!(process.is_none_or(|one| one.pid > 1 && one.session > 1));
        assert!(command.ended_at.is_none_or(|at| at.0 != 0));
    }
}

fn datagram(beside: &Beside, bytes: &[u8]) {
    let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None).expect("a socket");
    let address = SocketAddrUnix::new(&beside.socket).expect("a short path");
    let waits = || {
        let woken = beside.listener.wait(Duration::ZERO);
        woken.expect("a listener receives")
    };
    // An earlier list of listeners may have named this one.
    while waits() {}
    sendto(&socket, bytes, SendFlags::DONTWAIT, &address).expect("a datagram");
    let woken = waits();
    let known = Signal::from_datagram(bytes.get(..8).unwrap_or(bytes));
    assert_eq!(woken, known.is_some(), "of {bytes:?}");
}

/// A piece of a log as returned by a reader.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Written(Stream, Vec<u8>),
    Omitted(u64),
    GivenUp,
}

fn read(reader: &mut LogReader, pieces: &mut Vec<Piece>) -> Result<bool, LogError> {
    reader.read(|chunk| {
        pieces.push(match chunk {
            Chunk::Written { stream, bytes } => Piece::Written(stream, bytes.into_owned()),
            Chunk::Omitted(count) => Piece::Omitted(count),
            Chunk::GivenUp => Piece::GivenUp,
            other => panic!("an unknown chunk: {other:?}"),
        });
    })
}

/// A log of any bytes reads the same at once and as it grows, and a reader never returns more than its
/// files hold.
pub(crate) fn log(bytes: &[u8]) {
    let [cut, a, b, rest @ ..] = bytes else {
        return;
    };
    BESIDE.with(|beside| {
        let path = beside.sidecar.log(TaskId(1), 1);
        let (later, bytes) = rest.split_at((usize::from(*a) + usize::from(*b)).min(rest.len()));
        let (a, b) = later.split_at(usize::from(*a).min(later.len()));
        for (ending, content) in [("a", a), ("b", b)] {
            let file = format!("{}.{ending}", path.display());
            fs::write(file, content).expect("a later file");
        }
        let cut = usize::from(*cut).min(bytes.len());
        let (mut grown, mut whole) = (Vec::new(), Vec::new());
        fs::write(&path, &bytes[..cut]).expect("a log");
        let mut reader = LogReader::new(path.clone());
        let mut ended = read(&mut reader, &mut grown);
        if ended.is_ok() {
            // Appends as the log's writer does: a reader recognizes a replaced file by its length.
            let file = fs::OpenOptions::new().append(true).open(&path);
            let written =
                file.and_then(|mut file| std::io::Write::write_all(&mut file, &bytes[cut..]));
            written.expect("a log grows");
            ended = read(&mut reader, &mut grown);
        } else {
            fs::write(&path, bytes).expect("a log");
        }
        let at_once = read(&mut LogReader::new(path), &mut whole);
        assert_eq!(grown, whole);
        assert_eq!(ended.is_ok(), at_once.is_ok());
        if let Err(error) = at_once {
            check_sentence(&error.to_string());
        }
        let handed_out: usize = whole.iter().map(length).sum();
        assert!(handed_out <= rest.len());
    });
}

fn length(piece: &Piece) -> usize {
    match piece {
        Piece::Written(_, bytes) => bytes.len(),
        Piece::Omitted(_) | Piece::GivenUp => 0,
    }
}

/// Three bytes describe a piece of output: its stream and moment, and its length. A log beyond its bound
/// keeps the beginning and the end, and states how much it leaves out.
pub(crate) fn capture(bytes: &[u8]) {
    let mut wrote = Vec::new();
    let mut pieces = Vec::new();
    let mut at = 0;
    for code in bytes.chunks_exact(3).take(MOST_PIECES) {
        let stream = if code[0] & 1 == 0 {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        at += i64::from(code[0] >> 1);
        // Up to 128 KiB, twice the capacity of a frame, with a preference for short pieces.
        let length = (1 << (code[1] % 18)) + usize::from(code[2]);
        let start = wrote.len();
        // A period that divides no buffer size, so that a shifted piece is noticed.
        wrote.extend((start..start + length).map(|place| (place % 251).to_le_bytes()[0]));
        pieces.push((stream, start..start + length, at));
    }
    BESIDE.with(|beside| {
        let task = TaskId(2);
        let path = beside.sidecar.log(task, 1);
        for file in ["", ".a", ".b"].map(|ending| format!("{}{ending}", path.display())) {
            let _ = fs::remove_file(file);
        }
        let given = pieces
            .into_iter()
            .map(|(stream, range, at)| (stream, &wrote[range], at));
        let mut kept = Vec::new();
        match fuzzing::capture(task, given, &beside.sidecar, LOG_BYTES) {
            Some(output) => kept.extend(output.chunks().map(|chunk| match chunk {
                Ok(Chunk::Written { stream, bytes }) => Piece::Written(stream, bytes.into_owned()),
                Ok(Chunk::Omitted(count)) => Piece::Omitted(count),
                Ok(Chunk::GivenUp) => Piece::GivenUp,
                other => panic!("an unknown or damaged chunk: {other:?}"),
            })),
            None => {
                read(&mut LogReader::new(path), &mut kept).expect("the log is whole");
            }
        }
        check_kept(&wrote, &kept);
    });
}

fn check_kept(wrote: &[u8], kept: &[Piece]) {
    let mut position = 0;
    let mut omissions = 0;
    for piece in kept {
        match piece {
            Piece::Written(_, bytes) => {
                assert_eq!(
                    wrote.get(position..position + bytes.len()),
                    Some(&bytes[..])
                );
                position += bytes.len();
            }
            Piece::GivenUp => panic!("no output was given up"),
            Piece::Omitted(count) => {
                omissions += 1;
                assert!(position as u64 >= LOG_BYTES / 2, "the beginning is kept");
                position += usize::try_from(*count).expect("no more than was written");
                let left = (wrote.len() - position) as u64;
                assert!(left >= LOG_BYTES / 4, "the end is kept");
            }
        }
    }
    assert_eq!(position, wrote.len(), "omitted bytes are counted");
    assert!(omissions <= 1, "{omissions} omissions");
}
