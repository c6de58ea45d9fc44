//! Drives the shipped state machines on one thread, from one seed.
