//! Finding and reading the files of a configuration.
//!
//! Everything that could hang the reader, fill the memory or read one file twice is stopped here: pipes and
//! devices, links that lead back, files and directories without end.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::problem::{Code, Complaint, Place, Problem};
use crate::snippet::printable;

/// The largest file in bytes.
pub(crate) const MAX_FILE: u64 = 4 * 1024 * 1024;
/// All files together in bytes.
pub(crate) const MAX_TOTAL: u64 = 64 * 1024 * 1024;
/// The most files.
pub(crate) const MAX_FILES: usize = 2_000;
/// The deepest nesting of directories.
const MAX_DEPTH: usize = 16;

/// All `*.yaml` and `*.yml` below `dir`, sorted by path. Names that begin with a dot are passed over: they are
/// what editors, git and mounted volumes keep for themselves.
pub(crate) fn read(dir: &Path) -> Result<Vec<(PathBuf, String)>, Vec<Problem>> {
    let mut walk = Walk::default();
    match fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => walk.directory(dir, &mut Vec::new()),
        Ok(_) => walk.refuse(
            dir,
            Complaint::new(
                Code::Unreadable,
                "this is a file; the configuration is a directory of YAML files",
            )
            .help(format!("name the directory: {}", parent(dir))),
        ),
        Err(error) => walk.refuse(
            dir,
            Complaint::new(Code::Unreadable, format!("the configuration directory cannot be read: {error}"))
                .help("name the directory that holds `wasl.yaml`"),
        ),
    }
    if walk.files.is_empty() && walk.problems.is_empty() {
        walk.refuse(
            dir,
            Complaint::new(Code::Empty, "there is no `*.yaml` file in this directory")
                .help("name the directory that holds `wasl.yaml`; `wasl up` writes a first one"),
        );
    }
    if walk.problems.is_empty() {
        Ok(walk.files)
    } else {
        walk.problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(walk.problems)
    }
}

fn parent(file: &Path) -> String {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => printable(&parent.to_string_lossy()),
        _ => ".".to_owned(),
    }
}

#[derive(Default)]
struct Walk {
    files: Vec<(PathBuf, String)>,
    total: u64,
    /// A limit was reached; nothing more is read.
    full: bool,
    problems: Vec<Problem>,
}

impl Walk {
    fn refuse(&mut self, path: &Path, complaint: Complaint) {
        self.problems.push(Problem::with_file(path, complaint));
    }

    fn directory(&mut self, dir: &Path, above: &mut Vec<PathBuf>) {
        let listed = fs::canonicalize(dir).and_then(|real| Ok((real, list(dir)?)));
        let (real, names) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let complaint =
                    Complaint::new(Code::Unreadable, format!("the directory cannot be read: {error}"))
                        .help("let the user that runs Wasl read it");
                return self.refuse(dir, complaint);
            }
        };
        if above.contains(&real) {
            let complaint =
                Complaint::new(Code::Unreadable, "this link leads back to a directory that it lies in")
                    .help("delete the link");
            return self.refuse(dir, complaint);
        }
        if above.len() >= MAX_DEPTH {
            let complaint =
                Complaint::new(Code::Unreadable, format!("directories are nested deeper than {MAX_DEPTH}"))
                    .help("move the files further up");
            return self.refuse(dir, complaint);
        }
        above.push(real);
        for path in names {
            if self.full {
                break;
            }
            let yaml = matches!(path.extension().and_then(|ext| ext.to_str()), Some("yaml" | "yml"));
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.directory(&path, above),
                Ok(meta) if yaml && meta.is_file() => self.file(&path),
                Ok(_) if yaml => {
                    let complaint =
                        Complaint::new(Code::Unreadable, "this is neither a file nor a directory")
                            .help("delete it, or give it another name");
                    self.refuse(&path, complaint);
                }
                Err(error) if yaml => {
                    let complaint =
                        Complaint::new(Code::Unreadable, format!("the file cannot be read: {error}"))
                            .help("mend or delete the link");
                    self.refuse(&path, complaint);
                }
                Ok(_) | Err(_) => {}
            }
        }
        above.pop();
    }

    fn file(&mut self, path: &Path) {
        if self.files.len() >= MAX_FILES || self.total >= MAX_TOTAL {
            self.full = true;
            let message = format!(
                "there are more than {MAX_FILES} files or {} MiB; this one and those after it were not read",
                MAX_TOTAL >> 20
            );
            let complaint = Complaint::new(Code::Unreadable, message)
                .help("is this the right directory? Otherwise put several things into one file");
            return self.refuse(path, complaint);
        }
        let bytes = match slurp(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let complaint = Complaint::new(Code::Unreadable, format!("the file cannot be read: {error}"))
                    .help("let the user that runs Wasl read it");
                return self.refuse(path, complaint);
            }
        };
        if bytes.len() as u64 > MAX_FILE {
            let complaint =
                Complaint::new(Code::Unreadable, format!("the file is larger than {} MiB", MAX_FILE >> 20))
                    .help("split it into several files");
            return self.refuse(path, complaint);
        }
        self.total += bytes.len() as u64;
        match String::from_utf8(bytes) {
            Ok(text) => self.files.push((path.to_owned(), text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                self.problems.push(not_utf8(path, error.as_bytes(), valid));
            }
        }
    }
}

fn list(dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            names.insert(entry.path());
        }
    }
    Ok(names)
}

fn slurp(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Problem {
    let (message, help) = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        ("the file is written in UTF-16, not in UTF-8".to_owned(), "save it as UTF-8")
    } else {
        let byte = bytes.get(valid).copied().unwrap_or_default();
        (
            format!("the byte 0x{byte:02X} here is not UTF-8"),
            "save the file as UTF-8; Arabic text from an old editor is often Windows-1256: \
             `iconv -f windows-1256 -t utf-8`",
        )
    };
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let place = Place {
        line: before.matches('\n').count() as u32 + 1,
        column: before.rsplit('\n').next().map_or(0, |last| last.chars().count()) as u32 + 1,
        length: 1,
    };
    let text = String::from_utf8_lossy(bytes);
    Problem::at(path, &text, place, Complaint::new(Code::NotUtf8, message).help(help))
}

#[cfg(test)]
mod tests;
