//! `wasl adopt`: takes what was found into the configuration, where an operator runs it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::proposal::Proposal;

/// Take what was found into the configuration: shows it, checks it beside the rest, and writes it as a file of its own.
/// Without a terminal to ask at, `--yes` is needed.
#[derive(Debug, Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    place: Where,
    /// The folder of the configuration
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// The new file, below that folder
    #[arg(long, value_name = "FILE", default_value = "discovered.yaml")]
    file: PathBuf,
    /// Write it without asking
    #[arg(long)]
    yes: bool,
}

impl Adopt {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let Some(name) = self.file.to_str().filter(|name| is_within(name)) else {
            bail!("{} is no YAML file below the configuration's folder", self.file.display());
        };
        let path = self.config.join(name);
        if path.exists() {
            bail!("{} is there already; name another one with --file", path.display());
        }
        let client = Client::new(&Home::at(self.place.state()))?;
        let proposal: Proposal = client.get("/api/v1/discovery/proposal").await?;
        if proposal.yaml.is_empty() {
            eprintln!("there is nothing to adopt: all that was found is known");
            return Ok(ExitCode::SUCCESS);
        }
        table::show(&proposal.yaml);
        if let Err(problems) = wasl_settings::load_with(&self.config, (path.clone(), proposal.yaml.clone())) {
            for problem in &problems {
                eprintln!("{problem}\n");
            }
            eprintln!("nothing was written: with this file {} would not be sound", self.config.display());
            return Ok(exit::CONFIG.into());
        }
        if !self.yes && !agreed(&path)? {
            eprintln!("nothing was written");
            return Ok(exit::UNHEALTHY.into());
        }
        write(&path, &proposal.yaml).with_context(|| format!("writing {}", path.display()))?;
        eprintln!(
            "{} has {} devices and {} stations; commit it, and let the controller read it (`systemctl reload wasl`)",
            path.display(),
            proposal.devices,
            proposal.stations
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether a name leads to a YAML file below the folder that it is taken from.
fn is_within(name: &str) -> bool {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    plain && yaml
}

fn agreed(path: &Path) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is nobody to ask; say --yes to write {}", path.display());
    }
    eprint!("Write this to {}? [y/N] ", path.display());
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes a new file whole: what reads the folder meanwhile sees nothing or all of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let written = (|| {
        let mut file = std::fs::File::create_new(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Unlike renaming, this fails where the file has come to be in the meantime.
        std::fs::hard_link(&draft, path)
    })();
    let tidied = std::fs::remove_file(&draft);
    written.and(tidied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yaml_file_below_the_folder_can_be_written_and_none_is_overwritten() {
        for good in ["a.yaml", "sites/found.yml"] {
            assert!(is_within(good), "{good}");
        }
        for bad in ["../a.yaml", "/etc/a.yaml", "a.txt", "", "sites/../../a.yaml"] {
            assert!(!is_within(bad), "{bad}");
        }
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.yaml");
        write(&path, "one").expect("written");
        assert_eq!(write(&path, "two").map_err(|e| e.kind()), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "one");
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1);
    }
}
