//! Asks the helper.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::request::{MAX_REPLY, Reply, Request};

/// Where the helper listens.
pub const SOCKET: &str = "/run/wasl/helper.sock";
/// Longer than the helper gives the programs that it runs.
const PATIENCE: Duration = Duration::from_secs(90);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The helper is not there, or this user may not call it.
    #[error("calling the helper at {}; is wasl-helper installed, and may this user call it?", path.display())]
    Call {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It hung up: it has too many callers, or it ended.
    #[error("the helper gave no answer; ask again in a few seconds")]
    NoAnswer,
    /// What it said is no answer.
    #[error("the helper's answer is not understood")]
    Answer(#[from] serde_json::Error),
}

/// Asks once and waits for the answer.
pub fn ask(socket: &Path, request: &Request) -> Result<Reply, AskError> {
    let call = |source| AskError::Call { path: socket.to_owned(), source };
    let mut stream = UnixStream::connect(socket).map_err(call)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(call)?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // A helper with too many callers hangs up before it has read.
    stream.write_all(&line).map_err(|_| AskError::NoAnswer)?;
    stream.shutdown(std::net::Shutdown::Write).map_err(|_| AskError::NoAnswer)?;
    let mut answer = Vec::new();
    stream.take(MAX_REPLY as u64).read_to_end(&mut answer).map_err(|_| AskError::NoAnswer)?;
    if answer.is_empty() {
        return Err(AskError::NoAnswer);
    }
    Ok(serde_json::from_slice(&answer)?)
}
