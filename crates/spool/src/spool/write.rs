//! Appending: encode, make room, write, sync; and undo what did not succeed.

use super::Spool;
use crate::format::{self, HEADER_BYTES, Header, RECORD_BYTES};
use crate::segment::Segment;
use crate::{Class, Error};

impl Spool {
    pub(super) fn encode(&self, payloads: &[(Class, i64, &[u8])]) -> Result<Vec<u8>, Error> {
        let max = self.options.max_payload;
        let mut size = 0;
        for (_, _, payload) in payloads {
            if payload.len() > max {
                return Err(Error::PayloadTooLarge { size: payload.len(), max });
            }
            size += RECORD_BYTES + payload.len();
        }
        let most = self.options.quota_bytes / 2 - HEADER_BYTES as u64;
        if size as u64 > most {
            return Err(Error::TooMuchAtOnce { size: size as u64, max: most });
        }
        let mut bytes = Vec::with_capacity(size);
        for (seq, (class, at_ms, payload)) in (self.produced + 1..).zip(payloads) {
            format::encode_record(&mut bytes, seq, *at_ms, *class, payload);
        }
        Ok(bytes)
    }

    /// Makes the bytes durable at the end of the newest segment and returns the offset they begin at.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<u64, Error> {
        self.trim()?;
        let newest = self.segments.last().expect("an open spool has a segment");
        let is_used = newest.bytes > HEADER_BYTES as u64;
        let is_full = newest.bytes + bytes.len() as u64 > self.options.segment_bytes;
        let is_old = self.clock.is_past(newest.opened_ms, self.options.segment_age_ms);
        if newest.sealed || (is_used && (is_full || is_old)) {
            self.roll()?;
            self.expire()?;
        }
        self.make_room(bytes.len() as u64)?;
        let newest = self.segments.last().expect("an open spool has a segment");
        let (name, end) = (newest.name(), newest.bytes);
        if let Err(error) = self.disk.append(&name, end, bytes) {
            if error.kind() == std::io::ErrorKind::NotFound {
                // Somebody removed it. The next append begins another; what was in this one is found to be lost.
                self.segments.last_mut().expect("an open spool has a segment").sealed = true;
                return Err(Error::io("writing", &name, error));
            }
            self.untrimmed = true;
            // If this does not succeed now, it must before the next append.
            let _ = self.trim();
            return Err(Error::io("writing", &name, error));
        }
        Ok(end)
    }

    /// Cuts what a failed append left behind.
    pub(super) fn trim(&mut self) -> Result<(), Error> {
        if self.untrimmed {
            let newest = self.segments.last().expect("an open spool has a segment");
            let name = newest.name();
            self.disk
                .truncate(&name, newest.bytes)
                .map_err(|e| Error::io("cutting a failed write off", &name, e))?;
            self.untrimmed = false;
        }
        Ok(())
    }

    /// Closes the newest segment and opens the next.
    pub(super) fn roll(&mut self) -> Result<(), Error> {
        // Should the new file appear although creating it reports an error, its name bounds this one from above.
        if let Some(newest) = self.segments.last_mut() {
            newest.sealed = true;
        }
        let header =
            Header { epoch: self.epoch, first: self.produced + 1, clock_ms: self.clock.elapsed_ms() };
        let segment = Segment::new(header.first, header.clock_ms, HEADER_BYTES as u64);
        let name = segment.name();
        self.disk
            .replace(&name, &format::encode_header(&header))
            .map_err(|e| Error::io("creating", &name, e))?;
        // A segment of that name can only be an unusable one without records.
        self.segments.retain(|other| other.first != header.first);
        self.segments.push(segment);
        Ok(())
    }
}
