//! Unsafe part: a signal handler that writes a byte to the sockets of stop requests, and gives way to
//! the disposition that it replaced.
//!
//! A signal library keeps its handler for the rest of the process. Here the previous disposition
//! comes back with the last receiver, unless another handler has been installed meanwhile: that one
//! calls this one, which then does nothing but call the previous one.
//!
//! # Safety invariants
//! - The handler only reads atomics, writes to descriptors and calls the handler before it, all of
//!   which a signal handler may do, and it keeps `errno`.
//! - A descriptor is written to only while [`RUNNING`] is above 0, and its owner closes it only after
//!   it has left [`RECEIVERS`] and `RUNNING` was 0.
//! - A saved disposition is never freed: a handler may read it at any time.
#![expect(
    unsafe_code,
    reason = "no safe interface gives a signal its previous disposition back"
)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// Signals that can be received.
const SIGNALS: [c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];
/// Most receivers of one signal at a time.
const MOST_RECEIVERS: usize = 64;
/// A place without a receiver.
const NOBODY: RawFd = -1;

/// Descriptors of the receivers of each signal.
static RECEIVERS: [[AtomicI32; MOST_RECEIVERS]; 3] =
    [const { [const { AtomicI32::new(NOBODY) }; MOST_RECEIVERS] }; 3];
/// Disposition of each signal before this handler; null if the handler was never installed.
static PREVIOUS: [AtomicPtr<libc::sigaction>; 3] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; 3];
/// Number of handlers that are writing.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Adds a receiver of a signal, to which every delivery writes a byte. The first one installs the
/// handler. Not called concurrently.
///
/// # Errors
/// When the system refuses the handler, or there are too many receivers.
pub(super) fn receive(signal: c_int, receiver: RawFd) -> io::Result<()> {
    let index = index_of(signal)?;
    let free = RECEIVERS[index].iter().find(|own| {
        let free = own.compare_exchange(NOBODY, receiver, Ordering::SeqCst, Ordering::SeqCst);
        free.is_ok()
    });
    if free.is_none() {
        return Err(io::Error::other("too many workers receive signals"));
    }
    let installed = install(signal, index);
    if installed.is_err() {
        leave(signal, receiver);
    }
    installed
}

/// Removes a receiver of a signal. The last one gives the signal its previous disposition back. Waits
/// for handlers that are writing at this moment. Not called concurrently.
pub(super) fn leave(signal: c_int, receiver: RawFd) {
    let Ok(index) = index_of(signal) else {
        return;
    };
    for own in &RECEIVERS[index] {
        let _ = own.compare_exchange(receiver, NOBODY, Ordering::SeqCst, Ordering::SeqCst);
    }
    while RUNNING.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
    let is_over = |own: &AtomicI32| own.load(Ordering::SeqCst) == NOBODY;
    if RECEIVERS[index].iter().all(is_over) {
        restore(signal, index);
    }
}

fn index_of(signal: c_int) -> io::Result<usize> {
    let index = SIGNALS.iter().position(|own| *own == signal);
    index.ok_or_else(|| io::Error::other("this signal stops no worker"))
}

/// Installs the handler unless it is installed.
fn install(signal: c_int, index: usize) -> io::Result<()> {
    let before = current(signal)?;
    if before.sa_sigaction == handler() {
        return Ok(());
    }
    let known = PREVIOUS[index].load(Ordering::SeqCst);
    // SAFETY: a saved disposition is never freed.
    let is_known = unsafe { known.as_ref() }.is_some_and(|known| {
        known.sa_sigaction == before.sa_sigaction && known.sa_flags == before.sa_flags
    });
    if !is_known {
        // Kept for ever: a handler on another thread may be reading it.
        PREVIOUS[index].store(Box::leak(Box::new(before)), Ordering::SeqCst);
    }
    let own = libc::sigaction {
        sa_sigaction: handler(),
        sa_flags: libc::SA_SIGINFO | libc::SA_RESTART,
        ..before
    };
    set(signal, &own)
}

/// Gives a signal its previous disposition back, if this handler is the one installed.
fn restore(signal: c_int, index: usize) {
    // SAFETY: a saved disposition is never freed.
    let previous = unsafe { PREVIOUS[index].load(Ordering::SeqCst).as_ref() };
    if let (Some(previous), Ok(now)) = (previous, current(signal))
        && now.sa_sigaction == handler()
    {
        // It was accepted before.
        let _ = set(signal, previous);
    }
}

fn handler() -> libc::sighandler_t {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = received;
    handler as libc::sighandler_t
}

fn current(signal: c_int) -> io::Result<libc::sigaction> {
    // SAFETY: all zeros is a valid `sigaction`, and the call fills it in.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        match libc::sigaction(signal, std::ptr::null(), &raw mut now) {
            0 => Ok(now),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn set(signal: c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: the action is one that the system returned, or has this module's handler.
    match unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The signal handler.
extern "C" fn received(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(index) = SIGNALS.iter().position(|own| *own == signal) else {
        return;
    };
    RUNNING.fetch_add(1, Ordering::SeqCst);
    // SAFETY: see the invariants above.
    unsafe {
        let errno = *libc::__errno_location();
        for receiver in &RECEIVERS[index] {
            let receiver = receiver.load(Ordering::SeqCst);
            if receiver != NOBODY {
                let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
                libc::send(receiver, [1_u8].as_ptr().cast::<c_void>(), 1, flags);
            }
        }
        *libc::__errno_location() = errno;
    }
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    // SAFETY: a saved disposition is never freed, and its handler is the process's own.
    unsafe {
        if let Some(previous) = PREVIOUS[index].load(Ordering::SeqCst).as_ref() {
            pass_on(previous, signal, info, context);
        }
    }
}

/// Calls the handler that was there before. A default is not emulated: a signal that stops a worker
/// does not end the process.
///
/// # Safety
/// Only as a part of the signal handler.
unsafe fn pass_on(
    previous: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    match previous.sa_sigaction {
        libc::SIG_IGN | libc::SIG_DFL => {}
        // SAFETY: the system would have called it in the same way.
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => unsafe {
            let handler = std::mem::transmute::<
                libc::sighandler_t,
                extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
            >(handler);
            handler(signal, info, context);
        },
        // SAFETY: the same.
        handler => unsafe {
            let handler = std::mem::transmute::<libc::sighandler_t, extern "C" fn(c_int)>(handler);
            handler(signal);
        },
    }
}
