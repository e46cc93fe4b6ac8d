//! The table of connections: dense slots that are used again, under names that are not.

use alloc::vec::Vec;

use super::Conn;
use crate::base::ids::ConnId;

#[derive(Debug)]
struct Slot {
    generation: u32,
    conn: Option<Conn>,
}

/// All connections of a node.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Connections there ever were.
    count: u64,
}

impl Slots {
    /// Adds a connection, numbers it and names it.
    pub fn insert(&mut self, mut conn: Conn) -> ConnId {
        self.count += 1;
        conn.number = self.count;
        if let Some(number) = self.free.pop() {
            let slot = &mut self.slots[number as usize];
            slot.conn = Some(conn);
            return ConnId::new(number, slot.generation);
        }
        let number = u32::try_from(self.slots.len()).expect("maxclients bounds the slots");
        self.slots.push(Slot { generation: 0, conn: Some(conn) });
        ConnId::new(number, 0)
    }

    /// Takes a connection out. Its name means nothing from here on.
    pub fn remove(&mut self, id: ConnId) -> Option<Conn> {
        let slot = self.slots.get_mut(id.slot())?;
        if slot.generation != id.generation() {
            return None;
        }
        let conn = slot.conn.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot() as u32);
        Some(conn)
    }

    /// The connection called `id`, if it is there.
    pub fn get(&self, id: ConnId) -> Option<&Conn> {
        let slot = self.slots.get(id.slot())?;
        slot.conn.as_ref().filter(|_| slot.generation == id.generation())
    }

    /// The connection called `id`, if it is there.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        let slot = self.slots.get_mut(id.slot())?;
        slot.conn.as_mut().filter(|_| slot.generation == id.generation())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All of them, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &Conn)> {
        self.slots.iter().enumerate().filter_map(|(number, slot)| {
            let id = ConnId::new(number as u32, slot.generation);
            slot.conn.as_ref().map(|conn| (id, conn))
        })
    }

    /// All of them, by slot.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ConnId, &mut Conn)> {
        self.slots.iter_mut().enumerate().filter_map(|(number, slot)| {
            let id = ConnId::new(number as u32, slot.generation);
            slot.conn.as_mut().map(|conn| (id, conn))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::time::Instant, conn::Role, io::PeerInfo};

    #[test]
    fn the_name_of_a_closed_connection_never_means_a_later_one() {
        let conn = || Conn::new(PeerInfo::default(), Role::Master, Instant::ORIGIN);
        let mut slots = Slots::default();
        let first = slots.insert(conn());
        assert!(slots.remove(first).is_some());
        let second = slots.insert(conn());
        assert_eq!(first.slot(), second.slot());
        assert!(slots.get(first).is_none() && slots.remove(first).is_none());
        assert!(slots.get(second).is_some());
        assert_eq!(slots.count(), 1);
    }
}
