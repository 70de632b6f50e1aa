use std::os::unix::fs::symlink;

use super::*;

fn messages(dir: &Path) -> Vec<String> {
    read(dir)
        .expect_err("this directory has a fault")
        .iter()
        .map(|problem| {
            let file = problem.file.strip_prefix(dir).unwrap_or(&problem.file);
            format!("{}: {}", file.display(), problem.message)
        })
        .collect()
}

#[test]
fn files_are_found_below_in_the_order_of_their_paths_and_hidden_ones_are_not() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("sites")).expect("sites");
    fs::create_dir_all(dir.path().join(".git")).expect("hidden");
    for name in ["wasl.yaml", "sites/b.yml", "sites/a.yaml", ".git/x.yaml", "sites/.a.yaml.swp", "notes.txt"]
    {
        fs::write(dir.path().join(name), name).expect("a file");
    }
    let found: Vec<String> = read(dir.path()).expect("sound").into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["sites/a.yaml", "sites/b.yml", "wasl.yaml"]);
}

#[test]
fn a_link_that_leads_back_is_named_and_ends_the_walk() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("sites")).expect("sites");
    fs::write(dir.path().join("wasl.yaml"), "x").expect("a file");
    symlink(dir.path(), dir.path().join("sites/all")).expect("a link");
    assert_eq!(messages(dir.path()), ["sites/all: this link leads back to a directory that it lies in"]);
}

#[test]
fn a_link_to_a_file_elsewhere_is_followed_and_a_dangling_one_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("another");
    fs::write(other.path().join("real"), "linked").expect("a file");
    symlink(other.path().join("real"), dir.path().join("wasl.yaml")).expect("a link");
    assert_eq!(read(dir.path()).expect("sound")[0].1, "linked");
    symlink(other.path().join("gone"), dir.path().join("x.yaml")).expect("a link");
    assert!(messages(dir.path())[0].starts_with("x.yaml: the file cannot be read"));
}

#[test]
fn what_could_block_or_flood_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("pipe.yaml")).expect("a socket");
    fs::write(dir.path().join("big.yaml"), vec![b'#'; MAX_FILE as usize + 1]).expect("a file");
    assert_eq!(
        messages(dir.path()),
        ["big.yaml: the file is larger than 4 MiB", "pipe.yaml: this is neither a file nor a directory",]
    );
}

#[test]
fn too_many_files_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    for number in 0..=MAX_FILES {
        fs::write(dir.path().join(format!("{number:05}.yaml")), "#").expect("a file");
    }
    let found = messages(dir.path());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("02000.yaml: there are more than 2000 files"), "{found:?}");
}

#[test]
fn a_missing_directory_and_a_file_in_its_place_are_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(messages(&dir.path().join("gone"))[0].contains("cannot be read"));
    fs::write(dir.path().join("wasl.yaml"), "x").expect("a file");
    assert!(messages(&dir.path().join("wasl.yaml"))[0].contains("this is a file"));
}

#[test]
fn the_first_byte_that_is_not_utf8_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("a.yaml"), b"name:\n  ar: \xcc\xe4\xed\xe4\n").expect("a file");
    let problems = read(dir.path()).expect_err("not UTF-8");
    assert_eq!((problems[0].line, problems[0].column, problems[0].code), (2, 7, Code::NotUtf8));
    fs::write(dir.path().join("a.yaml"), b"\xff\xfea\0").expect("a file");
    assert!(messages(dir.path())[0].contains("UTF-16"));
}
