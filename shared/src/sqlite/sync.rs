//! Locks, channels and threads of the writer: those of the standard library. The tests in
//! `schedules` compile the writer a second time with others that a scheduler controls.

pub(super) use crossbeam_channel as channel;
pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
pub(super) use std::thread;
