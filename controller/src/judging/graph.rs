//! From the configuration to what depends on what.

use wasl_health::{Dependency, Graph, Node};
use wasl_model::{AgentId, AgentRole, EntityKind, SiteId, Subject};
use wasl_settings::Settings;
use wasl_store::AgentRecord;

/// The graph of everything that is configured, and of the agents that are enrolled.
pub(super) fn of<'a>(settings: &Settings, agents: impl IntoIterator<Item = &'a AgentRecord>) -> Graph {
    let mut graph = Graph::default();
    let on = |subjects: &[Subject]| subjects.iter().cloned().map(Dependency::On).collect::<Vec<_>>();
    let agents: Vec<&AgentRecord> = agents.into_iter().collect();
    for record in &agents {
        graph.insert(
            Subject::lenient(EntityKind::Agent, record.id.as_str()),
            Node { site: Some(record.site.clone()), ..Node::default() },
        );
    }
    for (id, agent) in settings.agents() {
        let subject = Subject::lenient(EntityKind::Agent, id.as_str());
        if !graph.nodes().contains_key(&subject) {
            continue; // until it is enrolled there is nobody to miss
        }
        let site = Some(agent.site.clone());
        graph.insert(subject, Node { site, depends_on: on(&agent.depends_on), ..Node::default() });
    }
    for (id, site) in settings.sites() {
        let ways = Dependency::AnyOf(site.uplinks.clone());
        let node = Node {
            depends_on: if site.uplinks.is_empty() { Vec::new() } else { vec![ways] },
            witnesses: agents_of(&agents, id),
            ..Node::default()
        };
        graph.insert(Subject::lenient(EntityKind::Site, id.as_str()), node);
    }
    let mut observed = |kind, id: &str, site: &Option<SiteId>, depends: &[Subject], from: &[AgentId]| {
        let node =
            Node { site: site.clone(), depends_on: on(depends), witnesses: from.to_vec(), ..Node::default() };
        graph.insert(Subject::lenient(kind, id), node);
    };
    for (id, target) in settings.targets() {
        observed(EntityKind::Target, id, &target.site, &target.depends_on, &target.from);
    }
    for (id, link) in settings.links() {
        // Who fills a line strains it; the line is not why somebody uses more than its share.
        let shares = link.accounting.iter().flat_map(|accounting| &accounting.shares);
        let shares = shares.map(|share| Subject::lenient(EntityKind::Share, &format!("{id}/{}", share.id)));
        let needs: Vec<Subject> =
            link.depends_on.iter().chain(&link.interfaces).cloned().chain(shares).collect();
        let from: Vec<AgentId> = link.probes.iter().map(|probe| probe.from.clone()).collect();
        observed(EntityKind::Link, id, &link.site, &needs, &from);
        let measured: Vec<AgentId> = link.stamp.iter().map(|test| test.from.clone()).collect();
        if !measured.is_empty() {
            let link_itself = [Subject::lenient(EntityKind::Link, id)];
            observed(EntityKind::Path, id, &link.site, &link_itself, &measured);
        }
    }
    for (id, link) in settings.links() {
        let Some(accounting) = &link.accounting else { continue };
        for share in &accounting.shares {
            let from = std::slice::from_ref(&accounting.from);
            observed(EntityKind::Share, &format!("{id}/{}", share.id), &link.site, &[], from);
        }
    }
    for (id, device) in settings.devices() {
        let from = std::slice::from_ref(&device.from);
        observed(EntityKind::Device, id, &device.site, &device.depends_on, from);
    }
    for (id, backup) in settings.backups() {
        let from = std::slice::from_ref(&backup.from);
        observed(EntityKind::BackupJob, id, &backup.site, &backup.depends_on, from);
    }
    for (id, ring) in settings.rings() {
        let links = ring.links.iter().map(|link| Subject::lenient(EntityKind::Link, link)).collect();
        let node = Node { depends_on: vec![Dependency::AnyOf(links)], ..Node::default() };
        graph.insert(Subject::lenient(EntityKind::Ring, id), node);
    }
    graph
}

/// The agents whose sessions show that a site can be reached: its gateways, or where it has none its servers.
/// Laboratory machines are off at night, and that says nothing of the site.
fn agents_of(agents: &[&AgentRecord], site: &SiteId) -> Vec<AgentId> {
    let of = |role: AgentRole| {
        let here = agents.iter().filter(move |r| r.site == *site && r.role == role);
        here.map(|r| r.id.clone()).collect::<Vec<_>>()
    };
    [AgentRole::Gateway, AgentRole::Server]
        .map(of)
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Who is asked to observe a thing of which nobody has spoken yet.
pub(super) fn observer(settings: &Settings, subject: &Subject) -> Option<AgentId> {
    let id = subject.id.as_str();
    match subject.kind {
        EntityKind::Agent => AgentId::new(id).ok(),
        EntityKind::Target => settings.targets().get(id)?.from.first().cloned(),
        EntityKind::Link => settings.links().get(id)?.probes.first().map(|probe| probe.from.clone()),
        EntityKind::Path => settings.links().get(id)?.stamp.first().map(|test| test.from.clone()),
        EntityKind::Share => {
            let link = id.split_once('/').map_or(id, |(link, _)| link);
            Some(settings.links().get(link)?.accounting.as_ref()?.from.clone())
        }
        EntityKind::Device => Some(settings.devices().get(id)?.from.clone()),
        EntityKind::BackupJob => Some(settings.backups().get(id)?.from.clone()),
        EntityKind::Machine
        | EntityKind::Disk
        | EntityKind::Interface
        | EntityKind::Sensor
        | EntityKind::Site
        | EntityKind::Ring
        | EntityKind::Neighbour
        | EntityKind::Station => None,
    }
}
