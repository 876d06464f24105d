//! The numbers of a snapshot as bytes, one after the other, the least byte first.

/// How many bytes the largest state takes, a count window with slow calls: 24 of the machine, 12 of the window, two
/// rings of 128, and a checksum of 4.
const CAPACITY: usize = 24 + 12 + 2 * 128 + 4;

/// Bytes that are written once: no heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Writer {
    pub const EMPTY: Writer = Writer { bytes: [0; CAPACITY], len: 0 };

    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *to = *from;
        }
        self.len += bytes.len();
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }
}

/// Takes the numbers out again; `None` at the end.
pub struct Reader<'b>(pub &'b [u8]);

impl Reader<'_> {
    pub fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }
}

/// FNV-1a: a single wrong byte always changes it, and it needs no table (draft-eastlake-fnv).
pub fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
