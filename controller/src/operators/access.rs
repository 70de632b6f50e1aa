//! Who is asking, and what that person may do.
//!
//! In this order: a bearer token (an API token, or the token of this machine's own commands), the
//! cookie of a login, and on loopback whoever is on this machine, as far as the configuration allows.
//! A request whose `Host` is not this machine's name is refused on loopback, so that a page of
//! somebody else's cannot use a browser here to read what it may not.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use wasl_model::UserRole;
use wasl_settings::LoopbackRole;
use wasl_store::{Account, WebSession};

use super::Operators;
use super::accept::Arrival;
use super::problem::Problem;
use crate::people::digest_of;
use crate::time::now;

/// The cookie of a login.
pub(super) const COOKIE: &str = "wasl_session";
/// How long a login lasts without use, and at most.
pub(super) const IDLE: Duration = Duration::from_secs(12 * 3600);
/// Who is asking.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// Nobody that we know.
    Nobody,
    /// Somebody on this machine who did not log in.
    Loopback,
    /// A command of the user that runs the controller.
    Cli,
    /// A script with an API token of this account.
    Script(Account, UserRole),
    /// A person who logged in.
    Person(Account, WebSession),
}

impl Who {
    /// What they may do, if they may do anything.
    pub(super) fn role(&self) -> Option<UserRole> {
        match self {
            Self::Nobody => None,
            Self::Loopback => Some(UserRole::Viewer),
            Self::Cli => Some(UserRole::Admin),
            Self::Script(_, role) => Some(*role),
            Self::Person(account, _) => Some(account.role),
        }
    }

    /// The name in the audit log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Nobody => "nobody".into(),
            Self::Loopback => "this machine".into(),
            Self::Cli => "command line".into(),
            Self::Script(account, _) => format!("{} (script)", account.name),
            Self::Person(account, _) => account.name.clone(),
        }
    }
}

/// Finds out who is asking and passes it on with the request.
pub(super) async fn identify(
    State(operators): State<Operators>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = request.extensions().get::<Arrival>().copied();
    let Some(arrival) = arrival else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if !arrival.tls && !host_is_local(request.headers(), request.uri().host()) {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "This address answers for this machine's own name only. Use http://localhost or http://127.0.0.1, \
             or let a reverse proxy on this machine set the Host header.\n",
        )
            .into_response();
    }
    match who(&operators, request.headers(), arrival).await {
        Ok(who) => {
            if let Who::Person(_, session) = &who
                && changes_something(request.method())
                && !is_own_form(request.headers(), session, request.uri().path())
            {
                return Problem::forbidden(
                    "csrf",
                    "a change needs the X-CSRF-Token header of your login; reload the page",
                )
                .into_response();
            }
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(error) => Problem::internal("finding out who is asking", &error).into_response(),
    }
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Forms carry their token in the body and check it themselves; everything else carries a header.
fn is_own_form(headers: &HeaderMap, session: &WebSession, path: &str) -> bool {
    let given = headers.get("x-csrf-token").map_or(&b""[..], |v| v.as_bytes());
    is_form(path) || wasl_pki::secret::same_secret(given, session.csrf.as_bytes())
}

async fn who(operators: &Operators, headers: &HeaderMap, arrival: Arrival) -> Result<Who, wasl_store::Error> {
    let now = now();
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let bearer = given.to_str().ok().and_then(|v| v.strip_prefix("Bearer "));
        let Some(bearer) = bearer else { return Ok(Who::Nobody) };
        let hash = digest_of(bearer);
        if operators.people.is_cli(&hash) && arrival.own {
            return Ok(Who::Cli);
        }
        let Some(token) = operators.store.api_token(&hash).await? else { return Ok(Who::Nobody) };
        if token.expires.is_some_and(|end| end <= now) {
            return Ok(Who::Nobody);
        }
        let owner = operators.store.account(token.account).await?.filter(|a| a.disabled.is_none());
        if token.last_used.is_none_or(|at| at.plus(Duration::from_secs(60)) < now) {
            operators.store.touch_api_token(&hash, now).await?;
        }
        return Ok(owner.map_or(Who::Nobody, |owner| {
            let role = if owner.role.includes(token.role) { token.role } else { UserRole::Viewer };
            Who::Script(owner, role)
        }));
    }
    if let Some(cookie) = cookie(headers, COOKIE) {
        let hash = digest_of(cookie);
        if let Some(session) = operators.store.session(&hash).await?.filter(|s| s.expires > now)
            && let Some(account) =
                operators.store.account(session.account).await?.filter(|a| a.disabled.is_none())
        {
            if session.seen.plus(Duration::from_secs(60)) < now {
                operators.store.touch_session(&hash, now, now.plus(IDLE)).await?;
            }
            return Ok(Who::Person(account, session));
        }
    }
    let settings = operators.intent.settings();
    if !arrival.tls
        && arrival.from.ip().is_loopback()
        && settings.controller().loopback_role == LoopbackRole::Viewer
    {
        return Ok(Who::Loopback);
    }
    Ok(Who::Nobody)
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn host_is_local(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let given = headers.get(header::HOST).and_then(|v| v.to_str().ok()).or(authority);
    let Some(given) = given else { return false };
    let name = match given.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => given.rsplit_once(':').map_or(given, |(host, _)| host),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Somebody who may at least look.
pub(super) struct Viewer;
/// Somebody who looks after what is broken.
pub(super) struct Technician(pub Who);
/// Somebody who may enrol agents and change what is driven.
pub(super) struct Engineer(pub Who);
/// Somebody who may manage accounts and identities.
pub(super) struct Admin(pub Who);

/// Forms of the pages bring the token in a field and check it themselves: a form cannot set a header.
fn is_form(path: &str) -> bool {
    matches!(path, "/login" | "/logout")
        || (path.starts_with("/incidents/") && path.ends_with("/acknowledge"))
}

fn allow(parts: &Parts, needed: UserRole) -> Result<Who, Problem> {
    let who = parts.extensions.get::<Who>().cloned().unwrap_or(Who::Nobody);
    match who.role() {
        Some(role) if role.includes(needed) => Ok(who),
        Some(role) => Err(Problem::forbidden(
            "role",
            format!("this needs the role {needed}, and you have the role {role}; ask an administrator"),
        )),
        None => Err(Problem::unauthorised()),
    }
}

macro_rules! extractor {
    ($($name:ident needs $role:ident;)*) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;
            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                allow(parts, UserRole::$role).map(Self)
            }
        }
    )*};
}

extractor!(Technician needs Technician; Engineer needs Engineer; Admin needs Admin;);

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        allow(parts, UserRole::Viewer).map(|_| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_this_machines_own_names_are_answered_on_loopback() {
        for good in
            ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "[::1]", "LOCALHOST:1"]
        {
            assert!(host_is_local(&headers(header::HOST, good), None), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example:8080", "192.0.2.1", "[2001:db8::1]:80", "", "::1"]
        {
            assert!(!host_is_local(&headers(header::HOST, bad), None), "{bad}");
        }
        assert!(!host_is_local(&HeaderMap::new(), None));
        assert!(host_is_local(&HeaderMap::new(), Some("localhost")), "HTTP/2 has no Host header");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let jar = headers(header::COOKIE, "x_wasl_session=no; wasl_session=yes; a=b");
        assert_eq!(cookie(&jar, COOKIE), Some("yes"));
        assert_eq!(cookie(&jar, "missing"), None);
    }
}
