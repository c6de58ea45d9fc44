//! The program as its users meet it: processes, signals, files, exit codes.

queue_testing::command_line_tests!(env!("CARGO_BIN_EXE_fast-queue"), false);

#[test]
fn the_dashboard_takes_no_action_from_a_foreign_origin() {
    use queue_testing::command_line::{UnderTest, dashboard_guards, program::Sandbox};
    let sandbox = Sandbox::of(UnderTest {
        path: env!("CARGO_BIN_EXE_fast-queue"),
        is_full: false,
    });
    let paths = queue_core::internals::web::post_paths::<fast_queue::FastQueue>(false);
    dashboard_guards::no_action_is_taken_from_a_foreign_origin(&sandbox, &paths);
}
