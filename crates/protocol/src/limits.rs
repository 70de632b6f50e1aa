//! Bounds on everything that a peer may send, enforced before memory is given to it.

use std::io::Read;

use thiserror::Error;

/// A batch as it lies in the spool and on the wire, compressed.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// A batch after decompression.
pub const MAX_BATCH_PLAIN: usize = 8 * 1024 * 1024;
/// The body of one upload.
pub const MAX_UPLOAD_BYTES: usize = 4 * 1024 * 1024;
/// The batches of one upload.
pub const MAX_UPLOAD_BATCHES: usize = 1024;
/// The batches of one upload that are packed together, unpacked.
pub const MAX_PACKED_PLAIN: usize = 32 * 1024 * 1024;
/// Sequences stay below this.
pub const MAX_SEQUENCE: u64 = (1 << 62) - 1;
/// The body of any other request.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// One message from the controller to an agent on the long-lived stream.
pub const MAX_DOWNLINK_BYTES: usize = 4 * 1024 * 1024;
/// The observations of one batch.
pub const MAX_ROWS: usize = 200_000;

/// A compressed body that breaks its bounds.
#[derive(Debug, Error)]
pub enum TooMuch {
    /// More than the limit after decompression.
    #[error("a compressed body unpacks to more than {0} bytes")]
    Bomb(usize),
    /// Not zstd.
    #[error("a compressed body could not be unpacked")]
    Corrupt(#[source] std::io::Error),
}

/// Unpacks zstd data, stopping at `limit` bytes whatever the frame promises.
pub fn unpack(data: &[u8], limit: usize) -> Result<Vec<u8>, TooMuch> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(TooMuch::Corrupt)?;
    // A frame that asks for a larger window than the output may be is a bomb by intent.
    decoder.window_log_max(23).map_err(TooMuch::Corrupt)?;
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(TooMuch::Corrupt)?;
    if out.len() > limit { Err(TooMuch::Bomb(limit)) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = zstd::bulk::compress(&vec![0u8; 64 * 1024 * 1024], 19).expect("packed");
        assert!(bomb.len() < 16 * 1024);
        assert!(matches!(unpack(&bomb, MAX_BATCH_PLAIN), Err(TooMuch::Bomb(_))));
        assert!(matches!(unpack(b"not zstd at all", 100), Err(TooMuch::Corrupt(_))));
        let fits = zstd::bulk::compress(&[7u8; 100], 3).expect("packed");
        assert_eq!(unpack(&fits, 100).expect("fits").len(), 100);
        assert!(matches!(unpack(&fits, 99), Err(TooMuch::Bomb(99))));
    }
}
