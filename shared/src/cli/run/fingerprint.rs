//! Fingerprints of lines, by which a later run knows them again.

/// A line before it has a key.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) number: usize,
    pub(super) text: String,
    /// Indices of the lines that it waits for.
    pub(super) above: Vec<usize>,
}

/// Fingerprints of lines: of their text, and of all lines above, if they wait for others. So an
/// edited line makes new ones of those that wait for it. Lines that wait for each other in a circle
/// have that of their text: they are refused later.
pub(super) fn fingerprints(lines: &[Content]) -> Vec<u128> {
    let mut found: Vec<u128> = lines
        .iter()
        .map(|line| fnv128(line.text.as_bytes()))
        .collect();
    let mut missing: Vec<usize> = lines.iter().map(|line| line.above.len()).collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    for (index, line) in lines.iter().enumerate() {
        for above in &line.above {
            below[*above].push(index);
        }
    }
    let free = |index: &usize| lines[*index].above.is_empty();
    let mut ready: Vec<usize> = (0..lines.len()).filter(free).collect();
    while let Some(index) = ready.pop() {
        for next in std::mem::take(&mut below[index]) {
            missing[next] -= 1;
            if missing[next] == 0 {
                let mut bytes = [lines[next].text.as_bytes(), b"\0"].concat();
                for above in &lines[next].above {
                    bytes.extend_from_slice(&found[*above].to_le_bytes());
                }
                found[next] = fnv128(&bytes);
                ready.push(next);
            }
        }
    }
    found
}

/// FNV-1a with 128 bits, for contents.
pub(super) fn fnv128(bytes: &[u8]) -> u128 {
    let basis = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    bytes.iter().fold(basis, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}
