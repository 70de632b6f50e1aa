//! The list beside a secret of the addresses towards which it may be used.
//!
//! One address or block (CIDR) a line; what follows `#` is a remark. A list that is there and cannot be read, or
//! that others can write to, limits the secret to nothing: a limit that fails open is none.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wasl_model::Prefix;

use super::SecretError;

/// What a list's name has behind the secret's.
pub(super) const ENDING: &str = ".hosts";
/// The longest list in bytes.
const MAX_LIST: u64 = 64 * 1024;

/// Where the list of a secret lies.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{ENDING}"))
}

/// The list of a secret; `None` if it has none.
pub(super) fn read(dir: &Path, name: &str) -> Result<Option<Vec<Prefix>>, SecretError> {
    let list = path(dir, name);
    let fail = |problem: String| SecretError::List { name: name.to_owned(), list: list.clone(), problem };
    let mut file = match fs::File::open(&list) {
        // A link that leads nowhere is a list that is missing, not none.
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(&list).is_err() => {
            return Ok(None);
        }
        opened => opened.map_err(|error| fail(error.to_string()))?,
    };
    let meta = file.metadata().map_err(|error| fail(error.to_string()))?;
    if meta.mode() & 0o022 != 0 {
        return Err(fail(format!("others can write to it: run `chmod go-w {}`", list.display())));
    }
    let mut text = String::new();
    file.by_ref().take(MAX_LIST + 1).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    if text.len() as u64 > MAX_LIST {
        return Err(fail(format!("it is longer than {MAX_LIST} bytes")));
    }
    parse(&text).map(Some).map_err(fail)
}

fn parse(text: &str) -> Result<Vec<Prefix>, String> {
    let mut blocks = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let written = line.split_once('#').map_or(line, |(written, _)| written).trim();
        if !written.is_empty() {
            blocks.push(written.parse().map_err(|error| format!("line {number}: {error}"))?);
        }
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests;
