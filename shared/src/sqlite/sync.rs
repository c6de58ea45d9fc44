//! Where the writer's locks, channels and threads come from: the standard library. The tests in
//! `schedules` compile the writer a second time with others in their place, which a scheduler
//! controls.

pub(super) use crossbeam_channel as channel;
pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
pub(super) use std::thread;
