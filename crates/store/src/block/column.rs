//! One column of numbers in the packing that suits it.
//!
//! Much of what a network tells never changes (a speed, an error rate of 0), and what does change is
//! mostly a whole number of microseconds or a count. Both are told apart here at a fraction of the time
//! that pco takes to find out; pco packs what is left, where there is enough of it.

use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec};

use super::Damage;

/// Fewer numbers than this are not worth pco's tables.
const LONG: usize = 128;

/// A column: its packing's number, its length in bytes (LEB128), and its bytes.
const PLAIN: u8 = 0;
const PCO: u8 = 1;
/// How many there are (LEB128), and one number, 8 bytes.
const SAME: u8 = 2;
/// Zigzag LEB128: the first number, then differences of differences.
const STEPS: u8 = 3;
/// The scale, then zigzag LEB128: the first whole number, then differences.
const WHOLE: u8 = 4;

/// What whole numbers are multiplied by. The place in the list is the scale's number.
const SCALES: [fn(i64) -> f64; 2] = [|n| n as f64, |n| (n as f64 * 0.5) * 1e-6];
const INVERSE: [f64; 2] = [1.0, 2e6];

/// A number that a column can hold.
pub(super) trait Number: pco::data_types::Number + Copy + Default {
    fn bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
    /// The column as whole numbers, and how they are to be read.
    fn short(column: &[Self]) -> Option<(u8, Vec<u8>)>;
    fn read_short(packing: u8, bytes: &mut &[u8], count: usize) -> Result<Vec<Self>, Damage>;
    fn config(column: &[Self]) -> ChunkConfig;
}

pub(super) fn pack<T: Number>(column: &[T], out: &mut Vec<u8>) {
    let (packing, bytes) = pack_one(column);
    out.push(packing);
    put(out, bytes.len() as u64);
    out.extend(bytes);
}

fn pack_one<T: Number>(column: &[T]) -> (u8, Vec<u8>) {
    if let Some(first) = column.first().filter(|first| column.iter().all(|n| n.bits() == first.bits())) {
        let mut bytes = Vec::with_capacity(12);
        put(&mut bytes, column.len() as u64);
        bytes.extend(first.bits().to_le_bytes());
        return (SAME, bytes);
    }
    let packed = if column.len() < LONG {
        T::short(column)
    } else {
        simple_compress(column, &T::config(column)).ok().map(|bytes| (PCO, bytes))
    };
    packed
        .filter(|(_, bytes)| bytes.len() < column.len() * 8)
        .unwrap_or_else(|| (PLAIN, column.iter().flat_map(|n| n.bits().to_le_bytes()).collect()))
}

/// Reads a column of `count` numbers from the front of `bytes`.
pub(super) fn unpack<T: Number>(bytes: &mut &[u8], count: usize) -> Result<Vec<T>, Damage> {
    let (packing, rest) = bytes.split_first().ok_or(Damage::Form)?;
    *bytes = rest;
    let len = usize::try_from(take(bytes)?).map_err(|_| Damage::Form)?;
    let (mut own, rest) = bytes.split_at_checked(len).ok_or(Damage::Form)?;
    *bytes = rest;
    let column = match *packing {
        PLAIN => {
            if own.len() != count * 8 {
                return Err(Damage::Form);
            }
            let numbers = std::mem::take(&mut own).as_chunks().0;
            numbers.iter().map(|bytes| T::from_bits(u64::from_le_bytes(*bytes))).collect()
        }
        PCO => {
            let mut column = vec![T::default(); count];
            let progress = simple_decompress_into(own, &mut column).map_err(|_| Damage::Form)?;
            if progress.n_processed != count || !progress.finished {
                return Err(Damage::Form);
            }
            return Ok(column);
        }
        SAME => {
            let holds = take(&mut own)?;
            let (number, rest) = own.split_first_chunk().ok_or(Damage::Form)?;
            own = rest;
            if holds != count as u64 {
                return Err(Damage::Form);
            }
            vec![T::from_bits(u64::from_le_bytes(*number)); count]
        }
        other => T::read_short(other, &mut own, count)?,
    };
    if own.is_empty() { Ok(column) } else { Err(Damage::Form) }
}

impl Number for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }

    fn from_bits(bits: u64) -> Self {
        bits.cast_signed()
    }

    fn short(column: &[Self]) -> Option<(u8, Vec<u8>)> {
        let mut out = Vec::with_capacity(column.len() * 2 + 8);
        let (mut last, mut step) = (0i64, 0i64);
        for (place, number) in column.iter().enumerate() {
            let next = number.wrapping_sub(last);
            put_signed(&mut out, next.wrapping_sub(step));
            step = if place == 0 { 0 } else { next };
            last = *number;
        }
        Some((STEPS, out))
    }

    fn read_short(packing: u8, bytes: &mut &[u8], count: usize) -> Result<Vec<Self>, Damage> {
        if packing != STEPS {
            return Err(Damage::Form);
        }
        let mut column = Vec::with_capacity(count.min(bytes.len()));
        let (mut last, mut step) = (0i64, 0i64);
        for place in 0..count {
            let next = take_signed(bytes)?.wrapping_add(step);
            step = if place == 0 { 0 } else { next };
            last = last.wrapping_add(next);
            column.push(last);
        }
        Ok(column)
    }

    fn config(_: &[Self]) -> ChunkConfig {
        ChunkConfig::default().with_delta_spec(DeltaSpec::TryConsecutive(1))
    }
}

impl Number for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }

    fn from_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }

    fn short(column: &[Self]) -> Option<(u8, Vec<u8>)> {
        'scales: for (scale, (value, inverse)) in SCALES.iter().zip(INVERSE).enumerate() {
            let mut out = Vec::with_capacity(column.len() * 3 + 8);
            out.push(scale as u8);
            let mut last = 0i64;
            for number in column {
                let whole = (number * inverse).round() as i64;
                if value(whole).to_bits() != number.to_bits() {
                    continue 'scales;
                }
                put_signed(&mut out, whole.wrapping_sub(last));
                last = whole;
            }
            return Some((WHOLE, out));
        }
        None
    }

    fn read_short(packing: u8, bytes: &mut &[u8], count: usize) -> Result<Vec<Self>, Damage> {
        let (scale, rest) = bytes.split_first().ok_or(Damage::Form)?;
        *bytes = rest;
        let value = SCALES.get(usize::from(*scale)).filter(|_| packing == WHOLE).ok_or(Damage::Form)?;
        let mut column = Vec::with_capacity(count.min(bytes.len()));
        let mut last = 0i64;
        for _ in 0..count {
            last = last.wrapping_add(take_signed(bytes)?);
            column.push(value(last));
        }
        Ok(column)
    }

    /// pco would find out for itself whether neighbours are alike, by trying, in half of its time.
    fn config(column: &[Self]) -> ChunkConfig {
        let first = column.first().copied().unwrap_or_default();
        let apart: f64 = column.iter().map(|n| (n - first).abs()).sum();
        let steps: f64 = column.windows(2).map(|w| (w[1] - w[0]).abs()).sum();
        let delta = if steps * 2.0 < apart { DeltaSpec::TryConsecutive(1) } else { DeltaSpec::NoOp };
        ChunkConfig::default().with_delta_spec(delta)
    }
}

impl Number for u64 {
    fn bits(self) -> u64 {
        self
    }

    fn from_bits(bits: u64) -> Self {
        bits
    }

    fn short(column: &[Self]) -> Option<(u8, Vec<u8>)> {
        let signed: Vec<i64> = column.iter().map(|n| n.cast_signed()).collect();
        i64::short(&signed)
    }

    fn read_short(packing: u8, bytes: &mut &[u8], count: usize) -> Result<Vec<Self>, Damage> {
        Ok(i64::read_short(packing, bytes, count)?.into_iter().map(i64::cast_unsigned).collect())
    }

    fn config(_: &[Self]) -> ChunkConfig {
        ChunkConfig::default().with_delta_spec(DeltaSpec::NoOp)
    }
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn take_signed(bytes: &mut &[u8]) -> Result<i64, Damage> {
    let zigzag = take(bytes)?;
    Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

fn put(out: &mut Vec<u8>, value: u64) {
    crate::ranges::put(out, value);
}

fn take(bytes: &mut &[u8]) -> Result<u64, Damage> {
    crate::ranges::take(bytes).map_err(|_| Damage::Form)
}
