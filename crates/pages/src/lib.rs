//! The operators' pages: templates, styles, scripts and texts, without a server.
//!
//! The controller fills the plain structs of [`view`], calls one function of [`pages`] per page, or
//! of [`live`] per live update, and sends what comes back. Nothing here reads a clock, a socket or a
//! file at run time, so every page can be compared with a snapshot and looked at in a browser
//! (`cargo run -p wasl-pages --example gallery -- FOLDER`).
//!
//! Rules that the tests hold:
//! - Everything works without script, except live updates and charts.
//! - The pages run under [`CONTENT_SECURITY_POLICY`]: no inline script, no inline style.
//! - One set of templates serves both languages. Layout uses logical properties only; every name,
//!   identifier and figure is isolated, so that it keeps its own direction inside Arabic text.
//! - A state is always shown by word, shape and colour.
//! - What a machine or device calls itself is hostile until shown otherwise: it is escaped, and
//!   control characters that would reorder the text around them are made visible.

pub mod assets;
pub mod format;
pub mod lang;
pub mod live;
pub mod pages;
pub mod paint;
mod spark;
pub mod texts;
mod topology;
pub mod view;

pub use lang::Lang;
pub use paint::Painter;
pub use texts::Texts;

/// The `Content-Security-Policy` header that all pages work under.
///
/// `data:` images are not used today; a copied chart may become one.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
