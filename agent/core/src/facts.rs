//! What does not change while the agent runs.

use std::fs;

use wasl_protocol::message::Facts;

/// Reads them from this machine. `version` is the agent's.
pub fn read(version: &str) -> Facts {
    let os = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| fs::read_to_string(path).ok());
    Facts {
        version: version.to_owned(),
        os: os.as_deref().and_then(pretty_name).unwrap_or_else(|| std::env::consts::OS.to_owned()),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map(|t| t.trim().to_owned())
            .unwrap_or_default(),
        arch: std::env::consts::ARCH.to_owned(),
    }
}

/// `PRETTY_NAME` of os-release(5).
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pretty_name_is_read_with_or_without_quotes() {
        assert_eq!(
            pretty_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n").as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name("PRETTY_NAME=Arch\n").as_deref(), Some("Arch"));
        assert_eq!(pretty_name("PRETTY_NAME=\"\"\n"), None);
    }
}
