//! Links that a user can plant in a folder in which root works, each in place of a file or folder
//! that root creates or finds there.

/// Paths of planted links, beside a database `queue.db`.
pub const PLANTED: [&str; 17] = [
    "queue.db-wal",
    "queue.db-shm",
    "queue.db.d",
    "queue.db.d/writer.lock",
    "queue.db.d/writer.waiting",
    "queue.db.d/open.lock",
    "queue.db.d/in-use.lock",
    "queue.db.d/idle",
    "queue.db.d/listening",
    "queue.db.d/worker.log",
    "queue.db.d/workers",
    "queue.db.d/logs.lock",
    "queue.db.d/log",
    "queue.db.d/log/2.1",
    "queue.db.d/inputs",
    "queue.db.d/restore",
    "queue.db.d/restore/new.db",
];

/// True if a folder is expected there, not a file.
pub fn is_folder(name: &str) -> bool {
    let folders = ["queue.db.d", "restore", "workers", "log", "inputs"];
    folders.iter().any(|folder| name.ends_with(folder))
}
