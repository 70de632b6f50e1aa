use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use wasl_model::health::{Health, Proof};
use wasl_model::{
    AgentRole, BackupOutcome, EntityKind, EventCode, IncidentEvent, IncidentSeverity, NoticeCode,
    ProbeMethod, Severity, Subject, UserRole, series,
};

use super::*;
use crate::paint::incidents::event_word;

/// The keys of a language and the source of each text.
fn sources(files: &[(&str, &'static str)]) -> BTreeMap<&'static str, &'static str> {
    let mut found = BTreeMap::new();
    for (_, text) in files {
        let mut starts: Vec<usize> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                starts.push(at);
            }
            at += line.len();
        }
        starts.push(text.len());
        for pair in starts.windows(2) {
            let message = &text[pair[0]..pair[1]];
            let (key, body) = message.split_once(" =").expect("key = text");
            found.insert(key, body);
        }
    }
    found
}

/// The names after each `$`.
fn variables(body: &str) -> BTreeSet<&str> {
    body.split('$')
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

/// One event of each kind.
fn events() -> [IncidentEvent; 10] {
    let subject = Subject::lenient(EntityKind::Target, "t");
    let (health, reason) = (Health::Down, Reason::new("target_silent"));
    [
        IncidentEvent::Opened { health, reason: reason.clone() },
        IncidentEvent::Changed { health, reason },
        IncidentEvent::Joined { subject: subject.clone() },
        IncidentEvent::Left { subject },
        IncidentEvent::Flapping { changes: 6 },
        IncidentEvent::Absorbed { incident: 1 },
        IncidentEvent::MergedInto { incident: 1 },
        IncidentEvent::Acknowledged { by: String::new(), note: String::new() },
        IncidentEvent::Maintenance { maintenance: 1 },
        IncidentEvent::Ended,
    ]
}

/// The words of the model that have a text each: family, then words.
fn families() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    fn coded<T>(from_code: fn(u32) -> Option<T>, word: fn(T) -> &'static str) -> BTreeSet<&'static str> {
        (0..200).filter_map(from_code).map(word).collect()
    }
    let kinds: BTreeSet<_> = EntityKind::ALL.iter().map(|k| k.as_str()).collect();
    let notices = coded(NoticeCode::from_code, NoticeCode::as_str);
    let statuses: BTreeSet<_> = ["400", "401", "403", "404", "405", "413", "429", "500", "503"].into();
    BTreeMap::from([
        ("health", Health::ALL.iter().map(|h| h.as_str()).collect()),
        ("proof", [Proof::Proved, Proof::Due, Proof::None, Proof::Failed].map(Proof::as_str).into()),
        ("severity", coded(Severity::from_code, Severity::as_str)),
        ("incident-severity", IncidentSeverity::ALL.map(IncidentSeverity::as_str).into()),
        ("event", events().iter().map(event_word).collect()),
        ("role", AgentRole::ALL.iter().map(|r| r.as_str()).collect()),
        ("user-role", UserRole::ALL.iter().map(|r| r.as_str()).collect()),
        ("kind", kinds.clone()),
        ("kinds", kinds),
        ("method", coded(ProbeMethod::from_code, ProbeMethod::as_str)),
        ("outcome", coded(BackupOutcome::from_code, BackupOutcome::as_str)),
        ("notice", notices.clone()),
        ("remedy", notices),
        (
            "field",
            EntityKind::ALL.iter().flat_map(|kind| series::fields(*kind)).map(|(name, _)| *name).collect(),
        ),
        ("reason", REASONS.iter().copied().chain(["unlisted"]).collect()),
        ("occurrence", coded(EventCode::from_code, EventCode::as_str)),
        ("promise", ["kept", "broken", "open", "none"].into()),
        ("promise-text", ["kept", "broken", "open", "none"].into()),
        ("direction", ["down", "up"].into()),
        ("irregular", ["late", "duplicates", "reordered", "forged", "voided"].into()),
        ("activity", ["primary", "backup", "standby"].into()),
        ("error-title", statuses.clone()),
        ("error-todo", statuses),
    ])
}

fn read_all(folder: &Path, extension: &str, out: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of this crate").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) && !path.ends_with("tests.rs") {
            out.push_str(&fs::read_to_string(&path).expect("readable"));
        }
    }
}

#[test]
fn both_languages_have_the_same_keys_and_variables() {
    let (english, arabic) = (sources(&ENGLISH), sources(&ARABIC));
    assert_eq!(english.keys().collect::<Vec<_>>(), arabic.keys().collect::<Vec<_>>());
    for (key, body) in &english {
        assert_eq!(variables(body), variables(arabic[key]), "variables of {key}");
    }
}

#[test]
fn every_key_is_used_and_every_used_key_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    read_all(&root.join("templates"), "html", &mut code);
    read_all(&root.join("src"), "rs", &mut code);
    let keys: BTreeSet<String> = sources(&ENGLISH).keys().map(|k| (*k).to_owned()).collect();
    let worded: BTreeSet<String> = families()
        .iter()
        .flat_map(|(family, words)| words.iter().map(move |word| format!("{family}-{word}")))
        .collect();
    for key in &worded {
        assert!(keys.contains(key), "no text for {key}");
    }
    for key in keys.difference(&worded) {
        assert!(code.contains(&format!("\"{key}\"")), "nothing shows {key}");
    }
    for call in ["p.t(\"", "p.tn(\"", "self.t(\""] {
        for rest in code.split(call).skip(1) {
            let key = rest.split('"').next().unwrap_or_default();
            assert!(keys.contains(key), "{key} is shown, but has no text");
        }
    }
}

#[test]
fn every_arabic_choice_has_all_six_plural_forms() {
    for (key, body) in sources(&ARABIC) {
        if body.contains("->") {
            for form in ["[zero]", "[one]", "[two]", "[few]", "[many]", "*[other]"] {
                assert!(body.contains(form), "{key} lacks {form}");
            }
        }
    }
}

#[test]
fn every_text_resolves() {
    let texts = Texts::new();
    for (key, body) in sources(&ENGLISH) {
        for lang in Lang::ALL {
            for n in [0, 1, 2, 3, 11, 100] {
                let args: Vec<(&str, Arg<'_>)> = variables(body)
                    .into_iter()
                    .map(|name| {
                        let plural = matches!(name, "n" | "days" | "count");
                        (name, if plural { Arg::Number(n) } else { Arg::Text("x") })
                    })
                    .collect();
                let text = texts.get(lang, key, &args);
                assert!(!text.contains(['{', '}', '$']), "{key} in {}: {text}", lang.tag());
                assert!(!text.trim().is_empty(), "{key} in {}", lang.tag());
            }
        }
    }
}

fn bare(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

#[test]
fn arabic_plurals_are_right() {
    let texts = Texts::new();
    let forms = |key: &str, name: &str| {
        [0, 1, 2, 3, 11, 100].map(|n| bare(&texts.get(Lang::Ar, key, &[(name, Arg::Number(n))])))
    };
    assert_eq!(
        forms("sessions", "n"),
        [
            "لا مستخدمين متصلين",
            "مستخدم واحد متصل",
            "مستخدمان متصلان",
            "3 مستخدمين متصلين",
            "11 مستخدمًا متصلًا",
            "100 مستخدم متصل"
        ]
    );
    assert_eq!(forms("snapshots", "n"), ["لا نسخ", "نسخة واحدة", "نسختان", "3 نسخ", "11 نسخة", "100 نسخة"]);
    assert_eq!(
        forms("ago-days", "n"),
        ["اليوم", "قبل يوم", "قبل يومين", "قبل 3 أيام", "قبل 11 يومًا", "قبل 100 يوم"]
    );
    assert_eq!(
        forms("affected", "n"),
        [
            "لا يتأثر به غيره",
            "يتأثر به عنصر واحد",
            "يتأثر به عنصران",
            "تتأثر به 3 عناصر",
            "يتأثر به 11 عنصرًا",
            "يتأثر به 100 عنصر"
        ]
    );
    assert_eq!(
        forms("reason-agent_certificate_ends", "days"),
        [
            "تنتهي الشهادة اليوم",
            "تنتهي الشهادة بعد يوم واحد",
            "تنتهي الشهادة بعد يومين",
            "تنتهي الشهادة بعد 3 أيام",
            "تنتهي الشهادة بعد 11 يومًا",
            "تنتهي الشهادة بعد 100 يوم"
        ]
    );
}

#[test]
fn a_reasons_figures_get_their_units() {
    let texts = Texts::new();
    for (reason, english, arabic) in [
        (Reason::new("target_answers").with("rtt_ms", 18.64), "Answers in 18.6 ms", "يستجيب خلال 18.6 ms"),
        (Reason::new("target_answers").with("rtt_ms", "0.043"), "Answers in 43 µs", "يستجيب خلال 43 µs"),
        (
            Reason::new("target_lossy").with("loss_percent", 2.345),
            "Loses 2.35 % of the probes",
            "فقد 2.35 % من المجسّات",
        ),
        (
            Reason::new("agent_clock_off").with("offset_s", -95).with("limit_s", 2),
            "The clock is 1 min 35 s off; 2.00 s is the limit",
            "انحراف الساعة دقيقة واحدة و35 ثانية، والحد المسموح 2.00 s",
        ),
        (
            Reason::new("backup_stale").with("age_hours", 76).with("limit_hours", 26),
            "The newest is 3 days 4 h old; 1 day 2 h is the limit",
            "عمر أحدث نسخة 3 أيام و4 ساعات، والحد المسموح يوم واحد وساعتان",
        ),
        (
            Reason::new("backup_unreadable").with("outcome", "locked"),
            "The repository could not be read: Repository locked",
            "تعذّرت قراءة المستودع: المستودع مقفل",
        ),
        (
            Reason::new("agent_disconnected").with("since", 1_795_461_631_000i64),
            "Not connected since 2026-11-23 19:20 UTC",
            "غير متصل منذ 2026-11-23 19:20 UTC",
        ),
        (
            Reason::new("agent_spool_dropping").with("count", 1),
            "The spool is full; 1 batch was given up",
            "امتلأ مخزن الانتظار وفُقدت دفعة واحدة",
        ),
        (
            Reason::new("in_maintenance").with("until", 1_795_461_631_000i64),
            "Maintenance until 2026-11-23 19:20 UTC",
            "في صيانة حتى 2026-11-23 19:20 UTC",
        ),
        (Reason::new("interface_errors").with("per_second", 0.25), "0.250 /s errors", "أخطاء بمعدل 0.250 /s"),
    ] {
        assert_eq!(texts.reason(Lang::En, &reason), english);
        assert_eq!(bare(&texts.reason(Lang::Ar, &reason)), arabic);
    }
}

#[test]
fn an_arabic_figure_is_isolated_as_a_whole() {
    let texts = Texts::new();
    let reason = Reason::new("target_answers").with("rtt_ms", 18.64);
    assert_eq!(texts.reason(Lang::Ar, &reason), "يستجيب خلال \u{2068}18.6 ms\u{2069}");
}

#[test]
fn an_unknown_reason_shows_what_it_says_and_cannot_reorder_the_page() {
    let texts = Texts::new();
    let reason = Reason::new("from_the_future").with("name", "a\u{202e}b\u{2069}");
    let english = texts.reason(Lang::En, &reason);
    assert!(english.contains("from_the_future") && english.contains("name=a⟨U+202E⟩b⟨U+2069⟩"), "{english}");
    for lang in Lang::ALL {
        let text = texts.reason(lang, &reason);
        assert!(!text.contains('\u{202e}'));
        assert!(balanced(&text), "{text:?}");
    }
    assert_eq!(
        texts.reason(Lang::En, &Reason::new("target_answers").with("rtt_ms", "soon")),
        "Answers in soon"
    );
}

#[test]
fn what_happened_is_told_with_its_figures_where_they_are_there() {
    let texts = Texts::new();
    let args = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let told = |code: &str, pairs: &[(&str, &str)]| bare(&texts.occurrence(Lang::En, code, &args(pairs)));
    let stranger = [("mac", "02:00"), ("ip", "10.0.0.1"), ("interface", "lab0"), ("site", "jenin")];
    assert_eq!(
        told("unknown_station", &stranger),
        "A station that is on no list: 02:00 with the address 10.0.0.1 on lab0"
    );
    assert_eq!(
        told("unknown_station", &[("site", "jenin"), ("count", "7")]),
        "7 more stations that are on no list, at jenin"
    );
    assert_eq!(
        told("unknown_station", &[("mac", "x")]),
        "More stations speak on the subnet than it has addresses"
    );
    assert_eq!(
        told("unknown_station", &[("subnet", "fd00:7::/64"), ("places", "1024")]),
        "More than 1024 stations speak on the subnet fd00:7::/64; those beyond are not listed"
    );
    assert_eq!(
        told("activity_changed", &[("from", "standby"), ("to", "backup")]),
        "Takes over: from standby to backup, as all primaries between its places are down"
    );
    assert_eq!(told("activity_changed", &[("to", "standby")]), "Waits again: from backup to standby");
    assert_eq!(told("activity_changed", &[]), "Does something else than before");
    assert_eq!(told("gone", &[("name", "Gi0/3")]), "Gone: its device or machine lists it no more");
    assert_eq!(told("address_conflict", &[]), "Two stations have the same address");
    assert_eq!(told("of_a_later_version", &stranger), "of_a_later_version");
    let arabic = texts.occurrence(Lang::Ar, "unknown_station", &args(&stranger));
    assert_eq!(bare(&arabic), "محطة ليست في أي قائمة: 02:00 بالعنوان 10.0.0.1 على lab0");
}
