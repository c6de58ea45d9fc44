//! The program as its users meet it: processes, signals, files, exit codes.

queue_testing::command_line_tests!(env!("CARGO_BIN_EXE_fast-queue"), false);
