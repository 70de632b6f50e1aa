//! `wasl openapi`: the document of the API, for the committed copy and its check.

use std::process::ExitCode;

use anyhow::Result;

use super::table;

/// Prints it.
pub(super) fn run() -> Result<ExitCode> {
    let text = crate::operators::api::document().to_pretty_json()?;
    table::show(&format!("{text}\n"));
    Ok(ExitCode::SUCCESS)
}
