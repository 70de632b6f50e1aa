//! The API against its own document.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::client::{Answer, Client};
use wasl_tests::net::Place;
use wasl_tests::wait;

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 500ms }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
targets: { self: { address: 127.0.0.1, from: [branch-1] } }
links:
  line: { between: [one], probes: [{ from: branch-1, to: 127.0.0.1 }], contract: { down: 8Mbit/s, availability: 99% } }
devices: { unarmed: { host: 127.0.0.1, from: branch-1, snmp: { version: v2c, community: missing } } }
";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A controller and an agent with something of everything to show.
fn at_work(dir: &Path, configuration: &str) -> (Centre, Agent) {
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir, configuration, any, any);
    let mut agent = Agent::join(&centre, &Place::Here, dir, "one", "gateway", "branch-1");
    agent.start();
    centre.await_agent("branch-1");
    wait::until_true("the target answers", Duration::from_secs(20), || {
        let found = centre.admin().try_json("/api/v1/entities/target/self");
        found.is_some_and(|target| target["health"] == "ok")
    });
    (centre, agent)
}

fn document(client: &Client) -> Value {
    client.json("/api/v1/openapi.json")
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("the document has paths");
    let methods = |path: &String, item: &Value| {
        let all = METHODS.iter().filter_map(|method| Some(((*method).to_owned(), item.get(method)?.clone())));
        all.map(|(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| methods(path, item)).collect()
}

/// A schema of the document that stands alone and, where it lists an object's fields, allows no others: a
/// field that is served and not documented is a fault too.
fn closed(schema: &Value, document: &Value) -> Value {
    fn close(value: &mut Value) {
        if let Some(object) = value.as_object_mut() {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(close);
        } else if let Some(list) = value.as_array_mut() {
            list.iter_mut().for_each(close);
        }
    }
    let mut alone = schema.clone();
    alone["components"] = document["components"].clone();
    close(&mut alone);
    alone
}

/// What is wrong with an answer, by the document.
fn faults(what: &str, operation: &Value, document: &Value, answer: &Answer) -> Vec<String> {
    let status = answer.status.as_u16().to_string();
    let Some(documented) = operation["responses"].get(&status) else {
        return vec![format!("{what}: the status {status} is not documented: {}", answer.text())];
    };
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().trim().to_owned();
    let Some(content) = documented["content"].as_object().filter(|content| !content.is_empty()) else {
        let quiet = answer.body.is_empty();
        return if quiet {
            Vec::new()
        } else {
            vec![format!("{what}: {status} has a body and none is documented")]
        };
    };
    let mut out = Vec::new();
    if !content.contains_key(&kind) {
        let known = content.keys().cloned().collect::<Vec<_>>().join(", ");
        out.push(format!("{what}: {status} is served as {kind:?} and documented as {known}"));
    }
    let schema = content.get(&kind).or_else(|| content.values().next()).map(|media| &media["schema"]);
    if let (Some(schema), true) = (schema, kind.ends_with("json")) {
        let validator = jsonschema::validator_for(&closed(schema, document)).expect("the schema is sound");
        let body = answer.json();
        out.extend(validator.iter_errors(&body).map(|error| {
            format!("{what}: {status}: {error} at {:?} in {}", error.instance_path().to_string(), body)
        }));
    } else {
        out.push(format!("{what}: {status} is no JSON but {kind:?}: {}", answer.text()));
    }
    out
}

/// Catches: a document that generators and clients cannot use, whatever is served.
#[test]
fn the_openapi_document_is_sound() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir.path(), CONFIGURATION, any, any);
    let document = document(&centre.client);
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document["openapi"]
    );
    let (mut faults, mut names) = (Vec::new(), HashSet::new());
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}");
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        if !names.insert(name.clone()) {
            faults.push(format!("{what}: the operationId {name:?} is used twice"));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let in_the_path = path.contains(&format!("{{{name}}}"));
            if in_the_path != (parameter["in"] == "path") {
                faults.push(format!(
                    "{what}: the parameter {name} is documented as part of the {}",
                    parameter["in"]
                ));
            }
            if parameter["in"] != "path" && name != "series" && parameter["required"] == true {
                faults.push(format!("{what}: the parameter {name} is documented as required"));
            }
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let content = response["content"].as_object();
            let kinds: Vec<&String> = content.into_iter().flat_map(|c| c.keys()).collect();
            if status.starts_with('4') && kinds != ["application/problem+json"] {
                faults.push(format!("{what}: {status} is documented as {kinds:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Catches: a field that is renamed, missing, of another type or not documented, on any path, granted or not.
#[test]
fn every_answer_fits_the_openapi_document() {
    let dir = tempfile::tempdir().expect("a folder");
    let (centre, _agent) = at_work(dir.path(), CONFIGURATION);
    let (anybody, admin) = (&centre.client, centre.admin());
    centre.account("amal", "viewer", "long enough for anybody");
    let _ = centre.token("one", "gateway", "branch-1");
    wait::until_true("a notice stands", Duration::from_secs(20), || {
        anybody.json("/api/v1/notices")["items"].as_array().is_some_and(|all| !all.is_empty())
    });
    let document = document(anybody);
    let operation = |method: &str, path: &str| {
        let found = document["paths"][path][method].clone();
        assert!(found.is_object(), "{method} {path} is not documented");
        found
    };
    let mut all = Vec::new();
    let mut look = |path: &str, request: &str, client: &Client, status: u16| {
        let answer = client.get(request);
        if answer.status.as_u16() == status {
            all.extend(faults(&format!("GET {request}"), &operation("get", path), &document, &answer));
        } else {
            all.push(format!("GET {request}: {} instead of {status}: {}", answer.status, answer.text()));
        }
    };
    let entity = "/api/v1/entities/{kind}/{id}";
    let history = "/api/v1/history";
    look("/api/v1/events", "/api/v1/events?limit=1000", anybody, 200);
    look("/api/v1/events", "/api/v1/events?limit=0", anybody, 400);
    let lists = ["entities", "notices", "agents", "accounting", "tokens", "accounts", "audit"];
    for list in lists.map(|name| format!("/api/v1/{name}")) {
        look(&list, &list, &admin, 200);
    }
    for filtered in ["kind=target", "site=one", "health=ok", "kind=nothing"] {
        look("/api/v1/entities", &format!("/api/v1/entities?{filtered}"), anybody, 200);
    }
    look("/api/v1/audit", "/api/v1/audit?limit=1&before=2", &admin, 200);
    look("/api/v1/accounting", "/api/v1/accounting?agent=branch-1", anybody, 200);
    let listed = anybody.json("/api/v1/entities");
    for found in listed["items"].as_array().expect("a list") {
        let (kind, id) = (found["kind"].as_str().expect("a kind"), found["id"].as_str().expect("an id"));
        look(entity, &format!("/api/v1/entities/{kind}/{}", wasl_tests::client::encoded(id)), anybody, 200);
    }
    let series = wasl_tests::client::encoded("target/self#rtt_p50@branch-1");
    for more in ["", "&from=0", "&step=60000", "&from=1&to=2"] {
        look(history, &format!("{history}?series={series}{more}"), anybody, 200);
    }

    let link = "/api/v1/links/{id}";
    look("/api/v1/links", "/api/v1/links", anybody, 200);
    look(link, "/api/v1/links/line", anybody, 200);
    look(&format!("{link}/months"), "/api/v1/links/line/months", anybody, 200);
    look(&format!("{link}/months"), "/api/v1/links/line/months?months=2", anybody, 200);
    let csv = anybody.get("/api/v1/links/line/report.csv?month=2026-01");
    assert_eq!((csv.status.as_u16(), csv.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(csv.text().starts_with("part,item,value,unit,from,until\r\nreport,link,line,"), "{}", csv.text());
    for page in ["/links", "/entities/link/line", "/links/line/report?month=2026-01", "/links/line/report"] {
        assert_eq!(anybody.get(page).status.as_u16(), 200, "{page}");
    }
    assert_eq!(anybody.get("/links/nothing/report").status.as_u16(), 404);

    // The same on the command line.
    let months = centre.wasl(&["link", "line", "--months=2", "--json"]);
    let listed: Value = serde_json::from_slice(&months.stdout).expect("one document");
    assert_eq!((months.status.code(), &listed["schema"]), (Some(0), &"wasl.link_months.v1".into()));
    assert!(
        listed["items"][0]["zone"] == "Asia/Hebron" && listed["items"][0]["promises"].is_array(),
        "{listed:#}"
    );
    let table = centre.wasl(&["link", "line", "--months"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.starts_with("MONTH") && table.contains(" so far"), "{table}");
    let printed = centre.wasl(&["link", "line", "--report", "2026-01"]);
    assert!(printed.stdout.starts_with(b"part,item,value,unit,from,until\r\nreport,link,line,"));
    for (wrong, code, word) in [
        (["link", "line", "--report", "soon"], 2, "write it as YYYY-MM"),
        (["link", "nothing", "--report", "2026-01"], 1, "there is no link"),
    ] {
        let refused = centre.wasl(&wrong);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(code) && said.contains(word), "{wrong:?}: {said}");
    }

    // What is not granted.
    look(link, "/api/v1/links/nothing", anybody, 404);
    look(&format!("{link}/months"), "/api/v1/links/line/months?months=0", anybody, 400);
    look(&format!("{link}/report.csv"), "/api/v1/links/line/report.csv?month=soon", anybody, 400);
    look(&format!("{link}/report.csv"), "/api/v1/links/nothing/report.csv", anybody, 404);
    look(entity, "/api/v1/entities/target/nothing", anybody, 404);
    look(entity, "/api/v1/entities/nonsense/x", anybody, 404);
    look(
        history,
        &format!("{history}?series={}", wasl_tests::client::encoded("target/none#loss@branch-1")),
        anybody,
        404,
    );
    look(history, &format!("{history}?series=nonsense"), anybody, 400);
    look(history, history, anybody, 400);
    look(history, &format!("{history}?series={series}&from=yesterday"), anybody, 400);
    look(history, &format!("{history}?series={series}&from=2&to=1"), anybody, 400);
    look("/api/v1/accounting", "/api/v1/accounting?agent=%20", anybody, 400);
    for list in ["tokens", "accounts", "audit"] {
        look(&format!("/api/v1/{list}"), &format!("/api/v1/{list}"), anybody, 403);
    }
    let stranger = anybody.with("authorization", "Bearer wrong");
    for (path, method, _) in operations(&document) {
        if method == "get" {
            let request = path.replace("{kind}", "target").replace("{id}", "self");
            let request = if path == history { format!("{request}?series={series}") } else { request };
            look(&path, &request, &stranger, 401);
        }
    }
    for (path, body, status) in [
        ("/api/v1/tokens", json!({ "site": "one", "role": "gateway" }), 200),
        ("/api/v1/tokens", json!({ "site": "nowhere", "role": "gateway" }), 400),
        ("/api/v1/tokens", json!({ "site": "one", "role": "king" }), 400),
        ("/api/v1/tokens", json!({ "site": 1 }), 400),
        (
            "/api/v1/accounts",
            json!({ "name": "amal", "role": "viewer", "password": "long enough for anybody" }),
            409,
        ),
        ("/api/v1/accounts", json!({ "name": "omar", "role": "viewer", "password": "short" }), 400),
        ("/api/v1/accounts", json!([]), 400),
    ] {
        let (what, answer) = (format!("POST {path} {body}"), admin.post(path, &body));
        if answer.status.as_u16() == status {
            all.extend(faults(&what, &operation("post", path), &document, &answer));
        } else {
            all.push(format!("{what}: {} instead of {status}: {}", answer.status, answer.text()));
        }
    }
    let nothing = anybody.get("/api/v1/nothing");
    if nothing.status.as_u16() != 404 || nothing.header("content-type") != "application/problem+json" {
        all.push(format!("GET /api/v1/nothing: {} as {:?}", nothing.status, nothing.header("content-type")));
    }
    let missing = admin.post("/api/v1/agents/nobody/revoke", &json!({}));
    all.extend(faults(
        "POST revoke nobody",
        &operation("post", "/api/v1/agents/{id}/revoke"),
        &document,
        &missing,
    ));
    assert_eq!(missing.status.as_u16(), 404);
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}

/// Catches: a controller whose configuration closes loopback and that answers all the same.
#[test]
fn with_loopback_closed_nothing_is_told_without_a_login() {
    let dir = tempfile::tempdir().expect("a folder");
    let closed = CONFIGURATION.replace("sites:", "controller: { loopback_role: none }\nsites:");
    let (centre, _agent) = at_work(dir.path(), &closed);
    for path in ["/api/v1/entities", "/api/v1/agents", "/api/v1/notices", "/api/v1/events", "/metrics"] {
        let answer = centre.client.get(path);
        assert_eq!(answer.status.as_u16(), 401, "{path}: {}", answer.text());
        assert_eq!(answer.json()["code"], "login");
    }
    let page = centre.client.get("/");
    assert!(page.status.is_redirection() && page.header("location").starts_with("/login"), "{}", page.status);
    for open in ["/healthz", "/readyz", "/login", "/static/app.css"] {
        assert_eq!(centre.client.get(open).status.as_u16(), 200, "{open}");
    }
}
