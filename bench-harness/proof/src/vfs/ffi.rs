//! Converts `SQLite`'s pointers into references; the only module of this package with unsafe code.
//!
//! It relies on these rules of <https://sqlite.org/c3ref/vfs.html> and
//! <https://sqlite.org/c3ref/io_methods.html>: every pointer that `SQLite` passes is valid for the
//! call, and a file is used by one thread at a time, between a successful `xOpen` and `xClose`.

#![expect(unsafe_code, reason = "a VFS is a table of C functions")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use super::Process;
use super::handle::{Code, Handle, Result};
use super::locks::Level;
use super::shared_memory::{Mode, Range};

/// A VFS name registered with `SQLite`.
#[derive(Debug)]
pub(super) struct Registered {
    name: CString,
    process: Mutex<Option<Arc<Process>>>,
}

/// Names that are not in use.
static FREE: Mutex<Vec<&'static Registered>> = Mutex::new(Vec::new());

impl Registered {
    pub(super) fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }

    /// The process that uses this name.
    pub(super) fn process(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn free() -> MutexGuard<'static, Vec<&'static Registered>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Acquires a name for exclusive use until it is released.
pub(super) fn acquire() -> &'static Registered {
    let used = free().pop();
    used.unwrap_or_else(register)
}

pub(super) fn release(registered: &'static Registered) {
    free().push(registered);
}

/// A file as `SQLite` allocates it and passes it to `xOpen`.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn register() -> &'static Registered {
    static COUNT: Mutex<u32> = Mutex::new(0);
    let mut count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    *count += 1;
    let name = CString::new(format!("queue-proof-{count}")).unwrap_or_default();
    let registered: &'static Registered = Box::leak(Box::new(Registered {
        name,
        process: Mutex::default(),
    }));
    let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(size_of::<File>()).unwrap_or_default(),
        mxPathname: 512,
        pNext: std::ptr::null_mut(),
        zName: registered.name.as_ptr(),
        pAppData: std::ptr::from_ref(registered).cast_mut().cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: None,
        xGetLastError: None,
        xCurrentTimeInt64: Some(current_time),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    // SAFETY: the table and the name live as long as the program.
    let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite accepts no more names");
    registered
}

fn answer(result: Result<()>) -> Code {
    result.err().unwrap_or(ffi::SQLITE_OK)
}

fn to_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// The process that uses the name of `vfs`.
///
/// # Safety
/// `vfs` must be one that [`register`] made.
unsafe fn process(vfs: *mut ffi::sqlite3_vfs) -> Result<Arc<Process>> {
    // SAFETY: `register` put a reference there that is valid for ever.
    let registered = unsafe { &*(*vfs).pAppData.cast::<Registered>() };
    registered.process().clone().ok_or(ffi::SQLITE_IOERR)
}

/// # Safety
/// `name` must be null or point to a string that ends with a zero.
unsafe fn text<'a>(name: *const c_char) -> Option<&'a str> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(name) }.to_str().ok()
}

/// # Safety
/// `file` must be one that [`open`] opened and [`close`] has not closed, with no other user.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: `open` put a handle there, which only `close` takes away.
    unsafe { &mut *(*file.cast::<File>()).handle }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let file = file.cast::<File>();
    // SAFETY: `SQLite` has allocated `szOsFile` bytes for it. Without methods it is not closed.
    unsafe { (*file).base.pMethods = std::ptr::null() };
    // SAFETY: `SQLite` passes our VFS and a name that is null or ends with a zero.
    let opened = unsafe { process(vfs).and_then(|own| Handle::open(own, text(name), flags)) };
    match opened {
        Ok(handle) => {
            // SAFETY: as above; `out_flags` is null or valid.
            unsafe {
                (*file).handle = Box::into_raw(Box::new(handle));
                (*file).base.pMethods = &raw const METHODS;
                if !out_flags.is_null() {
                    *out_flags = flags;
                }
            }
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let file = file.cast::<File>();
    // SAFETY: the handle is the box that `open` gave away, and without methods `SQLite` does not use it again.
    let handle = unsafe {
        (*file).base.pMethods = std::ptr::null();
        Box::from_raw((*file).handle)
    };
    handle.close();
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: `SQLite` passes an open file and a buffer of `count` bytes.
    let (file, buffer) = unsafe {
        let buffer = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), to_usize(count.into()));
        (handle(file), buffer)
    };
    answer(file.read(buffer, to_usize(offset)))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: `SQLite` passes an open file and `count` bytes.
    let (file, data) = unsafe {
        let data = std::slice::from_raw_parts(data.cast::<u8>(), to_usize(count.into()));
        (handle(file), data)
    };
    answer(file.write(data, to_usize(offset)))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    answer(unsafe { handle(file) }.truncate(to_usize(size)))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    answer(unsafe { handle(file) }.sync())
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: `SQLite` passes an open file and memory for the answer.
    let (file, size) = unsafe { (handle(file), &mut *size) };
    answer(file.size().map(|bytes| {
        *size = i64::try_from(bytes).unwrap_or(i64::MAX);
    }))
}

fn level(code: c_int) -> Level {
    match code {
        ffi::SQLITE_LOCK_NONE => Level::Unlocked,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, to: c_int) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    answer(unsafe { handle(file) }.lock(level(to)))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, to: c_int) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    answer(unsafe { handle(file) }.unlock(level(to)))
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    reserved: *mut c_int,
) -> c_int {
    // SAFETY: `SQLite` passes an open file and memory for the answer.
    let (file, reserved) = unsafe { (handle(file), &mut *reserved) };
    answer(file.is_reserved().map(|is| *reserved = is.into()))
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

/// As in the Unix VFS.
unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// As in the Unix VFS: a write changes no byte outside it, even if the power fails.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    _: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: `SQLite` passes an open file and memory for the answer.
    let (file, out) = unsafe { (handle(file), &mut *out) };
    answer(file.map(to_usize(region.into()), extend != 0).map(|found| {
        *out = found.map_or(std::ptr::null_mut(), |region| {
            region.as_ptr().cast_mut().cast()
        });
    }))
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    let file = unsafe { handle(file) };
    let Some(range) = Range::new(to_usize(offset.into()), to_usize(count.into())) else {
        return ffi::SQLITE_MISUSE;
    };
    let mode = if flags & ffi::SQLITE_SHM_SHARED != 0 {
        Mode::Shared
    } else {
        Mode::Exclusive
    };
    answer(if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        file.unlock_shared_memory(range)
    } else {
        file.lock_shared_memory(range, mode)
    })
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: `SQLite` passes an open file.
    unsafe { handle(file) }.unmap();
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: `SQLite` passes our VFS and a name that ends with a zero.
    let (process, name) = unsafe { (process(vfs), text(name)) };
    answer(process.and_then(|process| process.delete(name.unwrap_or_default(), sync != 0)))
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `SQLite` passes our VFS, a name that ends with a zero, and memory for the answer.
    let (process, name, out) = unsafe { (process(vfs), text(name), &mut *out) };
    let exists = process.and_then(|process| process.exists(name.unwrap_or_default()));
    answer(exists.map(|exists| *out = exists.into()))
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `SQLite` passes a name that ends with a zero.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > to_usize(size.into()) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: the name fits into the `size` bytes that `SQLite` has at `out`.
    unsafe { std::ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    count: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `SQLite` passes our VFS and a buffer of `count` bytes.
    let (process, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts_mut(out.cast::<u8>(), to_usize(count.into()));
        (process(vfs), bytes)
    };
    match process.and_then(|process| process.fill_random(bytes)) {
        Ok(()) => count,
        Err(_) => 0,
    }
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    // SAFETY: `SQLite` passes our VFS.
    match unsafe { process(vfs) }.and_then(|process| process.sleep(micros.into())) {
        Ok(()) => micros,
        Err(_) => 0,
    }
}

unsafe extern "C" fn current_time(
    vfs: *mut ffi::sqlite3_vfs,
    now: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: `SQLite` passes our VFS and memory for the answer.
    let (process, now) = unsafe { (process(vfs), &mut *now) };
    answer(
        process
            .and_then(|process| process.now())
            .map(|at| *now = at),
    )
}
