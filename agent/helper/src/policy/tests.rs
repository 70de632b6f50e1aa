use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;

use super::*;

fn own() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn unit(name: &str) -> Unit {
    Unit::try_from(name.to_owned()).expect("a name")
}

#[test]
fn what_is_written_is_allowed_and_nothing_else() {
    let text = "# ours\npeer wasl-agent\n\n  peer  root # both\nping-group-range\nstatus a.service\nreload b.service\npower reboot\naccount wan0\n";
    let policy = Policy::parse(text).expect("sound");
    assert_eq!(policy.peers.iter().collect::<Vec<_>>(), ["root", "wasl-agent"]);
    assert!(policy.ping_group_range);
    assert_eq!(policy.status, BTreeSet::from([unit("a.service")]));
    assert_eq!(policy.reload, BTreeSet::from([unit("b.service")]));
    assert_eq!(policy.power, BTreeSet::from([PowerAction::Reboot]));
    assert_eq!(policy.account.iter().map(Interface::as_str).collect::<Vec<_>>(), ["wan0"]);
    assert_eq!(Policy::parse("").expect("sound"), Policy::default());
}

#[test]
fn a_fault_is_named_with_its_line() {
    for (text, line) in [
        ("peer a\nrelaod b.service\n", 2),
        ("reload\n", 1),
        ("\n\nreload a.service b.service\n", 3),
        ("power on\n", 1),
        ("reload *.service\n", 1),
        ("account wan*\n", 1),
        ("account\n", 1),
        ("peer\n", 1),
        ("ping-group-range 0 1\n", 1),
    ] {
        assert_eq!(Policy::parse(text).expect_err(text).0, line, "{text}");
    }
}

#[test]
fn a_file_that_another_could_have_written_is_not_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("helper.conf");
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("ours");
    std::fs::write(&path, "peer wasl-agent\n").expect("written");
    mode(0o644);
    assert_eq!(Policy::read(&path, own()).expect("sound").peers.len(), 1);
    assert!(matches!(Policy::read(&path, own() + 1), Err(PolicyError::Exposed { .. })));
    for exposed in [0o664, 0o646] {
        mode(exposed);
        assert!(matches!(Policy::read(&path, own()), Err(PolicyError::Exposed { .. })), "{exposed:o}");
    }
    mode(0o644);
    let link = dir.path().join("link.conf");
    symlink(&path, &link).expect("linked");
    assert!(matches!(Policy::read(&link, own()), Err(PolicyError::Read { .. })));
    let pipe = dir.path().join("pipe.conf");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o644)).expect("made");
    assert!(matches!(Policy::read(&pipe, own()), Err(PolicyError::Exposed { .. })));
    assert!(matches!(Policy::read(dir.path(), own()), Err(PolicyError::Exposed { .. })));
    std::fs::write(&path, "#".repeat(MAX_POLICY as usize + 1)).expect("written");
    assert!(matches!(Policy::read(&path, own()), Err(PolicyError::Exposed { .. })));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,200}") {
        let _ = Policy::parse(&text);
    }
}
