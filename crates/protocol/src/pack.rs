//! Many batches in one frame.
//!
//! Each batch is compressed by itself, because any one of them can be lost, kept or replayed without another. But the
//! batches of one agent name the same subjects over and over, so what waited for hours goes in a fraction of the bytes when
//! it is unpacked and compressed together: the line is what a backfill waits for, not the processor.
//!
//! The controller compresses each batch again by itself. The content is the same; the bytes of the frame around it may
//! differ where the two sides' versions of zstd do.

use prost::Message;
use thiserror::Error;

use crate::batch::relative::Before;
use crate::limits::{self, MAX_BATCH_BYTES, MAX_BATCH_PLAIN, MAX_PACKED_PLAIN, MAX_UPLOAD_BATCHES, TooMuch};
use crate::message::UploadItem;

/// The levels of controllers that unpack batches, and that unpack those that are told by differences.
const PACKED_SINCE: u32 = 1;
const RELATIVE_SINCE: u32 = 2;
/// Of zstd: 3 % less than level 3 for a third of a millisecond a batch; higher ones give nothing more.
const LEVEL_TOGETHER: i32 = 6;
/// Fewer batches have little in common.
const WORTH_IT: usize = 2;

#[derive(Clone, PartialEq, Message)]
struct Packed {
    #[prost(message, repeated, tag = "1")]
    items: Vec<PackedItem>,
}

#[derive(Clone, PartialEq, Message)]
struct PackedItem {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    /// The batch without its own compression.
    #[prost(bytes = "vec", tag = "2")]
    plain: Vec<u8>,
    /// The batch as it is, where it could not be unpacked.
    #[prost(bytes = "vec", tag = "3")]
    body: Vec<u8>,
    /// Whether `plain` is told by its differences to those before it that are, too: since level 2.
    #[prost(bool, tag = "4")]
    relative: bool,
    /// Of which columns it is told so.
    #[prost(uint32, repeated, tag = "5")]
    related: Vec<u32>,
}

/// Why packed batches cannot be taken apart.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// They break a bound, or are not zstd.
    #[error("packed batches break their bounds")]
    TooMuch(#[from] TooMuch),
    /// Not protobuf.
    #[error("packed batches are not protobuf")]
    Malformed(#[from] prost::DecodeError),
    /// More than an upload may have.
    #[error("{0} batches are packed together, more than {MAX_UPLOAD_BATCHES}")]
    TooMany(usize),
    /// One of them is told by its differences to something that is not there.
    #[error("the packed batch {0} cannot be told from those before it")]
    Unrelated(u64),
    /// One of them is larger than a batch may be.
    #[error("the packed batch {0} is larger than a batch may be")]
    BatchTooLarge(u64),
}

/// Packs batches together for a controller of this level; `None` where that would not be smaller, or too large to be
/// unpacked, or where the controller cannot unpack them.
pub fn pack(items: &[UploadItem], level: u32) -> Option<Vec<u8>> {
    if level < PACKED_SINCE {
        return None;
    }
    if items.len() < WORTH_IT {
        return None;
    }
    let mut room = MAX_PACKED_PLAIN - 64 * items.len();
    let mut packed = Packed { items: Vec::with_capacity(items.len()) };
    let mut before = Before::default();
    for item in items {
        let mut one = PackedItem { sequence: item.sequence, ..PackedItem::default() };
        match limits::unpack(&item.body, MAX_BATCH_PLAIN.min(room)) {
            Ok(plain) if !plain.is_empty() => one.plain = plain,
            Err(TooMuch::Bomb(_)) => return None,
            _ => one.body.clone_from(&item.body),
        }
        room = room.checked_sub(one.plain.len() + one.body.len())?;
        if level >= RELATIVE_SINCE
            && !one.plain.is_empty()
            && let Some((plain, related)) = before.relate(&one.plain)
        {
            one = PackedItem { plain, related, relative: true, ..one };
        }
        packed.items.push(one);
    }
    let together = zstd::bulk::compress(&packed.encode_to_vec(), LEVEL_TOGETHER).ok()?;
    let apart: usize = items.iter().map(|item| item.body.len() + 8).sum();
    (together.len() < apart).then_some(together)
}

/// Takes packed batches apart.
pub fn unpack(packed: &[u8]) -> Result<Vec<UploadItem>, UnpackError> {
    let plain = limits::unpack(packed, MAX_PACKED_PLAIN)?;
    let packed = Packed::decode(plain.as_slice())?;
    if packed.items.len() > MAX_UPLOAD_BATCHES {
        return Err(UnpackError::TooMany(packed.items.len()));
    }
    // Few bytes of differences may be told of many.
    let (mut before, mut room) = (Before::default(), MAX_PACKED_PLAIN);
    let item = |item: PackedItem| {
        let PackedItem { sequence, mut plain, body, relative, related } = item;
        if plain.len() > MAX_BATCH_PLAIN || body.len() > MAX_BATCH_BYTES {
            return Err(UnpackError::BatchTooLarge(sequence));
        }
        if relative {
            plain = before.restore(&plain, &related).ok_or(UnpackError::Unrelated(sequence))?;
            room =
                room.checked_sub(plain.len()).ok_or(UnpackError::TooMuch(TooMuch::Bomb(MAX_PACKED_PLAIN)))?;
        }
        if plain.len() > MAX_BATCH_PLAIN {
            return Err(UnpackError::BatchTooLarge(sequence));
        }
        let again = if plain.is_empty() { body } else { crate::batch::compress(&plain) };
        Ok(UploadItem { sequence, body: again })
    };
    packed.items.into_iter().map(item).collect()
}

#[cfg(test)]
mod tests;
