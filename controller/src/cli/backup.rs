//! `wasl backup`: everything that the controller keeps, in one file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use wasl_pki::secret::read_secret;

use super::{Where, table};
use crate::backup::{self, Passphrase};
use crate::home::Home;
use crate::time::now;

/// Put everything that the controller keeps into one file: store, authority, accounts. The controller may be
/// running. Whoever has the file can be the controller, so keep it like a key.
#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    place: Where,
    /// The file to make, or a folder in which a file with the date in its name is made
    #[arg(long, value_name = "FILE|DIR")]
    to: PathBuf,
    /// Also this configuration; that of `wasl up` goes along by itself
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Seal the file with the passphrase that this file holds
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Backup {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let state = self.place.state();
        let beside = state.parent().map(|home| home.join("config")).filter(|c| c.join("wasl.yaml").is_file());
        let config = self.config.or(beside);
        let passphrase = self.passphrase_file.as_deref().map(passphrase).transpose()?;
        let to = if self.to.is_dir() {
            let stamp = crate::time::rfc3339(now()).replace(['-', ':'], "");
            let stamp = stamp.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned();
            let kind = if passphrase.is_some() { "sealed" } else { "tar" };
            self.to.join(format!("wasl-{stamp}Z.{kind}"))
        } else {
            self.to
        };
        let manifest = backup::make(&Home::at(&state), config.as_deref(), &to, passphrase.as_ref()).await?;
        if self.place.json {
            let document = serde_json::json!({
                "schema": "wasl.backup.v1", "generated_at": manifest.made_at,
                "items": [{ "file": to, "sealed": passphrase.is_some(), "manifest": manifest }],
            });
            table::show(&format!("{}\n", serde_json::to_string_pretty(&document)?));
        } else {
            let bytes: u64 = manifest.files.iter().map(|f| f.size).sum();
            table::show(&format!(
                "{}\n  {} files, {bytes} bytes, as of {}\n",
                to.display(),
                manifest.files.len(),
                manifest.made_at
            ));
            if passphrase.is_none() {
                eprintln!(
                    "It holds the authority's private key and is not sealed: keep it like a key, or give --passphrase-file."
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads a passphrase from a file that only its owner can read.
pub(super) fn passphrase(file: &Path) -> Result<Passphrase> {
    let text = String::from_utf8(read_secret(file)?).context("the passphrase is not text")?;
    Passphrase::new(&text)
}
