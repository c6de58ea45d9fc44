//! The full engine over the shared schema: leases, dependencies and limits.
//!
//! Nothing of it is built yet; `fast-queue` is the engine to use today.
