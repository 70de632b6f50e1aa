use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::secrets::Secrets;

fn write(dir: &Path, name: &str, text: &str, mode: u32) {
    fs::write(dir.join(name), text).expect("written");
    fs::set_permissions(dir.join(name), PermissionsExt::from_mode(mode)).expect("set");
}

fn at(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_secret_with_a_list_is_used_towards_its_addresses_and_nowhere_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(dir.path());
    write(dir.path(), "core", "s3cret", 0o600);
    assert!(secrets.read_for("core", at("203.0.113.9")).is_ok(), "without a list nothing is limited");
    assert!(secrets.read("core").is_ok());
    write(dir.path(), "core.hosts", "# our switches\n10.20.0.0/24\n2001:db8::1 # the router\n", 0o644);
    for inside in ["10.20.0.7", "::ffff:10.20.0.7", "2001:db8::1"] {
        assert!(secrets.read_for("core", at(inside)).is_ok(), "{inside}");
    }
    for outside in ["10.20.1.7", "203.0.113.9", "2001:db8::2", "::1"] {
        let refused = secrets.read_for("core", at(outside)).expect_err("it is not in the list");
        assert!(matches!(refused, SecretError::Elsewhere { .. }), "{refused}");
        assert!(
            refused.to_string().contains(outside) && refused.to_string().contains("core.hosts"),
            "{refused}"
        );
    }
    // What has no address could be anywhere.
    assert!(matches!(secrets.read("core"), Err(SecretError::DevicesOnly { .. })));
    assert!(matches!(secrets.file("core"), Err(SecretError::DevicesOnly { .. })));
    assert!(matches!(secrets.read_for("core.hosts", at("10.20.0.7")), Err(SecretError::Name(_))));
}

#[test]
fn a_list_that_cannot_be_used_limits_its_secret_to_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(dir.path());
    write(dir.path(), "core", "s3cret", 0o600);
    let refused = |what: &str| {
        let refused = secrets.read_for("core", at("10.20.0.7")).expect_err("it cannot be used");
        assert!(refused.to_string().contains(what), "{refused}");
        assert!(secrets.read("core").is_err());
    };
    write(dir.path(), "core.hosts", "10.20.0.0/24\nswitch.example\n", 0o600);
    refused("line 2");
    write(dir.path(), "core.hosts", "", 0o600);
    refused("may not be used");
    write(dir.path(), "core.hosts", "10.20.0.0/24\n", 0o666);
    refused("chmod go-w");
    write(dir.path(), "core.hosts", &"#".repeat(70_000), 0o600);
    refused("longer than");
    fs::remove_file(dir.path().join("core.hosts")).expect("removed");
    symlink("nowhere", dir.path().join("core.hosts")).expect("linked");
    refused("is used nowhere");
}

#[test]
fn the_secrets_without_a_list_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(dir.path());
    for name in ["b", "a", "limited"] {
        write(dir.path(), name, "s3cret", 0o600);
    }
    write(dir.path(), "limited.hosts", "10.20.0.1\n", 0o600);
    assert_eq!(secrets.unlimited().expect("in order"), ["a", "b"]);
    write(dir.path(), "limited.hosts", "?\n", 0o600);
    assert!(secrets.unlimited().is_err());
}

proptest! {
    #[test]
    fn any_text_is_a_list_or_refused(text in any::<String>()) {
        let _ = parse(&text);
    }
}
