//! What an agent keeps between starts, all in one folder that only its own user can read.
//!
//! | file | what |
//! |---|---|
//! | `agent.json` | the controller's address and the agent's name, site and role |
//! | `identity.pem` | the agent's certificate, its issuers, and its private key |
//! | `authorities.pem` | whom the agent trusts |
//! | `ledger.json` | the last assignment, so that the agent works while the centre is away |
//! | `spool/` | observations that wait for the controller |
//! | `usual.json` | what is usual for the targets that are probed |
//! | `secrets/` | what tools and devices ask for, one file each; put there by people |

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasl_model::assignment::Assignment;
use wasl_pki::secret::{SecretError, read_secret, write_secret};
use wasl_pki::tls::TlsError;
use wasl_pki::{Credentials, Fingerprint, Peer, find_pinned, peer_identity};

/// The longest file that is read back.
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// The most authorities that are trusted; a rotation has two.
const MAX_AUTHORITIES: usize = 8;

/// Where the agent belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// `HOST:PORT` of the controller's agents' listener.
    pub controller: String,
    /// The agent's name.
    pub agent: String,
    /// Its site.
    pub site: String,
    /// Its role.
    pub role: String,
    /// Further `HOST:PORT`s of the controller, as it named them itself; tried where the first does not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
}

/// The last assignment that was taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Its generation; 0 before the first.
    pub generation: u64,
    /// The assignment.
    pub assignment: Assignment,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { generation: 0, assignment: Assignment::baseline() }
    }
}

/// The agent's certificate and key.
pub struct Identity {
    /// Ready for handshakes.
    pub credentials: Credentials,
    /// What the certificate says.
    pub peer: Peer,
}

/// Why the state folder cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The agent was never enrolled here.
    #[error(
        "{} holds no agent yet: get a token with `wasl token create`, then run `wasl-agent join --controller HOST:PORT --token FILE --state {}`",
        .0.display(), .0.display()
    )]
    NotJoined(PathBuf),
    /// A file or folder could not be used.
    #[error("using {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else than the agent wrote there.
    #[error("{} is damaged: {what}; move it away and enrol the agent again with a new token", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What the controller wants to be recognised by cannot be.
    #[error("the controller named {0} authorities, which are none, too many, or not all of them authorities")]
    Authorities(usize),
    /// A secret file is missing or exposed.
    #[error("using the agent's identity")]
    Secret(#[from] SecretError),
    /// The key and certificate do not work together.
    #[error("the agent's identity cannot be used; enrol the agent again with a new token")]
    Tls(#[from] TlsError),
}

/// The state folder.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// The folder at `path`, made if it is not there, closed to others.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        for dir in [path.clone(), path.join("secrets")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&dir)
                .map_err(|source| StateError::Io { path: dir, source })?;
        }
        Ok(Self { path })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the spool lies.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Where the secrets lie.
    pub fn secrets(&self) -> PathBuf {
        self.path.join("secrets")
    }

    /// Whether an agent was enrolled here.
    pub fn is_joined(&self) -> bool {
        self.path.join("agent.json").exists()
    }

    /// Reads where the agent belongs.
    pub fn bootstrap(&self) -> Result<Bootstrap, StateError> {
        self.json("agent.json")?.ok_or_else(|| StateError::NotJoined(self.path.clone()))
    }

    /// The controller has moved to another address.
    pub fn move_controller(&self, controller: &str) -> Result<(), StateError> {
        let mut bootstrap = self.bootstrap()?;
        if bootstrap.controller != controller {
            controller.clone_into(&mut bootstrap.controller);
            self.keep_bootstrap(&bootstrap)?;
        }
        Ok(())
    }

    /// Reads the last assignment. A damaged ledger costs the memory of it, not the agent: the
    /// controller sends the assignment again.
    pub fn ledger(&self) -> Ledger {
        match self.json("ledger.json") {
            Ok(ledger) => ledger.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the ledger of the last assignment is left aside");
                Ledger::default()
            }
        }
    }

    /// Keeps an assignment.
    pub fn keep_ledger(&self, ledger: &Ledger) -> Result<(), StateError> {
        self.write_json("ledger.json", ledger)
    }

    /// Keeps an identity and whom to trust; the bootstrap comes last, so that a half-written
    /// enrolment is no enrolment.
    pub fn keep_identity(
        &self,
        chain: &[Vec<u8>],
        key_pem: &str,
        authorities: &[Vec<u8>],
        bootstrap: &Bootstrap,
    ) -> Result<(), StateError> {
        let pem = format!("{}{key_pem}", wasl_pki::pem::certificates_to_pem(chain));
        self.keep_authorities(authorities)?;
        write_secret(&self.path.join("identity.pem"), pem.as_bytes())?;
        self.keep_bootstrap(bootstrap)
    }

    /// Keeps where the agent belongs.
    pub fn keep_bootstrap(&self, bootstrap: &Bootstrap) -> Result<(), StateError> {
        self.write_json("agent.json", bootstrap)
    }

    /// Keeps whom to trust. Nothing but authorities is kept: with anything else among them, or nothing at all,
    /// the agent would never speak to anybody again.
    pub fn keep_authorities(&self, authorities: &[Vec<u8>]) -> Result<(), StateError> {
        let sound = |der: &Vec<u8>| find_pinned(std::slice::from_ref(der), &Fingerprint::of(der)).is_ok();
        if authorities.is_empty() || authorities.len() > MAX_AUTHORITIES || !authorities.iter().all(sound) {
            return Err(StateError::Authorities(authorities.len()));
        }
        let pem = wasl_pki::pem::certificates_to_pem(authorities);
        Ok(write_secret(&self.path.join("authorities.pem"), pem.as_bytes())?)
    }

    /// Reads the identity.
    pub fn identity(&self) -> Result<Identity, StateError> {
        let path = self.path.join("identity.pem");
        let damaged = |what: &str| StateError::Damaged { path: path.clone(), what: what.to_owned() };
        let pem = String::from_utf8(read_secret(&path)?).map_err(|_| damaged("it is not text"))?;
        let chain = wasl_pki::pem::certificates_from_pem(&pem).map_err(|e| damaged(&e.to_string()))?;
        let leaf = chain.first().ok_or_else(|| damaged("it holds no certificate"))?;
        let peer = peer_identity(leaf).map_err(|e| damaged(&e.to_string()))?;
        Ok(Identity { credentials: Credentials::new(&chain, &pem)?, peer })
    }

    /// Reads whom the agent trusts.
    pub fn authorities(&self) -> Result<Vec<Vec<u8>>, StateError> {
        let path = self.path.join("authorities.pem");
        let damaged = |what: String| StateError::Damaged { path: path.clone(), what };
        let pem = String::from_utf8(read_secret(&path)?).map_err(|_| damaged("it is not text".into()))?;
        wasl_pki::pem::certificates_from_pem(&pem).map_err(|e| damaged(e.to_string()))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, file: &str) -> Result<Option<T>, StateError> {
        let path = self.path.join(file);
        let meta = match fs::metadata(&path) {
            Ok(meta) => meta,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Io { path, source }),
        };
        if meta.len() > MAX_FILE {
            return Err(StateError::Damaged { path, what: format!("it is {} bytes long", meta.len()) });
        }
        let bytes = fs::read(&path).map_err(|source| StateError::Io { path: path.clone(), source })?;
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| StateError::Damaged { path, what: e.to_string() })
    }

    fn write_json(&self, file: &str, value: &impl Serialize) -> Result<(), StateError> {
        let path = self.path.join(file);
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|e| StateError::Io { path: path.clone(), source: e.into() })?;
        Ok(write_secret(&path, &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_says_how_to_join() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(dir.path().join("agent")).expect("made");
        let error = state.bootstrap().expect_err("nobody joined");
        assert!(error.to_string().contains("wasl-agent join --controller"), "{error}");
        assert_eq!(state.ledger(), Ledger::default());
    }

    #[test]
    fn the_ledger_comes_back_and_a_damaged_one_is_left_aside() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(dir.path()).expect("made");
        let ledger =
            Ledger { generation: 7, assignment: Assignment { window_ms: 5, ..Assignment::baseline() } };
        state.keep_ledger(&ledger).expect("kept");
        assert_eq!(state.ledger(), ledger);
        fs::write(dir.path().join("ledger.json"), "{\"generation\": tru").expect("written");
        assert_eq!(state.ledger(), Ledger::default());
    }
}
