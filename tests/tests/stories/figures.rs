//! Figures in charts, which a script writes, beside those of the page, which the controller writes.

use std::process::Command;

use wasl_tests::{binaries, skip, tool};

/// Reads each figure of the list to the script, and prints those that it tells otherwise.
const READER: &str = r#"
const fs = require("fs");
const [script, list] = process.argv.slice(1);
const Figures = eval(fs.readFileSync(script, "utf8") + "; Figures");
const lines = fs.readFileSync(list, "utf8").trimEnd().split("\n");
const told = lines.map((line) => [...line.split("\t"), ""]);
const wrong = told.map(([kind, value, text]) => [kind, value, text, Figures[kind](Number(value))]);
for (const [kind, value, text, said] of wrong.filter((row) => row[2] !== row[3])) {
  console.log(`${kind} ${value}: "${said}" in a chart, "${text}" on the page`);
}
if (Figures.seconds(null) !== Figures.NOTHING) console.log("what is not known is told");
if (Figures.tick(Figures.seconds(0.00002)) !== "20 µs" || Figures.tick("5.00 ms") !== "5 ms") console.log("ticks");
console.log(`${lines.length} figures`);
"#;

/// Catches: "0.04 ms" in a chart beside "40 µs" on the page.
#[test]
fn charts_tell_figures_as_the_page_does() {
    if !tool::exists("node") {
        skip!(
            "charts_tell_figures_as_the_page_does",
            "node is not installed, and nothing else here runs a script"
        );
    }
    let pages = binaries::repository().join("crates/pages");
    let mut node = Command::new("node");
    node.args(["-e", READER]).arg(pages.join("static/figures.js")).arg(pages.join("testdata/figures.tsv"));
    let said = tool::finish(&mut node);
    assert!(said.ends_with(" figures\n") && said.lines().count() == 1, "{said}");
}

/// Catches: a script that has rules of its own again.
#[test]
fn charts_have_their_figures_from_one_place() {
    let scripts = binaries::repository().join("crates/pages/static");
    for name in ["chart.js", "smoke.js"] {
        let script = std::fs::read_to_string(scripts.join(name)).expect(name);
        assert!(script.contains("} = Figures;"), "{name}");
        assert!(!script.contains(" ms`") && !script.contains("toFixed"), "{name} rounds figures by itself");
    }
}
