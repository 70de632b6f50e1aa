//! What the form for logging in and the page of an error show.

/// `/login`
#[derive(Debug, Clone, Default)]
pub struct LoginView {
    /// The name that was given before.
    pub name: String,
    /// Why the last attempt came to nothing.
    pub error: Option<LoginError>,
    /// The path to go to afterwards.
    pub next: String,
}

/// Why somebody was not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// The name or the password is wrong; which one is not told.
    Refused,
    /// Too many attempts; how many minutes to wait.
    TooMany(u64),
    /// The form was too old or came from elsewhere.
    Expired,
}

/// An error's page.
#[derive(Debug, Clone, Default)]
pub struct ErrorView {
    /// The HTTP status.
    pub status: u16,
    /// What an operator may look for in the log.
    pub request: Option<String>,
    /// What happened, in English and safe to show.
    pub detail: Option<String>,
}
