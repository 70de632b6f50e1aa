//! The agent's store-and-forward spool: what was observed is on disk before anyone relies on it, and it stays there
//! until the controller has it. Nothing lost, nothing twice.
//!
//! A branch may be cut off for a week, its power fails without warning, and its gateway's disk is small. So a batch
//! becomes durable before it is sent, leaves only when the controller has committed it, and when space runs out the
//! spool drops by a named policy and says exactly which batches went. A log of plain files does this at 248 000 records
//! a second with the fewest bytes written, and gives space back the moment a file is unlinked; the embedded databases
//! measured beside it did not. Payloads are opaque bytes. The library is synchronous and uses only the standard library:
//! its owner gives it a thread of its own, and passes in the time.
//!
//! # Invariants
//!
//! A *sequence* numbers the batches of one [`Epoch`] from 1 upwards without holes. The *watermark* is the highest
//! sequence up to which the controller knows everything. A *hole* is a range of sequences that will never be sent.
//!
//! 1. **Durable before promised.** [`Spool::append`] returns after `fdatasync`. A sequence is consumed only then; a
//!    failed append consumes none, and what it wrote is cut off again before the next one.
//! 2. **Every sequence has one fate.** Each of `1..=produced` is acknowledged, dropped (in exactly one hole), or pending
//!    (in a segment, above the watermark, in no hole). So, always:
//!    `produced = acknowledged + dropped + pending` and `produced = watermark + dropped_beyond + pending`
//!    (see [`Accounting`]). At start the fate of a sequence is *derived*: what lies above the watermark and is neither
//!    in a segment nor in a hole was destroyed on disk, and becomes a hole of policy [`Policy::Corrupt`].
//! 3. **A hole is recorded before its bytes go.** The state file that names the hole is durable before the segment is
//!    unlinked or rewritten. A record found inside a hole is ignored: a crash in between drops, it does not resurrect.
//! 4. **Acknowledged segments go oldest first, and no other is deleted while the watermark is unsaved.** Thus a missing
//!    beginning that is in no hole was acknowledged, and losing the watermark costs duplicates, which the controller
//!    recognises, and nothing else. So an acknowledgement is not synced: it is noted in a file that is overwritten in
//!    place, and saved with the state at least every 30 s, before anything is deleted, and on [`Spool::close`]. After a
//!    crash the next session's first answer tells the watermark.
//! 5. **The newest segment is never unlinked.** Its name bounds the sequences already used from below even when it is
//!    empty, so no sequence is given out twice although all else was delivered and deleted.
//! 6. **Segments ascend.** Every record's sequence is at least its segment's first and below the next segment's first.
//!    A segment is contiguous unless it was thinned or damaged; whatever is missing then is in holes.
//! 7. **Only the newest segment may end in the middle of a record.** That tail was never promised and is cut. In any
//!    other segment unreadable bytes are damage.
//! 8. **Files are replaced whole.** Segments are created, and the state is written, as `NAME.tmp`, `fsync`, rename,
//!    `fsync` of the directory; so a header is never half there.
//! 9. **A number is sent for one batch only.** Sequences are sent in an epoch after the controller has been met in it
//!    ([`Spool::meet`]), and a start without that is on the disk before its first append. So a directory that was
//!    restored from an older copy is recognised whatever was appended since; see [`mod@aside`].
//! 10. **One process.** `spool.lock` carries an advisory lock for the life of a [`Spool`].
//!
//! # Layout
//!
//! ```text
//! spool.lock                     empty; locked while a Spool lives
//! state                          watermark, holes, spool clock, epoch, starts (layout in `state.rs`)
//! watermark                      the watermark as of the last acknowledgement; may be behind or missing
//! 00000000000000000001.segment   name: first sequence, 20 digits
//! 00000000000000004711.segment
//! 00000000000000004712.refused   a batch that the controller refused for good; the newest 16, never read
//! *.tmp                          a replacement that a crash interrupted; removed at start
//! *.unreadable                   a segment of another epoch or from a bad sector, set aside for a person; never read
//! ```
//!
//! Beside the directory: `NAME.rolled-back-EPOCH`, left behind by [`Spool::set_aside`]; `NAME.next` while that is under
//! way. Bytes of a segment are described in [`mod@format`]. Any other file is left alone.
//!
//! # What is deleted, and when
//!
//! - **Acknowledged**: a closed segment whose records are all at or below the watermark goes after
//!   [`Options::retain_acked_ms`] (counted from when this run first saw it so), oldest first. Until then
//!   [`Spool::rewind`] can bring it back.
//! - **Quota** ([`Options::quota_bytes`], over all segments, the one being written included), policy
//!   *samples before events, oldest first*, one step at a time until the append fits:
//!   1. the oldest acknowledged segment goes (no loss);
//!   2. the oldest closed segment with pending samples loses them: it is unlinked, or, when it holds pending events too,
//!      rewritten with these events only (as long as there are fewer than 4096 holes, which bounds the state file; past
//!      that, the oldest segment made of samples only goes first);
//!   3. the oldest closed segment goes, events and all.
//! - **Age** ([`Options::max_age_ms`]): a closed segment goes whole when it has waited that long since it was closed.
//! - **Disk full** (`ENOSPC`): acknowledged segments go at once, without regard to retention. If that does not help,
//!   the append fails with [`Error::DiskFull`] and nothing else changes. Nothing that waits is dropped for it.
//!
//! Ages are measured on the spool's own clock, which follows the caller's but counts no step as more than an hour and no
//! step back at all. A machine that boots in 1970 and then learns the date does not thereby lose its spool, and a
//! weekend switched off does not count as waiting.
//!
//! # Limits
//!
//! - A batch that leaves by quota while a copy of it is in flight counts as dropped until the controller's own count is
//!   known: [`Spool::agree`].
//! - What the disk refuses is the caller's to hold. What it cannot hold either it counts with [`Spool::skip`].
//! - A power cut may persist the end of an [`Spool::append_all`] without its beginning. Then the beginning, which nobody
//!   was promised, is reported as [`Policy::Corrupt`]; the end is kept.

mod aside;
mod clock;
mod disk;
mod error;
pub mod format;
mod inspect;
mod ledger;
mod quota;
mod recover;
mod segment;
mod spool;
mod state;
mod types;

pub use aside::{Aside, SetAside, inspect_asides, open, tidy};
pub use error::Error;
pub use inspect::{Inspection, inspect};
pub use spool::Spool;
pub use types::{
    Accounting, Class, Damage, Dropped, Epoch, Gap, Options, Policy, Record, Recovery, Rewound, Standing,
    StateFile,
};
