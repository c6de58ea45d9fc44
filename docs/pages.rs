//! The pages of this folder and the READMEs: their Rust blocks are compiled and run as doc tests. They
//! are a package of their own, since a package that is published reaches for nothing outside of itself.

/// A page with Rust blocks.
macro_rules! page {
    ($name:ident, $path:literal) => {
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        mod $name {}
    };
}

page!(front_page, "../README.md");
page!(fast_queue, "../fast-queue/README.md");
page!(workflow_queue, "../workflow-queue/README.md");
page!(guide_library, "guide/library.md");
page!(guide_workflows_library, "guide/workflows-library.md");
page!(reference_library, "reference/library.md");
