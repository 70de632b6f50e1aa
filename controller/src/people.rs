//! What the controller knows of people beyond the store: this machine's own commands, and who tries to
//! log in too often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest;
use wasl_store::Digest;

/// Logins that may be tried from one address in a minute.
const TRIES: u32 = 20;

/// What the listener knows of people beyond the store.
pub struct People {
    cli: Digest,
    tries: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl People {
    /// `cli_token` is the token of this machine's own commands.
    pub fn new(cli_token: &str) -> Self {
        Self { cli: digest_of(cli_token), tries: Mutex::default() }
    }

    /// Whether this is the digest of the token of this machine's own commands.
    pub fn is_cli(&self, digest: &Digest) -> bool {
        self.cli == *digest
    }

    /// Counts a try to log in; `false` when there were too many in the last minute.
    pub fn may_try(&self, from: IpAddr, now: Instant) -> bool {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, (since, _)| now.duration_since(*since) < Duration::from_secs(60));
        let entry = tries.entry(from).or_insert((now, 0));
        entry.1 += 1;
        entry.1 <= TRIES
    }
}

/// The digest under which the store knows a secret.
pub fn digest_of(secret: &str) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_down_for_a_minute() {
        let people = People::new("x");
        let (from, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        for _ in 0..TRIES {
            assert!(people.may_try(from, start));
        }
        assert!(!people.may_try(from, start));
        assert!(people.may_try(IpAddr::from([192, 0, 2, 2]), start));
        assert!(people.may_try(from, start + Duration::from_secs(60)));
    }
}
