//! What comes over the network between agents and the controller.

use prost::Message;
use wasl_protocol::message::{
    Certificate, Deframer, Downlink, EnrolRequest, Refusal, RenewRequest, SessionRequest, SessionResponse,
    Upload, UploadItem, UploadResponse,
};
use wasl_protocol::{batch, limits, pack};

/// A batch as it arrives, and one whose frame is sound whatever is inside.
pub(crate) fn batch(data: &[u8]) {
    let _ = batch::decode(data);
    let packed = zstd::bulk::compress(data, 1).expect("from memory into memory");
    if let Ok(decoded) = batch::decode(&packed) {
        let again =
            batch::decode(&batch::encode(&decoded.observations)).expect("what was encoded can be read");
        assert_eq!(again.observations, decoded.observations);
        assert_eq!((again.unknown, again.invalid), (0, 0));
    }
}

/// Packed batches as they arrive, and some whose frame is sound whatever is inside. What comes out goes the same way
/// again, for controllers of each level.
pub(crate) fn packed(data: &[u8]) {
    let _ = pack::unpack(data);
    let Ok(items) = pack::unpack(&zstd::bulk::compress(data, 1).expect("from memory into memory")) else {
        return;
    };
    // A batch may come compressed in another way than ours.
    let plain = |items: &[UploadItem]| -> Vec<(u64, Vec<u8>)> {
        let one = |item: &UploadItem| {
            let plain = limits::unpack(&item.body, limits::MAX_BATCH_PLAIN);
            (item.sequence, plain.unwrap_or_else(|_| item.body.clone()))
        };
        items.iter().map(one).collect()
    };
    for level in 1..=wasl_protocol::LEVEL {
        if let Some(again) = pack::pack(&items, level) {
            assert_eq!(plain(&pack::unpack(&again).expect("what was packed comes out")), plain(&items));
        }
    }
}

/// The body of each request and answer; the first byte says which.
pub(crate) fn messages(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    match which % 9 {
        0 => message::<EnrolRequest>(body),
        1 => message::<Certificate>(body),
        2 => message::<RenewRequest>(body),
        3 => message::<SessionRequest>(body),
        4 => message::<SessionResponse>(body),
        5 => message::<Upload>(body),
        6 => message::<UploadResponse>(body),
        7 => message::<Refusal>(body),
        _ => message::<Downlink>(body),
    }
}

fn message<M: Message + Default + PartialEq + std::fmt::Debug>(body: &[u8]) {
    if let Ok(read) = M::decode(body) {
        assert_eq!(M::decode(read.encode_to_vec().as_slice()).as_ref(), Ok(&read));
    }
}

/// A downlink stream, whole and in two pieces; the first byte says where it is cut.
pub(crate) fn downlink(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let (one, two) = stream.split_at(usize::from(*cut).min(stream.len()));
    assert_eq!(read(&[stream]), read(&[one, two]));
}

/// The messages, and whether the stream went on to make sense.
fn read(parts: &[&[u8]]) -> (Vec<Downlink>, bool) {
    let mut deframer = Deframer::default();
    let mut messages = Vec::new();
    for part in parts {
        deframer.push(part);
        loop {
            match deframer.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, false),
            }
        }
    }
    (messages, true)
}
