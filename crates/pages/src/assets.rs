//! Styles, scripts and images, embedded in the binary and addressed by their content.
//!
//! A page links to `/static/HASH/name`. The hash is part of the address, so a browser may keep the
//! file for ever, and a new build is a new address. The plain `/static/name` answers too, for
//! bookmarks and for checks by hand, but must be revalidated.

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static/"]
pub(crate) struct Files;

/// A file as it goes to the browser.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// The `Content-Type` header.
    pub content_type: &'static str,
    /// The `ETag` header, with its quotes.
    pub etag: String,
    /// The `Cache-Control` header.
    pub cache_control: &'static str,
}

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// The file for what follows `/static/` in a request's path; `None` where there is none, or where
/// the hash in the path is not that of this build's file.
pub fn assets(path: &str) -> Option<Asset> {
    if let Some(asset) = find(path, ASK_AGAIN) {
        return Some(asset);
    }
    let (hash, name) = path.split_once('/')?;
    let asset = find(name, FOR_EVER)?;
    (asset.etag.trim_matches('"') == hash).then_some(asset)
}

/// The address of a file, with its hash. A name that does not exist keeps its plain address, which
/// answers 404; a test looks up every address in every page.
pub fn url(name: &str) -> String {
    match find(name, FOR_EVER) {
        Some(asset) => format!("/static/{}/{name}", asset.etag.trim_matches('"')),
        None => format!("/static/{name}"),
    }
}

/// The names of all files that are served.
pub fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Files::iter().filter(|name| content_type(name).is_some())
}

fn find(name: &str, cache_control: &'static str) -> Option<Asset> {
    let content_type = content_type(name)?;
    let file = Files::get(name)?;
    let short = hex(&file.metadata.sha256_hash()[..6]);
    Some(Asset { bytes: file.data, content_type, etag: format!("\"{short}\""), cache_control })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
