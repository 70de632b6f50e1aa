//! What a controller keeps between starts, all in one folder that only its own user can read.
//!
//! | file | what |
//! |---|---|
//! | `store.sqlite` | everything that was observed, enrolled and done |
//! | `ca.pem`, `ca.key` | the institution's certificate authority |
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
            (false, false) => {
                let authority = CertificateAuthority::create(institution, now_s)
                    .context("making the certificate authority")?;
                write_secret(&key, authority.private_key_pem().as_bytes())?;
                write_secret(&certificate, authority.certificate_pem().as_bytes())?;
                Ok(authority)
            }
            (true, false) | (false, true) => bail!(
                "{} holds only one of ca.pem and ca.key: put the other back from the backup",
                self.path.display()
            ),
        }
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
