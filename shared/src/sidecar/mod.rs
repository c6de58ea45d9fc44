//! The folder `<db>.d/` beside a database: its paths, how files in it are opened, and what processes
//! tell each other through it. A worker's lock says that it lives, its socket wakes it, its records
//! name the commands it runs. Neither the store nor the runtime is known here; both stand on it.

mod boot;
pub(crate) mod files;
pub(crate) mod listener;
mod local;
mod paths;
pub(crate) mod records;
pub(crate) mod registration;
pub(crate) mod wakeup;

pub use boot::boot_id;
pub use local::Local;
pub use paths::Sidecar;
pub use registration::Registration;
pub use wakeup::{Signal, Waker};
