//! Sync of the file through `SQLite`'s own handle. Another descriptor will not do: closing it would
//! drop the locks of this process on the file, and a failed sync is to show on the VFS in use.
#![expect(
    unsafe_code,
    reason = "rusqlite has no safe interface to a connection's file"
)]

use std::ffi::c_void;
use std::ptr;

use rusqlite::{Connection, ffi};

/// Syncs the file of a connection's main database, without any lock.
///
/// # Errors
/// The error of the VFS, as a checkpoint returns it.
pub(super) fn sync_file(connection: &Connection) -> rusqlite::Result<()> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the connection is open and this thread's alone, and the operation writes a pointer. The
    // file that it points to lives as long as the connection.
    let code = unsafe {
        let found = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            ptr::from_mut(&mut file).cast::<c_void>(),
        );
        let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
        match methods.and_then(|methods| methods.xSync) {
            Some(sync) if found == ffi::SQLITE_OK => sync(file, ffi::SQLITE_SYNC_NORMAL),
            _ => found,
        }
    };
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::sync_file;

    #[test]
    fn an_open_file_is_synced_and_a_database_in_memory_has_nothing_to_sync() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("q.db")).unwrap();
        connection.execute_batch("CREATE TABLE t (id)").unwrap();
        sync_file(&connection).unwrap();
        sync_file(&Connection::open_in_memory().unwrap()).unwrap();
    }
}
