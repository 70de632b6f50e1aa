//! Every page in both languages against its snapshot, and what must hold for all of them.

use std::collections::BTreeSet;

use jiff::tz::{TimeZone, offset};
use wasl_pages::view::{
    AgentsView, BackupsView, DiscoveryView, ErrorView, IncidentsView, LinksView, LoginError, LoginView,
};
use wasl_pages::{Lang, Painter, Texts, assets, live, pages};

#[path = "../testdata/fixture.rs"]
mod fixture;

fn painter(texts: &Texts, lang: Lang) -> Painter<'_> {
    Painter::new(texts, lang, fixture::NOW, TimeZone::fixed(offset(2)))
}

fn error(status: u16) -> ErrorView {
    ErrorView {
        status,
        request: Some("7f3a-91".to_owned()),
        detail: Some("no entity target/nowhere".to_owned()),
    }
}

fn login(error: Option<LoginError>) -> LoginView {
    LoginView { name: "lina\"><b>".to_owned(), error, next: "/backups?kind=restic&x=1".to_owned() }
}

/// All pages of the fixture in one language.
fn all(p: &Painter<'_>) -> Vec<(&'static str, String)> {
    let (frame, stranger) = (fixture::frame(), fixture::stranger());
    vec![
        ("overview", pages::overview(p, &frame, &fixture::overview())),
        ("calm", pages::overview(p, &frame, &fixture::calm())),
        ("nothing", pages::overview(p, &frame, &fixture::nothing())),
        ("links", pages::links(p, &frame, &fixture::links())),
        ("no-links", pages::links(p, &frame, &LinksView::default())),
        ("backups", pages::backups(p, &frame, &fixture::backups())),
        ("no-backups", pages::backups(p, &frame, &BackupsView::default())),
        ("incidents", pages::incidents(p, &frame, &fixture::incidents())),
        ("no-incidents", pages::incidents(p, &frame, &IncidentsView::default())),
        ("incident", pages::incident(p, &frame, &fixture::cut_branch(), true)),
        ("incident-taken", pages::incident(p, &frame, &fixture::filling_disk(), true)),
        ("incident-ended", pages::incident(p, &frame, &fixture::ended_incident(), true)),
        ("agents", pages::agents(p, &frame, &fixture::agents_view())),
        ("no-agents", pages::agents(p, &frame, &AgentsView::default())),
        ("discovery", pages::discovery(p, &frame, &fixture::discovery::view())),
        ("no-finds", pages::discovery(p, &frame, &DiscoveryView::default())),
        ("agent", pages::agent(p, &frame, &fixture::agent_detail())),
        ("entity", pages::entity(p, &frame, &fixture::target())),
        ("device", pages::entity(p, &frame, &fixture::device())),
        ("link", pages::link(p, &frame, &fixture::network::link_page())),
        ("report", pages::report(p, &frame, &fixture::network::report())),
        ("login", pages::login(p, &stranger, &login(Some(LoginError::TooMany(3))))),
        ("error", pages::error(p, &stranger, &error(404))),
    ]
}

fn hostile(p: &Painter<'_>) -> Vec<(&'static str, String)> {
    let frame = fixture::frame();
    let (overview, links, entity) = fixture::hostile();
    let incidents = fixture::hostile_incidents();
    vec![
        ("hostile incidents", pages::incidents(p, &frame, &incidents)),
        ("hostile incident", pages::incident(p, &frame, &incidents.open[0], true)),
        ("hostile overview", pages::overview(p, &frame, &overview)),
        ("hostile links", pages::links(p, &frame, &links)),
        ("hostile entity", pages::entity(p, &frame, &entity)),
    ]
}

fn everything() -> Vec<(String, String)> {
    let texts = Texts::new();
    let mut out = Vec::new();
    for lang in Lang::ALL {
        let p = painter(&texts, lang);
        let stranger = fixture::stranger();
        for (name, html) in all(&p).into_iter().chain(hostile(&p)) {
            out.push((format!("{name} in {}", lang.tag()), html));
        }
        for status in [400, 401, 403, 405, 413, 418, 429, 500, 503] {
            let html = pages::error(&p, &stranger, &error(status));
            out.push((format!("error {status} in {}", lang.tag()), html));
        }
        for reason in [LoginError::Refused, LoginError::Expired] {
            let html = pages::login(&p, &stranger, &login(Some(reason)));
            out.push((format!("login {reason:?} in {}", lang.tag()), html));
        }
    }
    out
}

/// The page without empty lines and without the hashes of files that change for other reasons.
fn stable(html: &str) -> String {
    let mut text: String = html
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .fold(String::new(), |text, line| text + line + "\n");
    for name in assets::names() {
        text = text.replace(&assets::url(&name), &format!("/static/HASH/{name}"));
    }
    text
}

#[test]
fn pages_look_as_they_did() {
    let texts = Texts::new();
    for lang in Lang::ALL {
        for (name, html) in all(&painter(&texts, lang)) {
            insta::assert_snapshot!(format!("{name}-{}", lang.tag()), stable(&html));
        }
    }
}

/// A start or end tag.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    closes: bool,
    /// `<x/>`, which only foreign elements (SVG) know.
    empty: bool,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A strict little parser: attributes are quoted or bare words, text holds no `<` or `>`.
fn tags(html: &str) -> Vec<Tag> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a stray > in {:?}", &rest[..start]);
        rest = &rest[start + 1..];
        let closes = rest.starts_with('/');
        rest = rest.trim_start_matches('/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').expect("a tag's end");
        let name = rest[..end].to_owned();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '!'), "not a tag: {name:?}");
        rest = &rest[end..];
        let mut tag = Tag { name, attributes: Vec::new(), closes, empty: false };
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                tag.empty = true;
                rest = after;
                break;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '>').expect("an attribute");
            let attribute = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix("=\"") {
                let end = after.find('"').expect("a closing quote");
                value.push_str(&after[..end]);
                rest = &after[end + 1..];
            } else {
                assert!(!rest.starts_with('='), "an unquoted value of {attribute}");
            }
            tag.attributes.push((attribute, value));
        }
        out.push(tag);
    }
    out
}

const VOID: [&str; 6] = ["!doctype", "meta", "link", "br", "input", "img"];

#[test]
fn pages_are_well_formed_and_obey_the_policy() {
    for (page, html) in everything() {
        let mut open: Vec<String> = Vec::new();
        for tag in tags(&html) {
            assert_ne!(tag.name, "style", "{page}");
            for (name, value) in &tag.attributes {
                assert!(name != "style" && !name.starts_with("on"), "{page}: {name} in {tag:?}");
                assert!(!value.trim_start().starts_with("javascript:"), "{page}: {tag:?}");
            }
            let names: BTreeSet<_> = tag.attributes.iter().map(|(n, _)| n).collect();
            assert_eq!(names.len(), tag.attributes.len(), "{page}: an attribute twice in {tag:?}");
            if tag.name == "script" && !tag.closes {
                assert!(tag.get("src").is_some_and(|s| s.starts_with("/static/")), "{page}");
            }
            if tag.closes {
                assert_eq!(open.pop().as_deref(), Some(tag.name.as_str()), "{page}");
            } else if !tag.empty && !VOID.contains(&tag.name.as_str()) {
                open.push(tag.name);
            }
        }
        assert!(open.is_empty(), "{page} leaves {open:?} open");
        for script in html.split("<script ").skip(1) {
            let (_, content) = script.split_once('>').expect("a tag's end");
            assert!(content.starts_with("</script>"), "{page} has an inline script");
        }
    }
}

#[test]
fn ids_are_unique_and_what_is_referred_to_exists() {
    for (page, html) in everything() {
        let tags = tags(&html);
        let all: Vec<&str> = tags.iter().filter_map(|t| t.get("id")).collect();
        let ids: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(ids.len(), all.len(), "{page} has an id twice: {all:?}");
        for tag in &tags {
            for attribute in ["aria-labelledby", "for"] {
                if let Some(id) = tag.get(attribute) {
                    assert!(ids.contains(id), "{page}: {attribute}={id}");
                }
            }
            for attribute in ["href", "src"] {
                let Some(target) = tag.get(attribute) else { continue };
                if let Some(id) = target.strip_prefix('#') {
                    assert!(ids.contains(id), "{page}: {target}");
                }
                if let Some(path) = target.strip_prefix("/static/") {
                    assert!(assets::assets(path).is_some(), "{page}: {target}");
                }
            }
        }
    }
}

#[test]
fn pages_can_be_used_by_keyboard_and_ear() {
    for (page, html) in everything() {
        let tags = tags(&html);
        let count = |name: &str| tags.iter().filter(|t| t.name == name && !t.closes).count();
        assert_eq!(count("h1"), 1, "{page}");
        assert_eq!(count("main"), 1, "{page}");
        let first_link = tags.iter().find(|t| t.name == "a").expect("a link");
        assert_eq!(first_link.get("href"), Some("#main"), "{page} begins with the way past the navigation");
        for tag in tags.iter().filter(|t| !t.closes) {
            match tag.name.as_str() {
                "th" => assert!(tag.get("scope").is_some(), "{page}: {tag:?}"),
                "html" => assert!(tag.get("lang").is_some() && tag.get("dir").is_some(), "{page}"),
                "nav" => assert!(tag.get("aria-label").is_some(), "{page}"),
                "svg" if tag.get("role") == Some("group") => {
                    assert!(tag.get("aria-label").is_some(), "{page}: {tag:?} is a picture with links in it");
                }
                "svg" => assert_eq!(tag.get("aria-hidden"), Some("true"), "{page}: words stand beside"),
                "input" if tag.get("type") != Some("hidden") => {
                    let id = tag.get("id");
                    assert!(
                        tags.iter().any(|t| t.name == "label" && t.get("for") == id),
                        "{page}: {tag:?} has no label"
                    );
                }
                "form" if tag.get("method") == Some("post") => assert!(
                    tags.iter().any(|t| t.get("name") == Some("csrf")),
                    "{page}: a form without a token"
                ),
                _ => {}
            }
        }
    }
}

#[test]
fn hostile_names_stay_text_in_their_place() {
    let texts = Texts::new();
    for lang in Lang::ALL {
        let p = painter(&texts, lang);
        for (page, html) in hostile(&p) {
            assert!(html.contains("&#60;script&#62;alert(1)"), "{page} shows the name");
            assert!(!html.contains("<script>"), "{page}");
            assert!(html.contains("⟨U+202E⟩"), "{page} shows the override as a word");
            // The series in a chart's attribute keeps the character: it is never shown.
            let shown = html.replace("data-series=\"<script>", "");
            let text: String =
                shown.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect();
            assert!(!text.contains('\u{202e}'), "{page}");
            let opened = text.matches('\u{2068}').count();
            assert_eq!(
                opened,
                text.matches('\u{2069}').count(),
                "{page} ends an isolate that it did not begin"
            );
        }
    }
}

#[test]
fn each_fragment_is_one_element_with_its_id_and_one_message_stays_one() {
    let texts = Texts::new();
    for lang in Lang::ALL {
        let p = painter(&texts, lang);
        for view in [fixture::overview(), fixture::nothing(), fixture::hostile().0] {
            let fragments = live::overview_fragments(&p, &view);
            let page = pages::overview(&p, &fixture::frame(), &view);
            for (id, html) in &fragments {
                let tags = tags(html);
                assert_eq!(tags[0].get("id"), Some(*id));
                assert_eq!(tags[0].name, "section");
                assert!(html.trim_end().ends_with("</section>"), "{id}");
                assert!(page.contains(html.as_str()), "{id} stands on the page as it is sent");
            }
            let message = live::sse_message(&fragments);
            assert!(message.ends_with("\n\n"));
            assert_eq!(message.matches("\n\n").count(), 1);
            assert!(!message.contains('\r'));
            for line in message.trim_end().lines().skip(1) {
                assert!(line.starts_with("data: "), "{line}");
            }
        }
    }
}

/// Catches: a link's page that stands still, and a part of it that cannot be replaced when it first has something to show.
#[test]
fn a_links_page_is_made_of_fragments_that_are_there_even_when_empty() {
    let texts = Texts::new();
    for lang in Lang::ALL {
        let p = painter(&texts, lang);
        let full = fixture::network::link_page();
        let mut bare = fixture::network::link_page();
        (bare.link.directions, bare.link.accounting) = (None, None);
        let ids = |view| live::link_fragments(&p, view).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(ids(&full), ids(&bare));
        for view in [&full, &bare] {
            let page = pages::link(&p, &fixture::frame(), view);
            for (id, html) in live::link_fragments(&p, view) {
                assert_eq!(tags(&html)[0].get("id"), Some(id));
                assert!(page.contains(&html), "{id} stands on the page as it is sent");
            }
            let follows = format!("data-live=\"/live/link/gaza-leased?lang={}\"", lang.tag());
            assert!(page.contains(&follows), "{page}");
        }
    }
}

/// Catches: \"towards the branch\" on the Internet line of the centre, and between two branches.
#[test]
fn a_direction_is_named_by_the_place_that_it_leads_to() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let mut view = fixture::network::link_page();
    let report = pages::report(&p, &fixture::frame(), &fixture::network::report());
    assert_eq!(
        report.matches("Throughput towards Gaza").count(),
        3,
        "carried, in the contract, and by an institution"
    );
    let page = pages::link(&p, &fixture::frame(), &view);
    assert!(page.contains("Throughput towards Gaza") && page.contains("Throughput towards Presidency"));
    view.link.places.truncate(1);
    let page = pages::link(&p, &fixture::frame(), &view);
    assert!(
        page.contains("Throughput towards Presidency") && page.contains("Throughput towards the Internet")
    );
}

/// Catches: empty rows for what nobody measures, a direction that is blamed for the loss of the other, and a method that speaks
/// of delays where there are none.
#[test]
fn a_report_tells_of_directions_only_what_was_measured() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let mut view = fixture::network::report();
    let report = |view: &wasl_pages::view::ReportView| pages::report(&p, &fixture::frame(), view);
    let rows = |html: &str| -> Vec<String> {
        let table =
            html.split("<h2 id=\"r-directions\">").nth(1).and_then(|html| html.split("</table>").next());
        table.into_iter().flat_map(|table| table.split("<tr>").skip(2)).map(str::to_owned).collect()
    };
    let told = rows(&report(&view));
    assert_eq!(told.len(), 4, "{told:?}");
    for (row, [place, lost, loss]) in told.iter().zip([
        ["towards Presidency", "412", "&#60;0.01 %"],
        ["towards Gaza", "41,204", "0.21 %"],
        ["towards Gaza", "0", "0.00 %"],
        ["towards Presidency", "4,943", "0.12 %"],
    ]) {
        assert!(row.contains(place) && row.contains(&format!(">{lost}<")) && row.contains(loss), "{row}");
    }
    let says = |html: &str, words: &str| html.contains(words);
    assert!(says(&report(&view), "mean of the windows&#39; median delays"));
    view.month.tests.remove(0);
    let undisciplined = report(&view);
    assert!(says(&undisciplined, "is not told") && !says(&undisciplined, "median delays"));
    view.month.tests[0].leads_down = None;
    let elsewhere = rows(&report(&view));
    assert!(elsewhere[0].contains(">there<") && elsewhere[1].contains(">back<"), "{elsewhere:?}");
    view.month.tests.clear();
    let untested = report(&view);
    assert!(!says(&untested, "r-directions") && !says(&untested, "STAMP"), "{untested}");
}

/// Catches: a link that leads nowhere, beside a station that nobody knows.
#[test]
fn what_happened_links_to_pages_that_there_are() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let page = pages::discovery(&p, &fixture::frame(), &fixture::discovery::view());
    assert!(page.contains("jenin/b8:27:eb:12:9f:03</bdi>") && page.contains("A station that is on no list"));
    assert!(!page.contains("href=\"/entities/station/jenin"), "{page}");
    let page = pages::entity(&p, &fixture::frame(), &fixture::device());
    assert!(page.contains("href=\"/entities/interface/gaza-core%2FGi0%2F1\""), "{page}");
}

#[test]
fn a_stranger_sees_no_navigation_and_gets_back_to_where_he_was() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let html = pages::login(&p, &fixture::stranger(), &login(None));
    assert!(!html.contains("class=\"places\""));
    assert!(html.contains("href=\"?lang=ar&amp;next=%2Fbackups%3Fkind%3Drestic%26x%3D1\""));
    assert!(html.contains("name=\"next\" value=\"/backups?kind=restic&#38;x=1\""));
    let html = pages::error(&p, &fixture::stranger(), &error(401));
    assert!(html.contains("href=\"/login?next=%2Fbackups%3Fkind%3Drestic%26x%3D1\""));
}

#[test]
fn a_backup_without_a_restore_is_never_called_proved() {
    let texts = Texts::new();
    let html = pages::backups(&painter(&texts, Lang::En), &fixture::frame(), &fixture::backups());
    assert_eq!(html.matches("Never proved").count(), 2);
    assert_eq!(html.matches(">Proved").count(), 0);
    assert!(!html.contains(
        "is-ok\"><svg class=\"mark is-ok\" aria-hidden=\"true\"><use href=\"#mark-ok\"/></svg>Never"
    ));
}

#[test]
fn no_agents_leads_to_the_two_commands() {
    let texts = Texts::new();
    for lang in Lang::ALL {
        let html = pages::overview(&painter(&texts, lang), &fixture::frame(), &fixture::nothing());
        assert!(html.contains("wasl token create "));
        assert!(html.contains("wasl-agent join --controller wasl.qou.example:8443 "));
    }
}

#[test]
fn the_most_urgent_incident_stands_first_and_the_overview_says_how_many_it_leaves_out() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let order = |html: &str| -> Vec<String> {
        html.split("/incidents/")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("\"><bdi>")?.0.to_owned()))
            .filter(|id| id.chars().all(|c| c.is_ascii_digit()))
            .collect()
    };
    let view = fixture::incidents();
    let html = pages::incidents(&p, &fixture::frame(), &view);
    let ended = view.ended.iter().map(|i| i.id.to_string());
    let expected: Vec<String> =
        ["1041", "1040", "1042", "1036"].map(str::to_owned).into_iter().chain(ended).collect();
    assert_eq!(order(&html), expected);

    let mut overview = fixture::overview();
    overview.incidents.extend(overview.incidents.clone());
    let html = pages::overview(&p, &fixture::frame(), &overview);
    assert_eq!(order(&html), ["1041", "1041", "1040", "1040", "1042"]);
    assert!(html.contains("and 3 more"));

    let calm = pages::overview(&p, &fixture::frame(), &fixture::calm());
    assert!(calm.contains("<section id=\"live-incidents\" aria-labelledby=\"incidents-title\" hidden>"));
}

#[test]
fn every_event_of_an_incident_is_told_in_words() {
    for (page, html) in everything() {
        for family in ["event-", "incident-severity-", "incident-", "maintenance-"] {
            assert!(!html.contains(&format!(">{family}")), "{page} shows a key of {family}");
        }
    }
    let texts = Texts::new();
    let html = pages::incident(&painter(&texts, Lang::En), &fixture::frame(), &fixture::cut_branch(), false);
    for told in [
        "It began:",
        "It changed 6 times",
        "It changed:",
        "Suffers too:",
        "Suffers no longer:",
        "a consequence of this:",
        "<a href=\"/incidents/1039\">",
    ] {
        assert!(html.contains(told), "{told}");
    }
    let html =
        pages::incident(&painter(&texts, Lang::En), &fixture::frame(), &fixture::ended_incident(), false);
    assert!(html.contains("Ended by maintenance") && html.contains("12 entries had no room here"));
}

#[test]
fn only_who_may_act_is_asked_to_and_only_where_nobody_has() {
    let texts = Texts::new();
    let p = painter(&texts, Lang::En);
    let frame = fixture::frame();
    let forms = |html: &str| html.matches("/acknowledge\"").count();
    let mut view = fixture::incidents();
    let html = pages::incidents(&p, &frame, &view);
    assert_eq!(forms(&html), 3, "one of the four is taken on");
    assert!(html.contains("action=\"/incidents/1041/acknowledge\""));
    assert!(html.contains("name=\"csrf\" value=\"c5rf-t0ken\"") && html.contains("name=\"note\""));
    view.may_act = false;
    assert_eq!(forms(&pages::incidents(&p, &frame, &view)), 0);
    assert_eq!(forms(&pages::incident(&p, &frame, &fixture::cut_branch(), true)), 1);
    assert_eq!(forms(&pages::incident(&p, &frame, &fixture::cut_branch(), false)), 0);
    assert_eq!(forms(&pages::incident(&p, &frame, &fixture::filling_disk(), true)), 0, "taken on");
    assert_eq!(forms(&pages::incident(&p, &frame, &fixture::ended_incident(), true)), 0, "over");
}
