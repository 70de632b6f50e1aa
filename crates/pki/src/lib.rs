//! Who may speak to whom: the institution's own certificate authority, agents' certificates, and the
//! TLS settings that both sides use.
//!
//! # Where trust comes from
//! Branches reach the centre over addresses that change, through resolvers that Wasl itself may be
//! repairing. So trust never comes from DNS or from a public authority. The controller owns a small CA;
//! a one-time [`token::EnrolToken`] carries the SHA-256 of that CA's certificate to a new agent; the agent
//! talks only to a server that shows exactly that CA and a certificate signed by it for the fixed name
//! [`CONTROLLER_NAME`]. The controller may therefore be reached at any `HOST:PORT`: the address finds
//! it, the pin proves it.
//!
//! # The life of an agent's certificate
//! 1. [`request::KeyAndRequest::generate`] on the agent: the private key never leaves it.
//! 2. [`tls::pinned_client_config`] carries the request and the token to the controller.
//! 3. [`ca::CertificateAuthority::issue_agent`] proves that the sender holds the key, ignores every wish
//!    in the request, and writes the [`identity::AgentIdentity`] that the token was bound to.
//! 4. [`tls::client_config`] speaks with it; [`verify::AgentVerifier`] lets it in, asking
//!    [`revocation::Revocations`] at each handshake.
//! 5. [`verify::renew_at`] says when to ask for the next one.
//!
//! # The life of the authority
//! It is made by [`ca::CertificateAuthority::create`] or brought along by
//! [`ca::CertificateAuthority::import`]. When another takes its place, both are trusted for a while
//! ([`verify::TrustedRoots`]), and the former vouches for the new one
//! ([`ca::CertificateAuthority::vouch_for`]), so that agents which were away still recognise the controller.
//!
//! # What this crate does not do
//! It opens no socket and reads no clock: `now` is passed in as Unix seconds, and TLS settings take a
//! [`tls::TimeProvider`]. Files are touched only by [`secret::write_secret`] and
//! [`secret::read_secret`]. It remembers nothing: token hashes, issued serials and revocations are kept
//! by the controller's store.

pub mod ca;
pub mod explain;
pub mod fingerprint;
pub mod identity;
pub mod issue;
mod late;
pub mod pem;
mod pin;
pub mod request;
pub mod revocation;
pub mod secret;
mod serial;
pub mod tls;
pub mod token;
pub mod verify;

#[cfg(test)]
mod testing;

pub use ca::CertificateAuthority;
pub use explain::{explain, explain_text};
pub use fingerprint::Fingerprint;
pub use identity::AgentIdentity;
pub use issue::Issued;
pub use pin::{PinError, find_pinned};
pub use request::KeyAndRequest;
pub use revocation::Revocations;
pub use tls::{
    CONTROLLER_NAME, Credentials, SwappableCertificate, client_config, controller_server_name,
    pinned_client_config, public_server_config, server_config,
};
pub use token::EnrolToken;
pub use verify::{AgentVerifier, ClientAuth, Peer, TrustedRoots, peer_identity, renew_at};
