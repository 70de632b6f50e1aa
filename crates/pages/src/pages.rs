//! One function per page. Each takes the painter (language, moment, zone), the frame around the
//! page and the page's view, and returns a whole HTML document.

use askama::Template;
use wasl_model::health::Health;
use wasl_model::{EntityKind, IncidentEvent};

use crate::Painter;
use crate::live;
use crate::paint::Markup;
use crate::view::{
    AgentDetailView, AgentsView, BackupsView, DiscoveryView, EntityView, ErrorView, Frame, IncidentView,
    IncidentsView, Known, LinkPageView, LinksView, LoginError, LoginView, Nav, OverviewView, ReportView,
};

/// Fills a template. Templates write to memory and call nothing that fails.
pub(crate) fn fill(template: &impl Template) -> String {
    template.render().expect("a template that writes to a String cannot fail")
}

macro_rules! page {
    ($name:ident, $file:literal, $view:ty $(, $extra:ident: $ty:ty)*) => {
        #[derive(Template)]
        #[template(path = $file)]
        struct $name<'a> {
            p: &'a Painter<'a>,
            frame: &'a Frame,
            title: String,
            nav: Option<Nav>,
            view: &'a $view,
            $($extra: $ty,)*
        }
    };
}

page!(Overview, "overview.html", [Markup]);
page!(Links, "links.html", [Markup]);
page!(Backups, "backups.html", BackupsView);
page!(Incidents, "incidents.html", IncidentsView);
page!(Incident, "incident.html", IncidentView, may_act: bool);
page!(Agents, "agents.html", AgentsView);
page!(AgentDetail, "agent.html", AgentDetailView);
page!(Discovery, "discovery.html", DiscoveryView);
page!(Entity, "entity.html", EntityView);
page!(LinkPage, "link.html", LinkPageView, live: LiveLink);

/// What of a link's page is replaced as it changes: what stands above the charts, and what below.
struct LiveLink {
    top: Vec<Markup>,
    events: Markup,
}
page!(Report, "report.html", ReportView);
page!(Login, "login.html", LoginView);
page!(Failure, "error.html", ErrorView, what: &'static str);

/// `/`: everything at a glance, live.
pub fn overview(p: &Painter<'_>, frame: &Frame, view: &OverviewView) -> String {
    let fragments: Vec<Markup> =
        live::overview_fragments(p, view).into_iter().map(|(_, html)| Markup(html)).collect();
    fill(&Overview { p, frame, title: live::title(p, view), nav: Some(Nav::Overview), view: &fragments })
}

/// `/links`: all links with their picture, rings, targets, devices and their interfaces, live.
pub fn links(p: &Painter<'_>, frame: &Frame, view: &LinksView) -> String {
    let fragments: Vec<Markup> =
        live::links_fragments(p, view).into_iter().map(|(_, html)| Markup(html)).collect();
    fill(&Links { p, frame, title: live::links_title(p, view), nav: Some(Nav::Links), view: &fragments })
}

/// `/backups`: backup jobs, judged by what their repositories hold.
pub fn backups(p: &Painter<'_>, frame: &Frame, view: &BackupsView) -> String {
    fill(&Backups { p, frame, title: p.t("nav-backups"), nav: Some(Nav::Backups), view })
}

/// `/incidents`: what is broken now, what was lately, and what is being worked on. Its forms post
/// `csrf` and `note` to `/incidents/{id}/acknowledge`.
pub fn incidents(p: &Painter<'_>, frame: &Frame, view: &IncidentsView) -> String {
    fill(&Incidents { p, frame, title: p.incidents_title(&view.open), nav: Some(Nav::Incidents), view })
}

/// `/incidents/{id}`: one incident with its whole timeline; with the form to take it on where the
/// reader may.
pub fn incident(p: &Painter<'_>, frame: &Frame, view: &IncidentView, may_act: bool) -> String {
    let title = format!("{} {}: {}", p.t("incident"), view.id, p.plain(p.called(&view.name)));
    fill(&Incident { p, frame, title, nav: Some(Nav::Incidents), view, may_act })
}

/// `/agents`: all agents.
pub fn agents(p: &Painter<'_>, frame: &Frame, view: &AgentsView) -> String {
    fill(&Agents { p, frame, title: p.t("nav-agents"), nav: Some(Nav::Agents), view })
}

/// `/agents/{id}`: one agent with its notices and charts.
pub fn agent(p: &Painter<'_>, frame: &Frame, view: &AgentDetailView) -> String {
    fill(&AgentDetail { p, frame, title: p.plain(&view.agent.id), nav: Some(Nav::Agents), view })
}

/// `/discovery`: what agents found, and what of it the configuration does not know.
pub fn discovery(p: &Painter<'_>, frame: &Frame, view: &DiscoveryView) -> String {
    fill(&Discovery { p, frame, title: p.t("nav-discovery"), nav: Some(Nav::Discovery), view })
}

/// `/entities/{kind}/{id}`: any entity. The identifier is one percent-encoded path segment.
pub fn entity(p: &Painter<'_>, frame: &Frame, view: &EntityView) -> String {
    let nav = match view.subject.kind {
        EntityKind::Agent => Some(Nav::Agents),
        EntityKind::Target
        | EntityKind::Link
        | EntityKind::Ring
        | EntityKind::Path
        | EntityKind::Share
        | EntityKind::Sensor
        | EntityKind::Device
        | EntityKind::Interface => Some(Nav::Links),
        EntityKind::Neighbour | EntityKind::Station => Some(Nav::Discovery),
        EntityKind::BackupJob => Some(Nav::Backups),
        EntityKind::Machine | EntityKind::Disk | EntityKind::Site => Some(Nav::Overview),
    };
    fill(&Entity { p, frame, title: p.plain(&view.subject.id), nav, view })
}

/// `/entities/link/{id}`: one link: what is owed and measured, its ends, its smoke, its months.
pub fn link(p: &Painter<'_>, frame: &Frame, view: &LinkPageView) -> String {
    let title = p.plain(p.called(&view.link.name));
    let mut top: Vec<Markup> =
        live::link_fragments(p, view).into_iter().map(|(_, html)| Markup(html)).collect();
    let events = top.pop().unwrap_or_default();
    fill(&LinkPage { p, frame, title, nav: Some(Nav::Links), view, live: LiveLink { top, events } })
}

/// `/links/{id}/report`: a month of a link, to be printed and shown to whoever provides it.
pub fn report(p: &Painter<'_>, frame: &Frame, view: &ReportView) -> String {
    let title = format!("{} {}", p.plain(p.called(&view.link.name)), view.month.month);
    fill(&Report { p, frame, title, nav: Some(Nav::Links), view })
}

/// `/login`: the form; it posts `name`, `password`, `csrf` and `next` to `/login`.
pub fn login(p: &Painter<'_>, frame: &Frame, view: &LoginView) -> String {
    fill(&Login { p, frame, title: p.t("log-in"), nav: None, view })
}

/// A page for an error: what happened and what to do.
pub fn error(p: &Painter<'_>, frame: &Frame, view: &ErrorView) -> String {
    let what = match view.status {
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        413 => "413",
        429 => "429",
        503 => "503",
        _ => "500",
    };
    fill(&Failure { p, frame, title: p.word("error-title", what), nav: None, view, what })
}
