use std::os::unix::fs::PermissionsExt;

use super::*;

/// A state folder as a controller leaves it, with a rotation under way.
async fn a_state(dir: &Path) -> Home {
    let home = Home::open(dir.join("state")).expect("a folder of our own");
    let trust = Trust::open(&home, "An institution", now().seconds()).expect("an authority");
    let store = SqliteStore::open(&home.store(), |_| Vec::new(), 7).await.expect("a store");
    let next = CertificateAuthority::create("Next", now().seconds()).expect("an authority");
    trust.begin(&next, "a test", now().seconds()).expect("begun");
    home.renew_cli_token().expect("a token");
    fs::create_dir(home.path().join("later")).expect("a folder");
    fs::write(home.path().join("later/thing"), "kept by a later version").expect("written");
    store.close().await.expect("closed");
    home
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).expect("it is long enough")
}

fn folder(path: &Path) -> Into {
    Into { state: path.to_owned(), config: None }
}

#[tokio::test]
async fn everything_comes_back_and_nothing_of_one_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = a_state(dir.path()).await;
    let config = dir.path().join("config");
    fs::create_dir(&config).expect("a folder");
    fs::write(config.join("wasl.yaml"), "institution: {}").expect("written");
    for sealed in [None, Some(passphrase("correct horse battery"))] {
        let name = if sealed.is_some() { "sealed" } else { "plain" };
        let to = dir.path().join(name);
        let manifest = make(&home, Some(&config), &to, sealed.as_ref()).await.expect("made");
        let mode = fs::metadata(&to).expect("it is there").permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "whoever reads it can be the controller");
        assert!(make(&home, None, &to, None).await.is_err(), "a backup is never overwritten");
        assert!(!manifest.files.iter().any(|f| f.path.contains("cli.token")), "{manifest:?}");

        let into = Into {
            state: dir.path().join(format!("{name}-state")),
            config: Some(dir.path().join(format!("{name}-config"))),
        };
        restore(&to, &into, sealed.as_ref()).await.expect("restored");
        for file in ["ca.pem", "ca.key", "rotation.json", "later/thing"] {
            let (was, is) = (fs::read(home.path().join(file)), fs::read(into.state.join(file)));
            assert_eq!(was.expect("it was there"), is.expect("it is there"), "{file}");
            let mode = fs::metadata(into.state.join(file)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{file}");
        }
        let config_back = fs::read_to_string(into.config.as_ref().expect("named").join("wasl.yaml"));
        assert_eq!(config_back.expect("it is there"), "institution: {}");
        let store =
            SqliteStore::open(&Home::at(&into.state).store(), |_| Vec::new(), 8).await.expect("opens");
        assert_eq!(wasl_store::Ingest::incarnation(&store), 7);
        let lost = Home::at(&into.state).restored().expect("readable").expect("noted");
        assert_eq!(lost.from_s, manifest.made_s);
        assert!(restore(&to, &into, sealed.as_ref()).await.is_err(), "a state is never overwritten");
    }
    let left: Vec<String> = fs::read_dir(dir.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "unfinished work was left: {left:?}");
}

#[tokio::test]
async fn a_damaged_or_cut_backup_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = a_state(dir.path()).await;
    let secret = passphrase("correct horse battery");
    for sealed in [None, Some(&secret)] {
        let to = dir.path().join(if sealed.is_some() { "sealed" } else { "plain" });
        make(&home, None, &to, sealed).await.expect("made");
        let whole = fs::read(&to).expect("it is there");
        let broken = dir.path().join("broken");
        let state = dir.path().join("restored");
        let step = (whole.len() / if sealed.is_some() { 5 } else { 40 }).max(1);
        for at in (40..whole.len() - 1100).step_by(step) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            // The padding behind a file belongs to nobody, in a plain archive.
            let padding = sealed.is_none() && whole[at] == 0;
            for (what, bytes) in [("damaged", &damaged[..]), ("cut", &whole[..at])] {
                if what == "damaged" && padding {
                    continue;
                }
                fs::write(&broken, bytes).expect("written");
                let result = restore(&broken, &folder(&state), sealed).await;
                assert!(result.is_err(), "{what} at {at} of {}", whole.len());
                assert!(!state.exists(), "{what} at {at}: a half-made state was left");
            }
        }
    }
}

#[tokio::test]
async fn a_sealed_backup_opens_for_its_passphrase_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = a_state(dir.path()).await;
    let to = dir.path().join("sealed");
    make(&home, None, &to, Some(&passphrase("correct horse battery"))).await.expect("made");
    let key = fs::read_to_string(home.path().join("ca.key")).expect("it is there");
    let line = key.lines().nth(1).expect("a key has lines").as_bytes();
    let bytes = fs::read(&to).expect("it is there");
    assert!(!bytes.windows(line.len()).any(|window| window == line), "the key can be read");
    let into = folder(&dir.path().join("restored"));
    let without = restore(&to, &into, None).await.expect_err("sealed");
    assert!(format!("{without:#}").contains("--passphrase-file"), "{without:#}");
    let wrong = restore(&to, &into, Some(&passphrase("incorrect horse"))).await.expect_err("wrong");
    assert!(format!("{wrong:#}").contains("passphrase is wrong"), "{wrong:#}");
    assert!(Passphrase::new("short").is_err());
}

#[test]
fn an_archive_cannot_write_outside_of_its_folder() {
    for bad in
        ["../x", "state/../../x", "/etc/passwd", "state//etc/x", "state/", "other/x", "state/./x", "state"]
    {
        let dir = tempfile::tempdir().expect("a folder");
        let mut archive = Vec::new();
        let mut hashing = Hashing::new(io::sink());
        hashing.write_all(b"x").expect("hashed");
        let entry = Entry { path: bad.to_owned(), size: 1, sha256: hashing.finish() };
        let manifest = Manifest {
            version: VERSION,
            wasl: "0".into(),
            made_at: String::new(),
            made_s: 0,
            files: vec![entry],
        };
        let head = serde_json::to_vec(&manifest).expect("JSON");
        tar::write(&mut archive, "manifest.json", head.len() as u64, 0, &mut head.as_slice())
            .expect("written");
        tar::write(&mut archive, bad, 1, 0, &mut &b"x"[..]).expect("written");
        tar::end(&mut archive).expect("written");
        let state = dir.path().join("state");
        fs::create_dir(&state).expect("a folder");
        let result = unpack(archive.as_slice(), &state, None);
        // `state//etc/x` and `state/./x` would be harmless, but nobody writes them.
        assert!(result.is_err() || bad == "state/./x", "{bad} was unpacked");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "{bad}");
    }
}

/// Catches: an archive that only this program can read, when this program is what is broken.
#[test]
fn any_tar_can_read_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("a.tar");
    let long = format!("state/{}/{}", "f".repeat(80), "g".repeat(60));
    let mut archive = File::create(&file).expect("made");
    for (path, content) in [("manifest.json", &b"{}"[..]), ("state/empty", b""), (&long, &[7; 1000])] {
        tar::write(&mut archive, path, content.len() as u64, 0, &mut &content[..]).expect("written");
    }
    tar::end(&mut archive).expect("written");
    let Ok(listed) = std::process::Command::new("tar").arg("-tf").arg(&file).output() else { return };
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(String::from_utf8_lossy(&listed.stdout), format!("manifest.json\nstate/empty\n{long}\n"));
    let mut reader = tar::Reader::new(File::open(&file).expect("it is there"));
    let mut heads = Vec::new();
    while let Some(head) = reader.next().expect("sound") {
        reader.copy(head.size, &mut io::sink()).expect("read");
        heads.push(head.path);
    }
    assert_eq!(heads, ["manifest.json", "state/empty", &long]);
}
