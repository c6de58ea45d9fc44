//! The `fast-queue` program.

fn main() {}
