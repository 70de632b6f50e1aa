//! A backup that only a passphrase opens.
//!
//! `WASLBK1` and a line break, the parameters of Argon2id (memory in KiB, passes, lanes; 4 bytes each, most
//! significant first), 16 bytes of salt, then pieces of 64 KiB, each sealed with ChaCha20-Poly1305. The nonce of a
//! piece is its number and whether it is the last, so pieces can be neither left out, nor moved, nor cut off (the
//! STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The salt is random, so no key serves twice.

use std::io::{self, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

const MAGIC: &[u8; 8] = b"WASLBK1\n";
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;
/// RFC 9106, section 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
const COST: [u32; 3] = [64 * 1024, 3, 4];
/// What a file may ask this machine to spend.
const MOST: [u32; 3] = [1024 * 1024, 64, 64];
/// The shortest passphrase, in characters.
const SHORTEST: usize = 12;

/// What opens a sealed backup. `Debug` does not show it.
pub struct Passphrase(String);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// Takes a text; spaces and line breaks around it do not count.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        ensure!(
            text.chars().count() >= SHORTEST,
            "the passphrase is too short: give at least {SHORTEST} characters"
        );
        Ok(Self(text.to_owned()))
    }

    fn key(&self, cost: [u32; 3], salt: &[u8; 16]) -> Result<LessSafeKey> {
        let [memory, passes, lanes] = cost;
        let params = Params::new(memory, passes, lanes, Some(32)).map_err(|e| anyhow::anyhow!("{e}"))?;
        let mut key = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.as_bytes(), salt, &mut key)
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        let key =
            UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| anyhow::anyhow!("no key could be made"))?;
        Ok(LessSafeKey::new(key))
    }
}

fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Seals what is written.
pub(super) struct Writer<W> {
    out: W,
    key: LessSafeKey,
    piece: Vec<u8>,
    number: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(mut out: W, passphrase: &Passphrase) -> Result<Self> {
        let mut salt = [0; 16];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        let key = passphrase.key(COST, &salt)?;
        out.write_all(MAGIC)?;
        for number in COST {
            out.write_all(&number.to_be_bytes())?;
        }
        out.write_all(&salt)?;
        Ok(Self { out, key, piece: Vec::with_capacity(PIECE + TAG), number: 0 })
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let mut piece = std::mem::take(&mut self.piece);
        self.key
            .seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut piece)
            .map_err(|_| io::Error::other("a piece could not be sealed"))?;
        self.out.write_all(&piece)?;
        piece.clear();
        self.piece = piece;
        self.number += 1;
        Ok(())
    }

    /// Seals the last piece; without it the file does not open.
    pub(super) fn finish(mut self) -> Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE {
            self.seal(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a backup, sealed or not.
pub(super) fn open(mut file: impl Read + 'static, passphrase: Option<&Passphrase>) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut head)?;
    if head != MAGIC {
        // Not sealed: what was read is the beginning of a tar archive.
        return Ok(Box::new(io::BufReader::new(io::Cursor::new(head).chain(file))));
    }
    let Some(passphrase) = passphrase else {
        bail!("the backup is sealed: give the file with its passphrase as --passphrase-file")
    };
    let mut cost = [0; 3];
    for number in &mut cost {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).context("the backup is cut")?;
        *number = u32::from_be_bytes(bytes);
    }
    ensure!(cost.iter().zip(MOST).all(|(asked, most)| *asked <= most), "the backup is damaged");
    let mut salt = [0; 16];
    file.read_exact(&mut salt).context("the backup is cut")?;
    let key = passphrase.key(cost, &salt)?;
    let mut reader = Reader {
        input: io::BufReader::new(file),
        key,
        ahead: Vec::new(),
        plain: Vec::new(),
        at: 0,
        number: 0,
        ended: false,
    };
    reader.read_ahead()?;
    reader.next_piece().map_err(|_| anyhow::anyhow!("the passphrase is wrong, or the backup is damaged"))?;
    Ok(Box::new(reader))
}

struct Reader<R> {
    input: R,
    key: LessSafeKey,
    /// The sealed piece after the present one: whether there is one tells whether the present one is the last.
    ahead: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
    number: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    fn read_ahead(&mut self) -> io::Result<()> {
        self.ahead.clear();
        (&mut self.input).take((PIECE + TAG) as u64).read_to_end(&mut self.ahead)?;
        Ok(())
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let mut piece = std::mem::take(&mut self.ahead);
        self.read_ahead()?;
        let last = self.ahead.is_empty();
        let damaged = |_| io::Error::new(io::ErrorKind::InvalidData, "the sealed backup is damaged or cut");
        let plain =
            self.key.open_in_place(nonce(self.number, last), Aad::empty(), &mut piece).map_err(damaged)?;
        let length = plain.len();
        piece.truncate(length);
        (self.plain, self.at, self.ended) = (piece, 0, last);
        self.number += 1;
        Ok(())
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_piece()?;
        }
        let taken = out.len().min(self.plain.len() - self.at);
        out[..taken].copy_from_slice(&self.plain[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}
