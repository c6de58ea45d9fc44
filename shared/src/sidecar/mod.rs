//! The folder `<db>.d/` beside a database: its paths, the ways to open files in it, and the signals
//! that processes exchange through it. A worker's lock shows that it is alive, its socket wakes it,
//! and its records name the commands that it runs. The modules `sqlite` and `runtime` are built on
//! this one.

mod boot;
pub(crate) mod datagram;
pub(crate) mod files;
pub(crate) mod listener;
mod local;
mod paths;
pub(crate) mod records;
pub(crate) mod registration;
pub(crate) mod wakeup;

pub use boot::boot_id;
pub use datagram::Signal;
pub use local::Local;
pub use paths::Sidecar;
pub use registration::Registration;
pub use wakeup::Waker;
