use super::*;

/// Catches: a command without a page, and a page that tells what runs on this very machine instead of what is
/// so everywhere.
#[test]
fn each_command_has_a_page_and_each_shell_its_completions() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path()).expect("written");
    for program in programs() {
        let name = program.get_name();
        let own = dir.path().join(name);
        for file in [format!("{name}.bash"), format!("_{name}"), format!("{name}.fish")] {
            let text = fs::read_to_string(own.join("completions").join(&file)).expect(&file);
            assert!(text.contains(name), "{file}");
        }
        let page = fs::read_to_string(own.join("man").join(format!("{name}.1"))).expect("a page");
        let about = program.get_about().expect("a sentence").to_string();
        assert!(page.replace("\\-", "-").contains(&about), "{name}: {page}");
        for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
            let file = format!("{name}-{}.1", command.get_name());
            let page = fs::read_to_string(own.join("man").join(&file)).expect(&file);
            assert!(page.contains(".SH SYNOPSIS"), "{file}");
        }
    }
    let page =
        fs::read_to_string(dir.path().join("wasl-lab-agent/man/wasl-lab-agent-run.1")).expect("a page");
    assert!(page.contains("/var/lib/wasl\\-lab\\-agent"), "the state folder is the program's own: {page}");
}
