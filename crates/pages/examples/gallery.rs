//! Writes every page of the fixture into a folder, to be looked at in a browser:
//! `cargo run -p wasl-pages --example gallery -- FOLDER`, then open `FOLDER/en/overview.html`.
//!
//! Live updates and charts stay silent there, as nobody answers them.

use std::path::Path;
use std::{env, fs, io};

use jiff::tz::{TimeZone, offset};
use wasl_pages::view::{
    AgentsView, BackupsView, DiscoveryView, ErrorView, IncidentsView, LinksView, LoginError, LoginView,
};
use wasl_pages::{Lang, Painter, Texts, assets, pages};

#[path = "../testdata/fixture.rs"]
mod fixture;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other("give the folder that the pages shall be written to"));
    };
    let folder = Path::new(&folder);
    for name in assets::names() {
        let path = folder.join("static").join(&*name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        if let Some(asset) = assets::assets(&name) {
            fs::write(path, &asset.bytes)?;
        }
    }
    let texts = Texts::new();
    for lang in Lang::ALL {
        let p = Painter::new(&texts, lang, fixture::NOW, TimeZone::fixed(offset(2)));
        let (frame, stranger) = (fixture::frame(), fixture::stranger());
        let (hostile_overview, hostile_links, hostile_entity) = fixture::hostile();
        let login = LoginView {
            name: "lina".to_owned(),
            error: Some(LoginError::Refused),
            next: "/backups".to_owned(),
        };
        let not_found = ErrorView { status: 404, request: Some("7f3a-91".to_owned()), detail: None };
        let folder = folder.join(lang.tag());
        fs::create_dir_all(&folder)?;
        for (name, html) in [
            ("overview", pages::overview(&p, &frame, &fixture::overview())),
            ("calm", pages::overview(&p, &frame, &fixture::calm())),
            ("nothing", pages::overview(&p, &frame, &fixture::nothing())),
            ("links", pages::links(&p, &frame, &fixture::links())),
            ("no-links", pages::links(&p, &frame, &LinksView::default())),
            ("backups", pages::backups(&p, &frame, &fixture::backups())),
            ("no-backups", pages::backups(&p, &frame, &BackupsView::default())),
            ("incidents", pages::incidents(&p, &frame, &fixture::incidents())),
            ("no-incidents", pages::incidents(&p, &frame, &IncidentsView::default())),
            ("incident", pages::incident(&p, &frame, &fixture::cut_branch(), true)),
            ("incident-taken", pages::incident(&p, &frame, &fixture::filling_disk(), true)),
            ("incident-ended", pages::incident(&p, &frame, &fixture::ended_incident(), true)),
            ("hostile-incidents", pages::incidents(&p, &frame, &fixture::hostile_incidents())),
            ("agents", pages::agents(&p, &frame, &fixture::agents_view())),
            ("no-agents", pages::agents(&p, &frame, &AgentsView::default())),
            ("discovery", pages::discovery(&p, &frame, &fixture::discovery::view())),
            ("no-finds", pages::discovery(&p, &frame, &DiscoveryView::default())),
            ("agent", pages::agent(&p, &frame, &fixture::agent_detail())),
            ("entity", pages::entity(&p, &frame, &fixture::target())),
            ("device", pages::entity(&p, &frame, &fixture::device())),
            ("link", pages::link(&p, &frame, &fixture::network::link_page())),
            ("report", pages::report(&p, &frame, &fixture::network::report())),
            ("login", pages::login(&p, &stranger, &login)),
            ("error", pages::error(&p, &frame, &not_found)),
            ("hostile-overview", pages::overview(&p, &frame, &hostile_overview)),
            ("hostile-links", pages::links(&p, &frame, &hostile_links)),
            ("hostile-entity", pages::entity(&p, &frame, &hostile_entity)),
        ] {
            let mut html = html;
            for asset in assets::names() {
                html = html.replace(&assets::url(&asset), &format!("../static/{asset}"));
            }
            fs::write(folder.join(format!("{name}.html")), html)?;
        }
    }
    Ok(())
}
