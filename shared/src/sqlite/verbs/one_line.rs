//! Verbs that an engine over a [`Database`](super::super::Database) passes on in one line.

/// Implements methods of [`Queue`](crate::queue::Queue) that need nothing but the file, for a type
/// with a method `database`.
#[macro_export]
macro_rules! answered_by_database {
    () => {
        $crate::answered_by_database! {
            held(claims: &[$crate::claim::Claim]) -> Vec<$crate::claim::Held>;
            workers() -> Vec<$crate::queue::WorkerInfo>;
            claims_of(worker: $crate::claim::WorkerId) -> Vec<$crate::claim::Claim>;
            get(id: $crate::task::TaskId) -> Option<$crate::task::Task>;
            output(id: $crate::task::TaskId) -> Option<$crate::output::Output>;
            output_of(
                id: $crate::task::TaskId,
                attempt: u32
            ) -> Option<$crate::output::Output>;
            with_outputs(
                ids: &[$crate::task::TaskId]
            ) -> Vec<($crate::task::Task, Option<$crate::output::Output>)>;
            list(query: &$crate::queue::ListQuery) -> Vec<$crate::task::Task>;
            last_failed(limit: usize, queue: Option<&str>) -> Vec<$crate::task::Task>;
            named(name: &str, limit: usize) -> Vec<$crate::task::TaskId>;
            keyed(key: &[u8]) -> Option<$crate::task::TaskId>;
            last_id() -> Option<$crate::task::TaskId>;
            queues() -> Vec<$crate::queue::QueueInfo>;
            settings() -> $crate::settings::FileSettings;
            file_id() -> i64;
        }

        fn coordination(
            &self,
        ) -> &std::sync::Arc<dyn $crate::coordination::Coordination> {
            self.database().coordination()
        }

        fn now(&self) -> $crate::clock::Now {
            self.database().now()
        }

        fn random(&self) -> u64 {
            self.database().random()
        }

        fn change_counter(&self) -> $crate::error::Result<i64> {
            self.database().change_counter()
        }

        fn diagnose(&self) -> $crate::error::Result<Vec<$crate::queue::Finding>> {
            self.database().diagnose(false)
        }
    };
    ($($verb:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        $(
            fn $verb(&self, $($name: $type),*) -> $crate::error::Result<$answer> {
                self.database()
                    .read(|connection| $crate::sqlite::verbs::$verb(connection, $($name),*))
            }
        )+
    };
}
