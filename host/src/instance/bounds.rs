//! What an instance may take as a whole, and all instances of a host together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{ResourceLimiter, Result};

use crate::metrics;

/// More functions in tables than any component has, and still only some megabytes.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Handles of the host that an instance may hold: requests, bodies, streams, pollables. A thousand requests at a time
/// take some of each.
pub(crate) const MAX_HANDLES: usize = 10_000;

/// The memory of all instances of a host.
#[derive(Debug)]
pub(crate) struct TotalMemory {
    limit: usize,
    used: AtomicUsize,
}

impl TotalMemory {
    pub fn new(limit: usize) -> Self {
        TotalMemory { limit, used: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The bounds of one instance: the sum of all its memories, and of all its tables.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory: usize,
    used_memory: usize,
    used_elements: usize,
    total: Arc<TotalMemory>,
    /// Whether memory was refused since other instances have it.
    pub crowded: bool,
}

impl Bounds {
    /// At most `memory` bytes, which are a part of `total`.
    pub fn new(memory: usize, total: Arc<TotalMemory>) -> Self {
        Bounds { memory, used_memory: 0, used_elements: 0, total, crowded: false }
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let more = desired.saturating_sub(current);
        if self.used_memory.saturating_add(more) > self.memory {
            return Ok(false);
        }
        if !self.total.take(more) {
            self.crowded = true;
            return Ok(false);
        }
        self.used_memory += more;
        metrics::memory(more.cast_signed() as i64);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let used = self.used_elements.saturating_add(desired.saturating_sub(current));
        let fits = used <= MAX_TABLE_ELEMENTS;
        if fits {
            self.used_elements = used;
        }
        Ok(fits)
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        self.total.give_back(self.used_memory);
        metrics::memory(-(self.used_memory.cast_signed() as i64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_memories_of_an_instance_count_as_one() {
        let total = Arc::new(TotalMemory::new(100 * MIB));
        let mut bounds = Bounds::new(64 * MIB, total.clone());
        for _ in 0..64 {
            assert!(bounds.memory_growing(0, MIB, None).unwrap());
        }
        assert!(!bounds.memory_growing(0, 1, None).unwrap());
        assert!(!bounds.memory_growing(MIB, 2 * MIB, None).unwrap());
        assert!(bounds.memory_growing(MIB, MIB, None).unwrap());
        drop(bounds);
        assert_eq!(total.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_instances_together_have_a_bound() {
        let total = Arc::new(TotalMemory::new(3 * MIB));
        let mut bounds = [(); 2].map(|()| Bounds::new(2 * MIB, total.clone()));
        assert!(bounds[0].memory_growing(0, 2 * MIB, None).unwrap());
        assert!(bounds[1].memory_growing(0, MIB, None).unwrap());
        assert!(!bounds[1].memory_growing(MIB, 2 * MIB, None).unwrap());
        let [first, mut second] = bounds;
        drop(first);
        assert!(second.memory_growing(MIB, 2 * MIB, None).unwrap());
    }

    #[test]
    fn the_tables_of_an_instance_count_as_one() {
        let mut bounds = Bounds::new(0, Arc::new(TotalMemory::new(0)));
        assert!(bounds.table_growing(0, MAX_TABLE_ELEMENTS - 1, None).unwrap());
        assert!(!bounds.table_growing(0, 2, None).unwrap());
        assert!(bounds.table_growing(0, 1, None).unwrap());
    }
}
