use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_secret_is_private_from_its_first_byte_and_replaced_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.key");
    write_secret(&path, b"first").unwrap();
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let old = File::open(&path).unwrap();
    write_secret(&path, b"second").unwrap();
    assert_eq!(mode(&path), 0o600, "a loosened file becomes private again");
    assert_eq!(read_secret(&path).unwrap(), b"second");

    let mut seen_by_reader = String::new();
    (&old).read_to_string(&mut seen_by_reader).unwrap();
    assert_eq!(seen_by_reader, "first", "an open reader keeps the old content whole");
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["agent.key"], "no temporary file is left");
}

#[test]
fn a_secret_that_others_can_touch_is_refused_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    write_secret(&path, b"x").unwrap();
    for open in [0o640, 0o604, 0o644, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let error = read_secret(&path).unwrap_err();
        assert!(matches!(error, SecretError::TooOpen { mode, .. } if mode == open), "{open:o}");
        let message = error.to_string();
        assert!(message.contains(&format!("chmod 600 {}", path.display())), "{message}");
    }
    for private in [0o600, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(private)).unwrap();
        assert_eq!(read_secret(&path).unwrap(), b"x");
    }
}

#[test]
fn what_is_not_a_secret_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(read_secret(directory.path()), Err(SecretError::NotAFile(_))));
    let missing = directory.path().join("none");
    assert!(matches!(read_secret(&missing), Err(SecretError::Read { .. })));
    let nowhere = missing.join("key");
    assert!(matches!(write_secret(&nowhere, b"x"), Err(SecretError::Write { .. })));
    assert!(matches!(write_secret(Path::new("/"), b"x"), Err(SecretError::Write { .. })));

    let large = directory.path().join("large");
    write_secret(&large, &vec![0; MAX_SECRET as usize + 1]).unwrap();
    assert!(matches!(read_secret(&large), Err(SecretError::TooLarge(_))));
}

#[test]
fn a_failed_replacement_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("taken");
    fs::create_dir(&path).unwrap();
    assert!(write_secret(&path, b"x").is_err());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn random_tokens_have_256_bits_and_differ() {
    let (one, two) = (random_token().unwrap(), random_token().unwrap());
    assert_ne!(one, two);
    assert_eq!(BASE64URL_NOPAD.decode(one.as_bytes()).unwrap().len(), 32);
}

#[test]
fn the_hash_is_plain_sha256() {
    // FIPS 180-4 example: SHA-256 of "abc".
    assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

proptest! {
    #[test]
    fn secrets_are_the_same_exactly_when_equal(
        one in prop::collection::vec(any::<u8>(), 0..40),
        other in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assert!(same_secret(&one, &one));
        prop_assert_eq!(same_secret(&one, &other), one == other);
        let mut longer = one.clone();
        longer.push(0);
        prop_assert!(!same_secret(&one, &longer));
    }
}
