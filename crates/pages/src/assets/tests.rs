use super::*;

#[test]
fn vendored_files_are_exactly_those_of_the_list() {
    let sums = Files::get("vendor/SHA256SUMS").expect("the list is there");
    let sums = std::str::from_utf8(&sums.data).expect("text");
    let mut listed: Vec<String> = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("sum, two spaces, name");
        let file = Files::get(&format!("vendor/{name}")).expect(name);
        assert_eq!(hex(&file.metadata.sha256_hash()), sum, "{name} is not the published file");
        listed.push(format!("vendor/{name}"));
    }
    let mut found: Vec<String> = Files::iter()
        .filter(|n| n.starts_with("vendor/") && !n.ends_with("/SHA256SUMS"))
        .map(Cow::into_owned)
        .collect();
    listed.sort();
    found.sort();
    assert_eq!(found, listed, "something lies in static/vendor that the list does not name");
}

#[test]
fn an_address_holds_its_content() {
    let address = url("app.css");
    let path = address.strip_prefix("/static/").expect("below /static/");
    let asset = assets(path).expect("served");
    assert_eq!(asset.content_type, "text/css; charset=utf-8");
    assert_eq!(asset.cache_control, FOR_EVER);
    assert_eq!(assets("app.css").expect("served plain").cache_control, ASK_AGAIN);
    assert!(assets("000000000000/app.css").is_none(), "another build's address");
    assert!(assets("vendor/SHA256SUMS").is_none());
    assert!(assets("../Cargo.toml").is_none());
    assert!(names().any(|n| n == "vendor/uPlot.iife.min.js"));
}

#[test]
fn own_styles_use_logical_properties_only() {
    let css = Files::get("app.css").expect("there");
    let css = std::str::from_utf8(&css.data).expect("text");
    for (number, line) in css.lines().enumerate() {
        for physical in [
            "margin-left",
            "margin-right",
            "margin-top",
            "margin-bottom",
            "padding-left",
            "padding-right",
            "padding-top",
            "padding-bottom",
            "border-left",
            "border-right",
            "border-top",
            "border-bottom",
            " left:",
            " right:",
            " top:",
            " bottom:",
            "text-align: left",
            "text-align: right",
            "float:",
        ] {
            assert!(
                !line.contains(physical),
                "app.css:{}: `{physical}` has no place in a page that is read both ways: {line}",
                number + 1
            );
        }
    }
}
