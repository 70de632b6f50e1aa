//! The words of `agent/full/src/polling/client.rs` that a walk needs, without its sockets.

/// An object name.
pub(crate) type Oid = Vec<u32>;

/// A value as a device gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Datum {
    Counter32(u32),
    Counter64(u64),
    Ticks(u32),
    Number(i64),
    Text(Vec<u8>),
    Missing,
    End,
    Other,
}

impl Datum {
    pub(crate) fn ticks(&self) -> Option<u32> {
        match self {
            Self::Ticks(ticks) => Some(*ticks),
            _ => None,
        }
    }
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    pub oid: Oid,
    pub value: Datum,
}

impl Binding {
    pub(crate) fn encoded_len(&self) -> usize {
        let value = if let Datum::Text(text) = &self.value { text.len() } else { 5 };
        self.oid.len() * 2 + value + 6
    }
}
