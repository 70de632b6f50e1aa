//! What a controller keeps between starts, all in one folder that only its own user can read.
//!
//! | file | what |
//! |---|---|
//! | `store.sqlite` | everything that was observed, enrolled and done |
//! | `ca.pem`, `ca.key` | the institution's certificate authority |
//! | `rotation.json` | where the replacement of the authority stands, while one is under way |
//! | `restored.json` | which time the state lost when it was restored from a backup |
//! | `cli.token` | lets commands of this user speak to the controller |
//! | `addresses.json` | where this run listens |

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use wasl_pki::CertificateAuthority;
use wasl_pki::secret::{random_token, read_secret, write_secret};

/// Where a running controller listens. Written when all listeners are open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addresses {
    /// The operators' listener, as a URL.
    pub http: String,
    /// The agents' listener.
    pub agents: SocketAddr,
    /// The process.
    pub pid: u32,
    /// The authority that signed the operators' listener, where it speaks TLS; PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// The time between a backup and its restoration: what happened in it, this state does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the backup was made, Unix seconds.
    pub from_s: i64,
    /// When it was restored, Unix seconds.
    pub until_s: i64,
}

/// The state folder of a controller.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The folder at `path`, made if it is not there, closed to others.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("making the state folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// The folder at `path` of a controller that may be running; nothing is made.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.path.join("store.sqlite")
    }

    /// The authority, made at the first start. An existing one is never replaced: agents trust it.
    pub fn authority(&self, institution: &str, now_s: i64) -> Result<CertificateAuthority> {
        let (certificate, key) = (self.path.join("ca.pem"), self.path.join("ca.key"));
        match (certificate.exists(), key.exists()) {
            (true, true) => {
                let pem = fs::read_to_string(&certificate)
                    .with_context(|| format!("reading {}", certificate.display()))?;
                let key_pem = String::from_utf8(read_secret(&key)?).context("ca.key is not text")?;
                CertificateAuthority::from_pem(&pem, &key_pem).context("loading the certificate authority")
            }
            (false, false) if self.store().exists() => bail!(
                "{} has a store but no certificate authority: put ca.pem and ca.key back from the backup; \
                 with a new authority no agent would be able to connect",
                self.path.display()
            ),
            // The key is written first, so a key alone is a first start that was interrupted.
            (false, _) if !self.store().exists() => {
                let authority = CertificateAuthority::create(institution, now_s)
                    .context("making the certificate authority")?;
                self.write_authority(&authority.chain_pem(), &authority.private_key_pem())?;
                Ok(authority)
            }
            _ => bail!(
                "{} holds only one of ca.pem and ca.key: put the other back from the backup",
                self.path.display()
            ),
        }
    }

    /// Whether there is an authority.
    pub fn has_authority(&self) -> bool {
        self.path.join("ca.pem").exists()
    }

    /// Puts an authority in place: its certificate, with those above it, and its key. Not whole: a reader may
    /// see the new key with the old certificate, which does not load.
    pub fn write_authority(&self, certificate_pem: &str, key_pem: &str) -> Result<()> {
        write_secret(&self.path.join("ca.key"), key_pem.as_bytes())?;
        Ok(write_secret(&self.path.join("ca.pem"), certificate_pem.as_bytes())?)
    }

    /// Which time the state lost when it was restored from a backup, if it was.
    pub fn restored(&self) -> Result<Option<Restored>> {
        let path = self.path.join("restored.json");
        if !path.try_exists().with_context(|| format!("looking for {}", path.display()))? {
            return Ok(None);
        }
        let restored = serde_json::from_slice(&read_secret(&path)?);
        Ok(Some(restored.with_context(|| format!("{} is damaged; remove it", path.display()))?))
    }

    /// Notes which time the state lost.
    pub fn write_restored(&self, restored: &Restored) -> Result<()> {
        Ok(write_secret(&self.path.join("restored.json"), &serde_json::to_vec_pretty(restored)?)?)
    }

    /// The token of this user's commands, made anew at each start.
    pub fn renew_cli_token(&self) -> Result<String> {
        let token = random_token()?;
        write_secret(&self.path.join("cli.token"), token.as_bytes())?;
        Ok(token)
    }

    /// Reads the token of this user's commands.
    pub fn cli_token(&self) -> Result<String> {
        Ok(String::from_utf8(read_secret(&self.path.join("cli.token"))?)?)
    }

    /// Tells where this run listens.
    pub fn write_addresses(&self, addresses: &Addresses) -> Result<()> {
        let text = serde_json::to_vec_pretty(addresses)?;
        Ok(write_secret(&self.path.join("addresses.json"), &text)?)
    }

    /// Where the controller listens, if one has been started here and not ended.
    pub fn addresses(&self) -> Result<Option<Addresses>> {
        let path = self.path.join("addresses.json");
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?,
            )),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// This run has ended.
    pub fn forget_addresses(&self) {
        let _ = fs::remove_file(self.path.join("addresses.json"));
    }
}
