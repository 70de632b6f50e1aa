use super::*;
use wasl_model::EntityKind;

fn s(text: &str) -> Subject {
    text.parse().expect("a subject")
}

fn on(texts: &[&str]) -> Node {
    Node { depends_on: texts.iter().map(|t| Dependency::On(s(t))).collect(), ..Node::default() }
}

#[test]
fn a_circle_is_told_and_only_its_last_link_is_left_out() {
    let mut graph = Graph::default();
    graph.insert(s("device/a"), on(&["device/b"]));
    graph.insert(s("device/b"), on(&["device/c"]));
    graph.insert(s("device/c"), on(&["device/a"]));
    graph.insert(s("device/d"), on(&["device/d", "device/x"]));
    let problems: Vec<String> = graph.problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|p| p.starts_with("device/d depends on itself")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("device/x, which is not configured")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("device/a → device/b → device/c → device/a")), "{problems:?}");
    let (plan, _) = Plan::new(graph);
    assert_eq!(plan.links(&s("device/a")).hard.len(), 1);
    assert_eq!(plan.links(&s("device/b")).hard.len(), 1);
    assert!(plan.links(&s("device/c")).hard.is_empty());
}

#[test]
fn what_leads_to_a_site_does_not_depend_on_it_and_all_else_there_does() {
    let jenin = SiteId::new("jenin").ok();
    let mut graph = Graph::default();
    graph.insert(
        s("site/jenin"),
        Node { depends_on: vec![Dependency::AnyOf(vec![s("target/line")])], ..Node::default() },
    );
    let there = Node { site: jenin.clone(), ..Node::default() };
    let mut line = on(&["device/router"]);
    line.site = jenin;
    graph.insert(s("target/line"), line);
    graph.insert(s("device/router"), there.clone());
    graph.insert(s("agent/gw"), there);
    assert_eq!(graph.problems(), []);
    let (plan, _) = Plan::new(graph);
    let needs = |text: &str| plan.links(&s(text)).needs().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(needs("target/line"), ["device/router"]);
    assert_eq!(needs("device/router"), [""; 0]);
    assert_eq!(needs("agent/gw"), ["machine/gw", "site/jenin"]);
    assert_eq!(needs("machine/gw"), ["site/jenin"]);
    assert_eq!(needs("disk/gw//var"), ["machine/gw", "site/jenin"], "whether or not the machine was seen");
    assert_eq!(needs("interface/router/1"), ["device/router"], "it may lead there as well");
    let disk = plan.links(&s("disk/gw//var"));
    assert_eq!(disk.owners, [s("machine/gw")]);
    assert_eq!(disk.site.as_ref().map(SiteId::as_str), Some("jenin"));
    assert_eq!(disk.witnesses, [AgentId::new("gw").expect("a name")]);
    let ranks = ["device/router", "target/line", "site/jenin", "machine/gw", "disk/gw//var"]
        .map(|t| plan.links(&s(t)).rank);
    assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
}

#[test]
fn an_interface_is_part_of_the_device_that_is_named_so() {
    let mut graph = Graph::default();
    let poller = AgentId::new("centre").expect("a name");
    graph.insert(s("device/sw"), Node { witnesses: vec![poller.clone()], ..Node::default() });
    let (plan, _) = Plan::new(graph);
    let port = plan.links(&Subject::lenient(EntityKind::Interface, "sw/Gi0/1"));
    assert_eq!((port.owners, port.witnesses), (vec![s("device/sw")], vec![poller]));
    let card = plan.links(&Subject::lenient(EntityKind::Interface, "pc/eth0"));
    assert_eq!(card.owners, [s("machine/pc")]);
}
