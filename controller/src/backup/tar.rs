//! Just enough of tar (POSIX.1-1988, "ustar"): plain files with a name and a length, nothing else.

use std::io::{self, Read, Write};

/// Everything in a tar archive is rounded up to this, bytes.
const BLOCK: usize = 512;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub path: String,
    pub size: u64,
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Writes one file of `size` bytes, which `content` must have exactly.
pub(super) fn write(
    out: &mut impl Write,
    path: &str,
    size: u64,
    mtime_s: i64,
    content: &mut impl Read,
) -> io::Result<()> {
    out.write_all(&header(path, size, mtime_s)?)?;
    let copied = io::copy(&mut content.take(size), out)?;
    if copied != size || content.read(&mut [0])? != 0 {
        return Err(bad(format!("{path} has changed while it was read")));
    }
    out.write_all(&vec![0; padding(size)])
}

/// Ends the archive.
pub(super) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])?;
    out.flush()
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

fn header(path: &str, size: u64, mtime_s: i64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let (prefix, name) = if path.len() <= 100 {
        ("", path)
    } else {
        let mut cut =
            path.char_indices().filter(|(at, c)| *c == '/' && *at <= 155 && path.len() - at - 1 <= 100);
        let (cut, _) = cut.next_back().ok_or_else(|| bad(format!("{path} is too long for an archive")))?;
        (&path[..cut], &path[cut + 1..])
    };
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
    let mut octal = |at: usize, digits: usize, value: u64| {
        let text = format!("{value:0digits$o}");
        if text.len() > digits {
            return Err(bad(format!("{path} is too large for an archive")));
        }
        block[at..at + digits].copy_from_slice(text.as_bytes());
        Ok(())
    };
    octal(100, 7, 0o600)?;
    octal(108, 7, 0)?;
    octal(116, 7, 0)?;
    octal(124, 11, size)?;
    octal(136, 11, u64::try_from(mtime_s).unwrap_or(0))?;
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    block[263..265].copy_from_slice(b"00");
    let sum = checksum(&block);
    block[148..156].copy_from_slice(sum.as_bytes());
    Ok(block)
}

/// The field of the sum of all bytes, for which its own bytes count as spaces.
fn checksum(block: &[u8; BLOCK]) -> String {
    let own = 148..156;
    let counted = |(at, byte): (usize, &u8)| if own.contains(&at) { 32 } else { u64::from(*byte) };
    format!("{:06o}\0 ", block.iter().enumerate().map(counted).sum::<u64>())
}

/// Reads an archive that [`write`] made. Anything else is an error, never a guess.
pub(super) struct Reader<R> {
    inner: R,
    padding: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, padding: 0, ended: false }
    }

    /// The next file; its content must be taken with [`Self::copy`] before the one after it.
    pub(super) fn next(&mut self) -> io::Result<Option<Head>> {
        let mut block = [0; BLOCK];
        let rest = std::mem::take(&mut self.padding);
        self.inner.read_exact(&mut block[..rest])?;
        self.inner.read_exact(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            self.inner.read_exact(&mut block)?;
            self.ended = true;
            return if block.iter().all(|byte| *byte == 0) {
                Ok(None)
            } else {
                Err(bad("the archive is damaged"))
            };
        }
        let number = |from: usize, digits: usize| {
            let text = std::str::from_utf8(&block[from..from + digits]).ok()?;
            u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
        };
        if block[148..156] != *checksum(&block).as_bytes() || &block[257..262] != b"ustar" {
            return Err(bad("it is not a backup, or damaged"));
        }
        let text = |from: usize, most: usize| {
            let field = &block[from..from + most];
            let field = field.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8(field.to_vec()).map_err(|_| bad("a name in it is not text"))
        };
        let (name, prefix) = (text(0, 100)?, text(345, 155)?);
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if block[156] != b'0' {
            return Err(bad(format!("{path} is not a plain file")));
        }
        let size = number(124, 12).ok_or_else(|| bad("a length in it is no number"))?;
        self.padding = padding(size);
        Ok(Some(Head { path, size }))
    }

    /// Hands on the content of the present file.
    pub(super) fn copy(&mut self, size: u64, out: &mut impl Write) -> io::Result<()> {
        let copied = io::copy(&mut (&mut self.inner).take(size), out)?;
        if copied == size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads to the end of the input, where a sealed archive proves itself.
    pub(super) fn at_end(&mut self) -> io::Result<()> {
        let rest = io::copy(&mut self.inner, &mut io::sink())?;
        if self.ended && rest == 0 { Ok(()) } else { Err(bad("something follows the archive's end")) }
    }
}
