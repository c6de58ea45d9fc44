//! The style and the script of all pages, which are a part of the program.

use std::sync::Arc;

use super::super::dashboard::Dashboard;
use super::super::reply::Reply;
use super::super::request::Request;
use crate::queue::Queue;

/// Style of all pages.
pub(super) const STYLE: &str = include_str!("../assets/style.css");
/// Script of all pages, which work without it.
pub(super) const SCRIPT: &str = include_str!("../assets/script.js");

/// The style.
pub(in super::super) fn style<Q: Queue>(_: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    Reply::asset("text/css; charset=utf-8", STYLE)
}

/// The script.
pub(in super::super) fn script<Q: Queue>(_: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    Reply::asset("text/javascript; charset=utf-8", SCRIPT)
}

/// The icon.
pub(in super::super) fn icon<Q: Queue>(_: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    Reply::asset("image/svg+xml", include_str!("../assets/icon.svg"))
}

/// Number that changes with the content: a part of its address, so that browsers can keep it.
pub(super) const fn version(content: &str) -> u32 {
    let (bytes, mut hash, mut at) = (content.as_bytes(), 0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::{SCRIPT, STYLE};

    #[test]
    fn the_script_is_small_and_nothing_is_loaded_from_elsewhere() {
        assert!(SCRIPT.len() <= 8 * 1024, "{} bytes", SCRIPT.len());
        for text in [SCRIPT, STYLE] {
            assert!(
                !text.contains("//cdn") && !text.contains("http"),
                "an address"
            );
        }
    }
}
