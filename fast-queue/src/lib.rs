//! Durable shell commands and in-process handlers in one `SQLite` file.
