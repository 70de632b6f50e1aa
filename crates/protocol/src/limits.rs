//! Bounds on everything that a peer may send, enforced before memory is given to it.

use std::cell::RefCell;
use std::io::Read;

use thiserror::Error;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

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

thread_local! {
    /// Its tables are some 160 kB, more than all that a usual batch needs.
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Unpacks zstd data, stopping at `limit` bytes whatever the frame promises.
pub fn unpack(data: &[u8], limit: usize) -> Result<Vec<u8>, TooMuch> {
    // Our own frames tell their length and are unpacked in one step. Everything else goes the careful way, which also
    // knows what is wrong.
    let told = zstd_safe::get_frame_content_size(data).ok().flatten();
    let told = told.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= limit);
    told.and_then(|length| unpack_at_once(data, length)).map_or_else(|| unpack_carefully(data, limit), Ok)
}

fn unpack_at_once(data: &[u8], length: usize) -> Option<Vec<u8>> {
    UNPACKER.with_borrow_mut(|unpacker| {
        unpacker.as_mut()?.decompress(data, length).ok().filter(|out| out.len() == length)
    })
}

fn unpack_carefully(data: &[u8], limit: usize) -> Result<Vec<u8>, TooMuch> {
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
        assert_eq!(unpack(&bomb, 64 * 1024 * 1024).expect("fits").len(), 64 * 1024 * 1024);
    }

    #[test]
    fn both_ways_of_unpacking_give_the_same() {
        let plain: Vec<u8> = (0..70_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let told = zstd::bulk::compress(&plain, 3).expect("packed");
        // From a stream, the length is not known when the frame begins.
        let mut untold = zstd::stream::Encoder::new(Vec::new(), 3).expect("an encoder");
        std::io::Write::write_all(&mut untold, &plain).expect("into memory");
        let untold = untold.finish().expect("into memory");
        let frames = [told.as_slice(), &told].concat();
        assert!(unpack_at_once(&told, plain.len()).is_some());
        assert_eq!(zstd_safe::get_frame_content_size(&untold).ok().flatten(), None);
        assert_eq!(unpack(&told, plain.len()).expect("fits"), plain);
        assert_eq!(unpack(&untold, plain.len()).expect("fits"), plain);
        assert_eq!(unpack(&frames, 2 * plain.len()).expect("fits"), [plain.as_slice(), &plain].concat());
        assert!(matches!(unpack(&frames, plain.len()), Err(TooMuch::Bomb(_))));
        assert!(matches!(unpack(&told[..told.len() - 9], plain.len()), Err(TooMuch::Corrupt(_))), "cut");
    }
}
