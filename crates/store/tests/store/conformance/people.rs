//! Agents and their tokens, accounts of people, and the audit log.

use std::sync::Arc;

use wasl_model::{AgentRole, Timestamp, UserRole};
use wasl_store::{
    Account, AgentFacts, AgentRecord, ApiToken, AuditEvent, EnrolToken, NewAccount, Redemption, Store,
    WebSession,
};

use crate::fixtures::*;

fn token(hash: u8) -> EnrolToken {
    EnrolToken {
        hash: [hash; 32],
        site: "jenin".parse().expect("a name"),
        role: AgentRole::Gateway,
        agent_name: Some(agent("jenin-gw")),
        created: Timestamp(START),
        expires: Timestamp(START + HOUR),
        created_by: "muna".into(),
        used: None,
    }
}

pub(crate) async fn a_token_is_redeemed_exactly_once(place: &impl Place) {
    let store: Arc<dyn Store> = Arc::from(place.open().await);
    store.create_token(&token(1)).await.expect("kept");
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        let name = agent(&format!("pc-{n}"));
        tries.spawn(async move {
            let redemption = store.redeem_token(&[1; 32], &name, Timestamp(START)).await;
            (name, redemption.expect("an answer"))
        });
    }
    let mut winner = None;
    let mut seen = Vec::new();
    while let Some(done) = tries.join_next().await {
        match done.expect("no panic") {
            (name, Redemption::Redeemed(token)) => {
                assert_eq!(token.used, Some((Timestamp(START), name.clone())));
                assert!(winner.replace(name).is_none(), "redeemed twice");
            }
            (_, Redemption::Used(token)) => seen.push(token.used.expect("by somebody").1),
            (_, other) => panic!("{other:?}"),
        }
    }
    let winner = winner.expect("redeemed once");
    assert_eq!(seen, vec![winner; 19]);
}

pub(crate) async fn a_token_says_why_it_is_refused(place: &impl Place) {
    let store = place.open().await;
    let gw = agent("jenin-gw");
    store.create_token(&token(1)).await.expect("kept");
    assert!(store.create_token(&token(1)).await.is_err(), "a digest is unique");
    assert_eq!(store.token(&[1; 32]).await.expect("read"), Some(token(1)));
    let late = store.redeem_token(&[1; 32], &gw, Timestamp(START + HOUR)).await;
    assert_eq!(late.expect("an answer"), Redemption::Expired);
    let unknown = store.redeem_token(&[2; 32], &gw, Timestamp(START)).await;
    assert_eq!(unknown.expect("an answer"), Redemption::Unknown);
    assert_eq!(store.token(&[1; 32]).await.expect("read"), Some(token(1)), "not used up by that");
    store.redeem_token(&[1; 32], &gw, Timestamp(START)).await.expect("an answer");
    assert!(!store.delete_token(&[1; 32]).await.expect("an answer"), "a used one is evidence");
    store.create_token(&token(3)).await.expect("kept");
    assert!(store.delete_token(&[3; 32]).await.expect("an answer"));
    assert_eq!(store.tokens().await.expect("read").len(), 1);
}

fn record(name: &str, serial: &str) -> AgentRecord {
    AgentRecord {
        id: agent(name),
        site: "jenin".parse().expect("a name"),
        role: AgentRole::Server,
        serial: serial.into(),
        previous_serial: None,
        not_after: Timestamp(START + 30 * DAY),
        enrolled: Timestamp(START),
        last_seen: None,
        facts: AgentFacts::default(),
        revoked: None,
    }
}

pub(crate) async fn an_agent_whose_renewal_answer_was_lost_can_renew_again(place: &impl Place) {
    let store = place.open().await;
    let id = agent("s1");
    store.enrol_agent(&record("s1", "a")).await.expect("kept");
    let renew = async |using: &str, serial: &str| {
        let until = Timestamp(START + 60 * DAY);
        store.renew_agent(&id, using, serial, until).await.expect("an answer")
    };
    assert!(renew("a", "b").await);
    // The answer was lost: the agent still has "a".
    assert!(renew("a", "c").await);
    let kept = store.agent(&id).await.expect("read").expect("known");
    assert_eq!((kept.serial.as_str(), kept.previous_serial.as_deref()), ("c", Some("a")));
    assert!(kept.accepts("c") && kept.accepts("a") && !kept.accepts("b"));
    assert_eq!(kept.not_after, Timestamp(START + 60 * DAY));
    assert!(renew("c", "d").await);
    assert!(!renew("a", "e").await, "replaced by now");

    assert!(store.revoke_agent(&id, Timestamp(START + DAY), "stolen").await.expect("an answer"));
    assert!(!store.revoke_agent(&id, Timestamp(START + DAY), "again").await.expect("an answer"));
    assert!(!renew("d", "f").await, "revoked");
    let kept = store.agent(&id).await.expect("read").expect("known");
    assert_eq!(kept.revoked, Some((Timestamp(START + DAY), "stolen".into())));
    assert!(!kept.accepts("d"));
    let mut revoked: Vec<String> =
        store.revoked_serials().await.expect("read").into_iter().map(|r| r.serial).collect();
    revoked.sort();
    assert_eq!(revoked, ["c", "d"]);
    assert!(!store.revoke_agent(&agent("nobody"), Timestamp(0), "").await.expect("an answer"));
}

pub(crate) async fn an_agent_that_enrols_anew_loses_its_old_certificates(place: &impl Place) {
    let store = place.open().await;
    store.enrol_agent(&record("s1", "a")).await.expect("kept");
    store.enrol_agent(&record("s0", "z")).await.expect("kept");
    store.revoke_agent(&agent("s1"), Timestamp(START), "lost").await.expect("an answer");
    let anew = record("s1", "b");
    store.enrol_agent(&anew).await.expect("kept");
    let facts = AgentFacts {
        version: "1".into(),
        os: "Debian 12".into(),
        kernel: "6.1".into(),
        arch: "x86_64".into(),
    };
    assert!(store.agent_seen(&anew.id, Timestamp(START + 1), &facts).await.expect("an answer"));
    assert!(!store.agent_seen(&agent("no"), Timestamp(0), &facts).await.expect("an answer"));
    let seen = AgentRecord { last_seen: Some(Timestamp(START + 1)), facts, ..anew };
    assert_eq!(store.agents().await.expect("read"), [record("s0", "z"), seen.clone()]);
    store.agents_seen(&[], Timestamp(START + 2)).await.expect("nobody is here");
    store.agents_seen(&[agent("no"), seen.id.clone()], Timestamp(START + 3)).await.expect("kept");
    let later = AgentRecord { last_seen: Some(Timestamp(START + 3)), ..seen };
    assert_eq!(
        store.agents().await.expect("read"),
        [record("s0", "z"), later],
        "what it said of itself stays"
    );
    let revoked = store.revoked_serials().await.expect("read");
    assert_eq!(revoked.len(), 1);
    assert_eq!(
        (revoked[0].serial.as_str(), revoked[0].reason.as_str()),
        ("a", "lost"),
        "the first reason stays"
    );
}

pub(crate) async fn accounts_sessions_and_tokens_come_back_as_they_were_kept(place: &impl Place) {
    let store = place.open().await;
    let new = NewAccount {
        name: "muna".into(),
        password_hash: "$argon2id$".into(),
        role: UserRole::Engineer,
        sites: vec!["jenin".parse().expect("a name"), "nablus".parse().expect("a name")],
        created: Timestamp(START),
    };
    let id = store.create_account(&new).await.expect("made").expect("a free name");
    assert_eq!(store.create_account(&new).await.expect("an answer"), None, "the name is taken");
    let mut account = Account {
        id,
        name: new.name,
        password_hash: new.password_hash,
        role: new.role,
        sites: new.sites,
        created: new.created,
        disabled: None,
        failed_logins: 0,
        locked_until: None,
    };
    assert_eq!(store.account(id).await.expect("read").as_ref(), Some(&account));
    account.sites.clear();
    account.disabled = Some(Timestamp(5));
    assert!(store.update_account(&account).await.expect("an answer"));
    assert_eq!(store.login_failed(id).await.expect("counted"), 1);
    assert_eq!(store.login_failed(id).await.expect("counted"), 2);
    store.lock_account(id, Timestamp(9)).await.expect("locked");
    account.failed_logins = 2;
    account.locked_until = Some(Timestamp(9));
    assert_eq!(store.account_by_name("muna").await.expect("read").as_ref(), Some(&account));
    assert_eq!(store.account_by_name("Muna").await.expect("read"), None);
    store.login_succeeded(id).await.expect("noted");
    account.failed_logins = 0;
    account.locked_until = None;
    assert_eq!(store.accounts().await.expect("read"), [account]);

    let session = |n: u8, expires: i64| WebSession {
        token_hash: [n; 32],
        account: id,
        csrf: format!("c{n}"),
        created: Timestamp(1),
        seen: Timestamp(1),
        expires: Timestamp(expires),
    };
    for n in 1..=4 {
        store.create_session(&session(n, 10 * i64::from(n))).await.expect("kept");
    }
    store.touch_session(&[1; 32], Timestamp(7), Timestamp(70)).await.expect("noted");
    let touched = WebSession { seen: Timestamp(7), ..session(1, 70) };
    assert_eq!(store.session(&[1; 32]).await.expect("read"), Some(touched));
    assert_eq!(store.purge_sessions(Timestamp(21)).await.expect("purged"), 1);
    assert!(store.delete_session(&[3; 32]).await.expect("an answer"));
    assert_eq!(store.delete_sessions_of(id, Some(&[4; 32])).await.expect("ended"), 1);
    assert_eq!(store.session(&[4; 32]).await.expect("read"), Some(session(4, 40)));
    assert_eq!(store.delete_sessions_of(id, None).await.expect("ended"), 1);

    let mut token = ApiToken {
        hash: [9; 32],
        name: "grafana".into(),
        account: id,
        role: UserRole::Viewer,
        created: Timestamp(START),
        expires: None,
        last_used: None,
    };
    store.create_api_token(&token).await.expect("kept");
    store.touch_api_token(&[9; 32], Timestamp(3)).await.expect("noted");
    token.last_used = Some(Timestamp(3));
    assert_eq!(store.api_token(&[9; 32]).await.expect("read").as_ref(), Some(&token));
    assert_eq!(store.api_tokens(Some(id + 1)).await.expect("read"), []);
    assert_eq!(store.api_tokens(None).await.expect("read"), [token]);
    assert!(store.delete_api_token(&[9; 32]).await.expect("an answer"));
    assert!(!store.delete_api_token(&[9; 32]).await.expect("an answer"));
}

pub(crate) async fn the_audit_log_is_read_page_by_page(place: &impl Place) {
    let store = place.open().await;
    let event = |n: i64| AuditEvent {
        at: Timestamp(n),
        actor: "muna".into(),
        action: "agent.revoke".into(),
        object: "s1".into(),
        outcome: "ok".into(),
        detail: format!("{n}"),
    };
    for n in 0..5 {
        store.append_audit(&event(n)).await.expect("written");
    }
    let newest = store.audit_page(None, 2).await.expect("read");
    assert_eq!(newest.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), [event(4), event(3)]);
    let rest = store.audit_page(Some(newest[1].id), 10).await.expect("read");
    assert_eq!(rest.iter().map(|e| e.event.at.0).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(store.audit_page(Some(rest[2].id), 10).await.expect("read"), []);
}
