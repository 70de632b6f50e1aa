//! Everything that a controller keeps, in one file, and back.
//!
//! The file is a tar archive that any tool can read: `manifest.json` first, which names every file with its size
//! and SHA-256, then `state/` and perhaps `config/`. With a passphrase it is sealed ([`sealed`]). It holds the
//! authority's private key: whoever has it can be the controller.
//!
//! What is kept only for one run (`cli.token`, `addresses.json`, locks) is left out. Everything else in the state
//! folder goes along, whatever it is, so that nothing is forgotten that a later version keeps there.

mod sealed;
mod tar;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::HEXLOWER;
use ring::digest;
use serde::{Deserialize, Serialize};
use wasl_pki::CertificateAuthority;
use wasl_store::SqliteStore;

use crate::home::{Home, Restored};
use crate::time::{now, rfc3339};
use crate::trust::{Rotation, Trust};
pub use sealed::Passphrase;

/// The version of the archive's form.
const VERSION: u32 = 1;
/// The manifest is not read beyond this.
const MAX_MANIFEST: u64 = 16 * 1024 * 1024;
/// How often the authority's files are read again if they were just being replaced.
const TRIES: u32 = 5;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form.
    pub version: u32,
    /// The version of the program that made it.
    pub wasl: String,
    /// When it was begun, RFC 3339.
    pub made_at: String,
    /// The same, Unix seconds. Nothing that is newer is sure to be in it.
    pub made_s: i64,
    /// Its files.
    pub files: Vec<Entry>,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path, `state/…` or `config/…`.
    pub path: String,
    /// Its length, bytes.
    pub size: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// Where to restore to.
#[derive(Debug, Clone)]
pub struct Into {
    /// The state folder; empty or not there.
    pub state: PathBuf,
    /// The folder of the configuration; empty or not there. `None` leaves the configuration where it is.
    pub config: Option<PathBuf>,
}

/// What was restored.
#[derive(Debug)]
pub struct Done {
    /// What the archive said of itself.
    pub manifest: Manifest,
    /// How many agents are enrolled.
    pub agents: usize,
    /// Whether the archive holds a configuration.
    pub has_config: bool,
}

/// Makes an archive of the state of `home`, and of a configuration's folder, while the controller may be running.
/// `to` must not exist; it is there whole or not at all.
pub async fn make(
    home: &Home,
    config: Option<&Path>,
    to: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Manifest> {
    ensure!(!to.exists(), "{} is there already: choose another name, or move it away", to.display());
    let made = now();
    let work = Scratch::beside(to)?;
    let store = work.path.join("store.sqlite");
    copy_store(&home.store(), &store).await?;

    let mut files: BTreeMap<String, Source> = BTreeMap::new();
    let mut state = authority_files(home)?;
    collect(home.path(), home.path(), "state", &mut state)?;
    files.append(&mut state);
    files.insert("state/store.sqlite".to_owned(), Source::File(store));
    if let Some(config) = config {
        collect(config, config, "config", &mut files)?;
    }
    let entries = files.iter().map(|(path, source)| source.entry(path)).collect::<Result<Vec<_>>>()?;
    let manifest = Manifest {
        version: VERSION,
        wasl: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: rfc3339(made),
        made_s: made.seconds(),
        files: entries,
    };

    let partial = work.path.join("archive");
    let file = create(&partial)?;
    if let Some(passphrase) = passphrase {
        let mut sealed = sealed::Writer::new(file, passphrase)?;
        write_archive(&mut sealed, &manifest, &files)?;
        sealed.finish()?.sync_all()?;
    } else {
        let mut file = io::BufWriter::new(file);
        write_archive(&mut file, &manifest, &files)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    }
    fs::rename(&partial, to).with_context(|| format!("putting the backup at {}", to.display()))?;
    sync_folder_of(to)?;
    Ok(manifest)
}

/// Makes a state folder of an archive. Everything is checked before anything is put in place.
pub async fn restore(from: &Path, into: &Into, passphrase: Option<&Passphrase>) -> Result<Done> {
    for folder in std::iter::once(&into.state).chain(&into.config) {
        ensure!(
            is_empty(folder)?,
            "{} is not empty: a backup is restored into a new folder only, so that nothing is overwritten",
            folder.display()
        );
    }
    let state = Scratch::beside(&into.state)?;
    let config = into.config.as_deref().map(Scratch::beside).transpose()?;
    let file = File::open(from).with_context(|| format!("opening the backup {}", from.display()))?;
    let reader = sealed::open(file, passphrase).with_context(|| format!("reading {}", from.display()))?;
    let manifest = unpack(reader, &state.path, config.as_ref().map(|c| c.path.as_path()))
        .with_context(|| format!("{} cannot be restored; nothing was changed", from.display()))?;
    let agents = check_state(&state.path)
        .await
        .with_context(|| format!("the state in {} does not work; nothing was changed", from.display()))?;
    let lost = Restored { from_s: manifest.made_s, until_s: now().seconds() };
    Home::at(&state.path).write_restored(&lost)?;

    if let (Some(config), Some(to)) = (&config, &into.config) {
        put_in_place(&config.path, to)?;
    }
    if let Err(error) = put_in_place(&state.path, &into.state) {
        if let Some(to) = &into.config {
            let _ = fs::remove_dir_all(to);
        }
        return Err(error);
    }
    let has_config = manifest.files.iter().any(|f| f.path.starts_with("config/"));
    Ok(Done { manifest, agents, has_config })
}

/// Opens what was unpacked as the controller would; how many agents it knows.
async fn check_state(state: &Path) -> Result<usize> {
    let home = Home::at(state);
    ensure!(home.store().is_file() && home.has_authority(), "it lacks the store or the authority");
    let before = Trust::open(&home, "", now().seconds())?;
    drop(before);
    let store = SqliteStore::open(&home.store(), |_| Vec::new(), 0).await?;
    let agents = wasl_store::AgentRegistry::agents(&store).await?.len();
    store.close().await?;
    drop(store);
    let _ = fs::remove_file(state.join("store.sqlite.lock"));
    Ok(agents)
}

async fn copy_store(from: &Path, to: &Path) -> Result<()> {
    ensure!(from.is_file(), "{} is not there: this is not the state folder of a controller", from.display());
    let store = SqliteStore::open_beside(from, |_| Vec::new()).await?;
    wasl_store::Upkeep::backup(&store, now(), to).await?;
    Ok(())
}

/// Where a file's content comes from.
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Source {
    fn open(&self) -> Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
            Self::File(path) => {
                Box::new(File::open(path).with_context(|| format!("opening {}", path.display()))?)
            }
        })
    }

    fn entry(&self, path: &str) -> Result<Entry> {
        let mut hashing = Hashing::new(io::sink());
        let size = io::copy(&mut self.open()?, &mut hashing)?;
        Ok(Entry { path: path.to_owned(), size, sha256: hashing.finish() })
    }
}

/// The authority's files, as they belong together: a rotation may be replacing them at this very moment.
fn authority_files(home: &Home) -> Result<BTreeMap<String, Source>> {
    let read = |name: &str| fs::read(home.path().join(name));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for _ in 0..TRIES {
        let before = Rotation::read(home)?;
        let (certificate, key) = (read("ca.pem")?, read("ca.key")?);
        let whole = CertificateAuthority::from_pem(&text(&certificate), &text(&key)).is_ok();
        if whole && Rotation::read(home)? == before {
            let mut files = BTreeMap::new();
            files.insert("state/ca.pem".to_owned(), Source::Bytes(certificate));
            files.insert("state/ca.key".to_owned(), Source::Bytes(key));
            if let Some(rotation) = before {
                let bytes = serde_json::to_vec_pretty(&rotation)?;
                files.insert("state/rotation.json".to_owned(), Source::Bytes(bytes));
            }
            return Ok(files);
        }
    }
    bail!("the authority in {} is damaged, or is being replaced without end", home.path().display())
}

/// Whether a file of the state folder is of one run only, or copied in another way.
fn is_passing(name: &str) -> bool {
    let known = ["cli.token", "addresses.json", "ca.pem", "ca.key", "rotation.json"];
    known.contains(&name)
        || name.starts_with("store.sqlite")
        || name.starts_with('.')
        || Path::new(name).extension().is_some_and(|kind| kind == "lock")
}

fn collect(root: &Path, folder: &Path, under: &str, files: &mut BTreeMap<String, Source>) -> Result<()> {
    let listing = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    for entry in listing {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().into_owned();
        if under == "state" && folder == root && is_passing(&name) {
            continue;
        }
        if name == ".git" {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, under, files)?;
        } else if kind.is_file() {
            let relative = path.strip_prefix(root).context("a listed file lies in its folder")?;
            let relative = relative.to_str().with_context(|| format!("{} is not text", path.display()))?;
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            files.insert(format!("{under}/{relative}"), Source::Bytes(bytes));
        }
    }
    Ok(())
}

fn write_archive(out: &mut impl Write, manifest: &Manifest, files: &BTreeMap<String, Source>) -> Result<()> {
    let head = serde_json::to_vec_pretty(manifest)?;
    tar::write(out, "manifest.json", head.len() as u64, manifest.made_s, &mut head.as_slice())?;
    for entry in &manifest.files {
        let source = files.get(&entry.path).context("the manifest was made of these files")?;
        tar::write(out, &entry.path, entry.size, manifest.made_s, &mut source.open()?)?;
    }
    tar::end(out)?;
    Ok(())
}

/// Unpacks an archive into two folders and checks every file against the manifest.
fn unpack(reader: impl Read, state: &Path, config: Option<&Path>) -> Result<Manifest> {
    let mut reader = tar::Reader::new(reader);
    let head = reader.next()?.context("the archive is empty")?;
    ensure!(
        head.path == "manifest.json" && head.size <= MAX_MANIFEST,
        "it is not a backup of a Wasl controller"
    );
    let mut text = Vec::new();
    reader.copy(head.size, &mut text)?;
    let manifest: Manifest = serde_json::from_slice(&text).context("its manifest cannot be read")?;
    ensure!(
        manifest.version == VERSION,
        "it has the form {}, and this version of Wasl reads the form {VERSION}",
        manifest.version
    );
    let wanted: BTreeMap<&str, &Entry> = manifest.files.iter().map(|f| (f.path.as_str(), f)).collect();
    ensure!(wanted.len() == manifest.files.len(), "its manifest names a file twice");
    let mut seen = BTreeSet::new();
    while let Some(file) = reader.next()? {
        let entry = wanted
            .get(file.path.as_str())
            .with_context(|| format!("{} is not in its manifest", file.path))?;
        ensure!(seen.insert(entry.path.clone()), "{} is in it twice", file.path);
        let (under, relative) = split(&file.path)?;
        let mut hashing = match (under, config) {
            ("state", _) => Hashing::new(Some(create_below(state, &relative)?)),
            (_, Some(config)) => Hashing::new(Some(create_below(config, &relative)?)),
            (_, None) => Hashing::new(None),
        };
        reader.copy(file.size, &mut hashing)?;
        if let Some(written) = &hashing.inner {
            written.sync_all()?;
        }
        let sha256 = hashing.finish();
        ensure!(
            file.size == entry.size && sha256 == entry.sha256,
            "{} is not what the manifest says: the backup is damaged",
            file.path
        );
    }
    let missing = wanted.keys().find(|path| !seen.contains(**path));
    ensure!(missing.is_none(), "{} is missing: the backup is cut", missing.unwrap_or(&""));
    reader.at_end()?;
    Ok(manifest)
}

/// The first folder of an archive's path, and the rest, which stays below it.
fn split(path: &str) -> Result<(&str, PathBuf)> {
    let (under, rest) = path.split_once('/').unwrap_or((path, ""));
    let relative = PathBuf::from(rest);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        matches!(under, "state" | "config") && plain && !rest.is_empty(),
        "{path:?} does not belong into a backup"
    );
    Ok((under, relative))
}

fn create_below(folder: &Path, relative: &Path) -> Result<File> {
    let path = folder.join(relative);
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    create(&path)
}

fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("making {}", path.display()))
}

fn make_folder(path: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("making the folder {}", path.display()))
}

fn is_empty(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("looking into {}", folder.display())),
    }
}

fn put_in_place(from: &Path, to: &Path) -> Result<()> {
    // Renaming onto an empty folder replaces it, in one step.
    fs::rename(from, to).with_context(|| format!("putting {} in place", to.display()))?;
    sync_folder_of(to)
}

fn sync_folder_of(path: &Path) -> Result<()> {
    Ok(File::open(folder_of(path))?.sync_all()?)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A folder for unfinished work, on the same disk as its goal; removed when this is dropped.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn beside(goal: &Path) -> Result<Self> {
        let name = goal.file_name().with_context(|| format!("{} names no file or folder", goal.display()))?;
        make_folder(folder_of(goal))?;
        let token = wasl_pki::secret::random_token()?;
        let path = folder_of(goal).join(format!(".{}.{}", name.to_string_lossy(), &token[..8]));
        make_folder(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Computes the SHA-256 of what passes through.
struct Hashing<W> {
    inner: W,
    digest: digest::Context,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, digest: digest::Context::new(&digest::SHA256) }
    }

    fn finish(self) -> String {
        HEXLOWER.encode(self.digest.finish().as_ref())
    }
}

impl Write for Hashing<io::Sink> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Hashing<Option<File>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.as_mut().map_or(Ok(bytes.len()), |file| file.write(bytes))?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests;
