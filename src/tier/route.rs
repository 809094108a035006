//! Which node a key lives on: the one there is, or by hash slot in a cluster.

use super::NodeId;
use alloc::vec::Vec;

pub const SLOTS: u16 = 16384;

/// The way from keys to nodes.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// One entry a slot; empty where there is no cluster.
    slots: Vec<NodeId>,
}

impl Routes {
    #[inline]
    pub fn node(&self, key: &[u8]) -> NodeId {
        if self.slots.is_empty() {
            return 0;
        }
        self.slots.get(usize::from(slot(key))).copied().unwrap_or(0)
    }

    /// Gives the slots from `first` to `last` to a node. The first such call makes a cluster of it.
    pub fn assign(&mut self, first: u16, last: u16, node: NodeId) {
        self.slots.resize(usize::from(SLOTS), 0);
        for slot in self.slots.iter_mut().take(usize::from(last).saturating_add(1)).skip(usize::from(first)) {
            *slot = node;
        }
    }

    pub fn is_cluster(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Whether a node has any slot.
    pub fn uses(&self, node: NodeId) -> bool {
        if self.slots.is_empty() { node == 0 } else { self.slots.contains(&node) }
    }
}

/// What stands in the first braces of a key, if that is anything.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = key.get(open.checked_add(1)?..)?;
    let end = rest.iter().position(|byte| *byte == b'}')?;
    rest.get(..end).filter(|tag| !tag.is_empty())
}

/// The hash slot of a key: CRC16 (XMODEM) of what stands in its first braces, or of all of it.
pub fn slot(key: &[u8]) -> u16 {
    hash_tag(key).unwrap_or(key).iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    }) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // The check value of the cluster specification, and what `CLUSTER KEYSLOT` says.
        assert_eq!(slot(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), slot(b"foo{}{bar}"));
    }
}
