use super::*;

const PROGRAM: Program = Program {
    name: "wasl-some-agent",
    about: "Does something",
    version: "1.2.3",
    state: "/var/lib/wasl-some-agent",
    spool: wasl_spool::Options::lab,
    add_collectors: |_| {},
    examinations: &[],
};

/// Catches: a program that asks for a state folder although it has one of its own, or takes another's.
#[test]
fn each_command_works_in_the_programs_own_folder_unless_told_otherwise() {
    let join = ["join", "--controller", "centre:8443", "--token", "-"];
    for args in [&["run"][..], &["spool"], &["doctor"], &join] {
        for (more, expected) in [(&[][..], PROGRAM.state), (&["--state", "elsewhere"], "elsewhere")] {
            let line = [PROGRAM.name].iter().chain(args).chain(more);
            let matches = command(&PROGRAM).try_get_matches_from(line).expect("complete");
            let cli = Cli::from_arg_matches(&matches).expect("understood");
            let place = match cli.command {
                Command::Join(join) => join.place,
                Command::Run(run) => run.place,
                Command::Spool(spool) => spool.place,
                Command::Doctor(doctor) => doctor.place,
            };
            assert_eq!(place.state, PathBuf::from(expected), "{args:?}");
        }
    }
}

#[test]
fn the_help_is_the_programs_own() {
    let help = command(&PROGRAM).render_long_help().to_string();
    assert!(help.contains("Does something") && help.contains("Usage: wasl-some-agent"), "{help}");
    let version = command(&PROGRAM).render_version();
    assert_eq!(version.trim(), "wasl-some-agent 1.2.3");
    assert!(command(&PROGRAM).try_get_matches_from(["x", "run", "--state"]).is_err());
    command(&PROGRAM).debug_assert();
}
