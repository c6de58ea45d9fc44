//! Unsafe part: a child that shares this process's memory until it has loaded its program, and the end
//! of a child with the resources that it used.
//!
//! The C library's `posix_spawn` works the same way, at the same cost: `clone` with `CLONE_VM` and
//! `CLONE_VFORK` copies nothing, and the calling thread sleeps until the child has either loaded
//! its program or given up. Two things are impossible with `posix_spawn`, and otherwise need a
//! second program in between: to give the child its own limit on open files before it runs, and to
//! return a pidfd with it, so that a shortage of descriptors shows before there is a process.
//!
//! # Safety invariants
//! - The child runs on a separate stack, in the memory of a process whose other threads go on. It
//!   only makes system calls on prepared data: it allocates nothing, takes no lock, cannot panic,
//!   and ends in `execve` or `_exit`.
//! - No handler of this process runs in the child: all signals are blocked around the `clone`, and the
//!   child sets every disposition to the default before it unblocks them. Dispositions, mask, limits,
//!   descriptors, directory and session are its own; `errno` is the calling thread's, which sleeps.
//! - The data that the child reads lives until `clone` returns, and `clone` returns after the
//!   child's last access.
#![expect(
    unsafe_code,
    reason = "no safe interface sets a child's limits before its program runs, or returns what it used"
)]

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::process::Pid;

use super::{Failed, SpawnStep, Status};

/// Settings of the child.
pub(super) struct Child<'a> {
    pub(super) program: &'a CStr,
    pub(super) arguments: Pointers<'a>,
    pub(super) variables: Pointers<'a>,
    pub(super) directory: Option<&'a CStr>,
    /// Descriptors that become 0, 1 and 2. None of them has one of these numbers.
    pub(super) streams: [BorrowedFd<'a>; 3],
    /// Soft limit on open files; this process's unless set.
    pub(super) descriptors: Option<u64>,
}

/// A list of strings as `execve` takes it.
pub(super) struct Pointers<'a> {
    pointers: Vec<*const c_char>,
    _strings: std::marker::PhantomData<&'a CStr>,
}

impl<'a> Pointers<'a> {
    pub(super) fn new(strings: impl Iterator<Item = &'a CStr>) -> Self {
        let end = std::iter::once(std::ptr::null());
        Self {
            pointers: strings.map(CStr::as_ptr).chain(end).collect(),
            _strings: std::marker::PhantomData,
        }
    }
}

/// Size of the child's stack. The calls need a hundredth of it; the rest is for a dynamic linker
/// that resolves them lazily.
const STACK_BYTES: usize = 64 << 10;
/// Highest signal number.
const SIGNALS: c_int = 64;
/// Bytes of a signal set in system calls.
const SET_BYTES: usize = 8;
/// Exit code of a child that could not load its program; nobody reads it.
const GAVE_UP: c_int = 127;

/// Memory that the child reads, and in which it reports its error.
struct SharedMemory {
    program: *const c_char,
    arguments: *const *const c_char,
    variables: *const *const c_char,
    directory: *const c_char,
    streams: [c_int; 3],
    descriptors: Option<u64>,
    step: AtomicU32,
    errno: AtomicI32,
}

/// Starts the program. When this returns, the child has loaded its program, or is gone.
pub(super) fn start(child: &Child<'_>) -> Result<(Pid, OwnedFd), Failed> {
    let shared = SharedMemory {
        program: child.program.as_ptr(),
        arguments: child.arguments.pointers.as_ptr(),
        variables: child.variables.pointers.as_ptr(),
        directory: child.directory.map_or(std::ptr::null(), CStr::as_ptr),
        streams: child.streams.each_ref().map(AsRawFd::as_raw_fd),
        descriptors: child.descriptors,
        step: AtomicU32::new(0),
        errno: AtomicI32::new(0),
    };
    let (pid, pidfd) = clone(&shared)?;
    match shared.errno.load(Ordering::Relaxed) {
        0 => Ok((pid, pidfd)),
        errno => {
            super::reap(&pidfd);
            Err(Failed {
                step: SpawnStep::of(shared.step.load(Ordering::Relaxed)),
                errno: Errno::from_raw_os_error(errno),
            })
        }
    }
}

fn clone(shared: &SharedMemory) -> Result<(Pid, OwnedFd), Failed> {
    let mut stack: Vec<u8> = Vec::with_capacity(STACK_BYTES);
    let mut pidfd: c_int = -1;
    // A control group of the child's own, for limits per task, has to be given here (`clone3` with
    // `CLONE_INTO_CGROUP`): so they hold before its program runs.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let before = set_mask(u64::MAX);
    // SAFETY: the stack grows down from its end, aligned to 16 bytes, and is as long as allocated.
    // `become_program` keeps the invariants above. With CLONE_VFORK this call returns after the
    // child's last access to `shared`, the stack and this memory altogether. The fifth argument is
    // where CLONE_PIDFD has the descriptor written.
    let pid = unsafe {
        let end = stack.as_mut_ptr().add(STACK_BYTES);
        let top = end.sub(end as usize % 16).cast::<c_void>();
        let shared = std::ptr::from_ref(shared).cast_mut().cast::<c_void>();
        libc::clone(become_program, top, flags, shared, &raw mut pidfd)
    };
    let refused = Errno::from_io_error(&std::io::Error::last_os_error());
    set_mask(before);
    match Pid::from_raw(pid.max(0)) {
        // SAFETY: the system opened the descriptor for this call, and nothing else owns it.
        Some(pid) => Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) })),
        None => Err(Failed {
            step: SpawnStep::Process,
            errno: refused.unwrap_or(Errno::AGAIN),
        }),
    }
}

/// Runs in the child, from the `clone` to its program.
extern "C" fn become_program(shared: *mut c_void) -> c_int {
    // SAFETY: `start` handed over a `SharedMemory` that outlives this process's use of its memory,
    // and never writes to it meanwhile. Every pointer in it is of a string that ends with NUL, of a
    // list that ends with a null pointer, or null if that is checked. The calls are those of the
    // system and touch nothing of the C library but `errno`.
    unsafe {
        let shared = &*shared.cast::<SharedMemory>();
        let give_up = |step: SpawnStep| -> ! {
            shared.step.store(step as u32, Ordering::Relaxed);
            let errno = *libc::__errno_location();
            shared.errno.store(errno, Ordering::Relaxed);
            libc::_exit(GAVE_UP)
        };
        // All zeros is the default, in any layout of the system's structure. KILL and STOP are
        // refused, and always have the default.
        let default = [0_u64; 8];
        for signal in 1..=SIGNALS {
            let none = std::ptr::null_mut::<c_void>();
            let default = default.as_ptr();
            libc::syscall(libc::SYS_rt_sigaction, signal, default, none, SET_BYTES);
        }
        // Leaves the controlling terminal. A new process leads no group, so this succeeds.
        libc::setsid();
        if let Some(descriptors) = shared.descriptors {
            lower_descriptors(descriptors);
        }
        if !shared.directory.is_null() && libc::chdir(shared.directory) != 0 {
            give_up(SpawnStep::Directory);
        }
        for (number, stream) in (0..).zip(shared.streams) {
            if libc::dup2(stream, number) < 0 {
                give_up(SpawnStep::Streams);
            }
        }
        // This process's own descriptors close on exec; this closes those that it inherited. Linux
        // before 5.9 does not know the call.
        let first: c_long = 3;
        libc::syscall(
            libc::SYS_close_range,
            first,
            c_long::from(u32::MAX),
            0 as c_long,
        );
        set_mask(0);
        libc::execve(shared.program, shared.arguments, shared.variables);
        give_up(SpawnStep::Program)
    }
}

/// Patience of [`wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Returns at once.
    Never,
    /// Waits for the end.
    UntilEnd,
}

/// Resources that a child and the processes it has waited for used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) cpu_us: u64,
    /// Peak memory of the largest of them, in KiB; never below that of the process whose memory the
    /// child began in.
    pub(super) peak_kb: u64,
}

/// Number of values in the system's list of resources: two times of two values each, and 14 more.
const RESOURCES: usize = 18;
/// Position of the peak memory in it.
const PEAK: usize = 4;

/// Reaps a child of this process, after which its process id may be reused. `None` while it runs.
///
/// This is one system call. The C library's function of the same name leaves out the resources.
pub(super) fn wait(pidfd: &OwnedFd, wait: Wait) -> Result<Option<(Status, Taken)>, Errno> {
    let hang = match wait {
        Wait::Never => libc::WNOHANG,
        Wait::UntilEnd => 0,
    };
    loop {
        let mut resources: [c_long; RESOURCES] = [0; RESOURCES];
        // SAFETY: all zeros is a valid value of this structure of numbers. The system writes no more
        // than one such structure and one list of resources, which live through the call.
        let (result, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let result = libc::syscall(
                libc::SYS_waitid,
                c_long::from(libc::P_PIDFD),
                c_long::from(pidfd.as_raw_fd()),
                &raw mut info,
                c_long::from(libc::WEXITED | hang),
                &raw mut resources,
            );
            (result, info)
        };
        if result < 0 {
            let error = std::io::Error::last_os_error();
            match Errno::from_io_error(&error) {
                Some(Errno::INTR) => continue,
                error => return Err(error.unwrap_or(Errno::CHILD)),
            }
        }
        if info.si_signo == 0 {
            return Ok(None);
        }
        // SAFETY: the system has filled in the structure of an ended child, which has a status.
        let number = unsafe { info.si_status() };
        let status = match info.si_code {
            libc::CLD_EXITED => Status::Exited(number),
            libc::CLD_KILLED | libc::CLD_DUMPED => Status::Signalled(number),
            _ => Status::Unknown,
        };
        return Ok(Some((status, taken(&resources))));
    }
}

fn taken(resources: &[c_long; RESOURCES]) -> Taken {
    let value = |index: usize| u64::try_from(resources[index]).unwrap_or(0);
    let time = |index: usize| value(index) * 1_000_000 + value(index + 1);
    Taken {
        cpu_us: time(0).saturating_add(time(2)),
        peak_kb: value(PEAK),
    }
}

/// Peak memory of this process so far, in KiB.
pub(super) fn peak_kb() -> u64 {
    // SAFETY: all zeros is a valid value of this structure of numbers, which lives through the call.
    let peak = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        // The peak is that of the process. The times of one thread take less work to add up.
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage.ru_maxrss
    };
    u64::try_from(peak).unwrap_or(0)
}

/// Lowers the child's limit on open files, which needs no privilege.
///
/// # Safety
/// Same as for everything that the child does.
unsafe fn lower_descriptors(soft: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure lives through both calls.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max.min(soft);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Sets the signals that this thread blocks; returns the previous ones. The C library's call would
/// leave out two signals of its own.
fn set_mask(mask: u64) -> u64 {
    change_mask(libc::SIG_SETMASK, mask)
}

/// Unblocks these signals for this thread and those it starts from now on.
pub(super) fn unblock(signals: &[c_int]) {
    change_mask(libc::SIG_UNBLOCK, mask_of(signals));
}

/// Blocks these signals for this thread and those it starts from now on.
pub(super) fn block(signals: &[c_int]) {
    change_mask(libc::SIG_BLOCK, mask_of(signals));
}

fn mask_of(signals: &[c_int]) -> u64 {
    signals
        .iter()
        .fold(0, |mask, signal| mask | 1 << (signal - 1))
}

fn change_mask(how: c_int, mask: u64) -> u64 {
    let mut before = 0_u64;
    // SAFETY: both sets are SET_BYTES long and live through the call.
    unsafe {
        let (mask, before) = (&raw const mask, &raw mut before);
        libc::syscall(libc::SYS_rt_sigprocmask, how, mask, before, SET_BYTES);
    }
    before
}
