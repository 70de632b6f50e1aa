//! Takes requests at a Unix socket. The kernel says who is calling; the policy says who may.
//!
//! Everything has a bound: connections at once, the length of a request, the time that it may take to come in,
//! how many may come in one connection and in a stretch of time. Each request is written into the log,
//! whatever it came to; what is asked every few seconds and changes nothing only if it failed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::{Uid, User};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::decide::{Action, decide};
use crate::limit::Bucket;
use crate::perform::Machine;
use crate::policy::Policy;
use crate::request::{MAX_REQUEST, Outcome, Reply, Request, parse};

/// Connections at once; an agent needs one.
const CONNECTIONS: usize = 8;
/// How long a request may take to come in, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests in one connection.
const REQUESTS: usize = 32;
/// Requests of a user: so many at once, and then one in each of this time.
const RATE: (u32, Duration) = (10, Duration::from_secs(1));
/// The same for lines in the log about callers who may not call.
const STRANGERS: (u32, Duration) = (5, Duration::from_secs(10));
/// How often the loop turns when nobody calls, which proves that it does.
const TURN: Duration = Duration::from_secs(15);
/// How long open requests may take when the helper ends.
const DRAIN: Duration = Duration::from_secs(5);

/// What a helper works by.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file of permissions.
    pub policy: PathBuf,
    /// Whose that file must be: 0, but for tests.
    pub owner: u32,
    /// Where this machine's parts are.
    pub machine: Machine,
}

struct Shared {
    options: Options,
    begun: Instant,
    buckets: Mutex<BTreeMap<u32, Bucket>>,
    strangers: Mutex<Bucket>,
}

/// Answers callers until `stop`.
pub async fn run(listener: Arc<UnixListener>, options: Options, stop: CancellationToken) -> io::Result<()> {
    let begun = Instant::now();
    let shared = Arc::new(Shared {
        options,
        begun,
        buckets: Mutex::default(),
        strangers: Mutex::new(Bucket::new(STRANGERS.0, STRANGERS.1, Duration::ZERO)),
    });
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut callers = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(TURN) => continue,
            Some(_) = callers.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: it goes on when some are free again.
                    tracing::warn!(%error, "a caller could not be taken in");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        match slots.clone().try_acquire_owned() {
            Ok(slot) => {
                callers.spawn(shared.clone().serve(stream, slot));
            }
            // Closed without an answer: writing one could wait.
            Err(_) => drop(stream),
        }
    }
    let finish = async { while callers.join_next().await.is_some() {} };
    if timeout(DRAIN, finish).await.is_err() {
        tracing::warn!("requests that did not end in time were broken off");
    }
    Ok(())
}

/// What a request came to.
struct Done {
    verb: &'static str,
    argument: String,
    reply: Reply,
    routine: bool,
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: UnixStream, _slot: OwnedSemaphorePermit) {
        let caller = match stream.peer_cred() {
            Ok(caller) => caller,
            Err(error) => {
                tracing::warn!(%error, "the kernel does not say who is calling; nothing is answered");
                return;
            }
        };
        let (from, mut to) = stream.into_split();
        let mut from = BufReader::new(from);
        for _ in 0..REQUESTS {
            let mut line = Vec::new();
            // One more than may be, to tell a line that is too long from one that is just long enough.
            let mut limited = (&mut from).take(MAX_REQUEST as u64 + 1);
            match timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await {
                Ok(Ok(1..)) if line.ends_with(b"\n") || line.len() > MAX_REQUEST => {}
                // Gone, or too slow, or a request without an end.
                _ => return,
            }
            let (reply, go_on) = match self.policy_for(&caller) {
                Ok(policy) => self.answer(&line, &caller, &policy).await,
                Err(reply) => (reply, false),
            };
            let sent = timeout(PATIENCE, to.write_all(&reply.line())).await;
            if !matches!(sent, Ok(Ok(()))) || !go_on {
                return;
            }
        }
    }

    /// What is allowed now, if this caller may ask at all.
    fn policy_for(&self, caller: &UCred) -> Result<Policy, Reply> {
        let policy = Policy::read(&self.options.policy, self.options.owner).map_err(|error| {
            let error = wasl_runtime::chain(&error);
            tracing::error!(%error, "the policy cannot be used, so nothing is allowed");
            Reply::refused("the helper's policy cannot be used; the helper's log says why")
        })?;
        let is_peer = |name: &String| {
            User::from_name(name).ok().flatten().is_some_and(|user| user.uid == Uid::from_raw(caller.uid()))
        };
        if policy.peers.iter().any(is_peer) {
            return Ok(policy);
        }
        let told = self.strangers.lock().unwrap_or_else(PoisonError::into_inner).take(self.begun.elapsed());
        if told {
            tracing::warn!(
                uid = caller.uid(),
                pid = caller.pid(),
                outcome = "refused",
                "audit: a user who may not ask"
            );
        }
        Err(Reply::refused("only the users that the helper's policy names as peers may ask"))
    }

    /// Answers one line; whether the caller may go on.
    async fn answer(&self, line: &[u8], caller: &UCred, policy: &Policy) -> (Reply, bool) {
        let begun = Instant::now();
        let unread = |argument, reply| {
            (Done { verb: "?", argument, reply: Reply::refused(reply), routine: false }, false)
        };
        let (done, go_on) = if self.may_ask(caller.uid()) {
            match parse(line) {
                Ok(request) => (self.carry_out(&request, caller, policy).await, true),
                Err(error) => {
                    let start = String::from_utf8_lossy(&line[..line.len().min(64)]).into_owned();
                    unread(start, error.to_string())
                }
            }
        } else {
            let every = RATE.1.as_secs();
            let words = format!("too many requests: at most {} at once, then one in {every} s; wait", RATE.0);
            unread(String::new(), words)
        };
        if done.routine && done.reply.outcome == Outcome::Done {
            tracing::debug!(uid = caller.uid(), verb = done.verb, "audit");
            return (done.reply, go_on);
        }
        tracing::info!(
            uid = caller.uid(),
            pid = caller.pid(),
            verb = done.verb,
            argument = ?done.argument,
            outcome = done.reply.outcome.as_str(),
            words = ?done.reply.message,
            ms = begun.elapsed().as_millis() as u64,
            "audit"
        );
        (done.reply, go_on)
    }

    async fn carry_out(&self, request: &Request, caller: &UCred, policy: &Policy) -> Done {
        let reply = match decide(request, policy, caller.gid()) {
            Ok(action) => {
                // Written before, too: what ends the machine may not come to write afterwards.
                if matches!(action, Action::Power(_)) {
                    tracing::warn!(uid = caller.uid(), ?action, "audit: this machine's run ends");
                }
                let performed = self.options.machine.perform(&action).await;
                performed.unwrap_or_else(|error| Reply::failed(wasl_runtime::chain(&error)))
            }
            Err(refusal) => Reply::refused(refusal),
        };
        Done { verb: request.verb(), argument: request.argument(), reply, routine: request.is_routine() }
    }

    fn may_ask(&self, uid: u32) -> bool {
        let now = self.begun.elapsed();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // Only peers come here, so there are as many buckets as the policy has names.
        buckets.entry(uid).or_insert_with(|| Bucket::new(RATE.0, RATE.1, now)).take(now)
    }
}

#[cfg(test)]
mod tests;
