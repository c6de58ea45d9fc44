//! Hash of a schedule's name, for values that spread over schedules and stay the same for each.

/// FNV-1a with 64 bits of the name and a number, then the finaliser of `SplitMix64`. Stored schedules
/// depend on it, so it never changes.
pub(super) fn stable_hash(name: &str, number: u8) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes().chain([number]) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::stable_hash;

    #[test]
    fn the_hash_of_a_name_never_changes() {
        assert_eq!(stable_hash("nightly", 0), 10_454_885_679_684_369_252);
        assert_ne!(stable_hash("nightly", 0), stable_hash("nightly", 1));
    }
}
