//! Logging in and out.

use std::time::Instant;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use wasl_pages::view::{LoginError, LoginView};
use wasl_pki::secret::{random_token, same_secret};
use wasl_store::{Account, WebSession};

use super::Operators;
use super::accept::Arrival;
use super::access::{COOKIE, IDLE, Who, cookie};
use super::page::PageContext;
use super::problem::Problem;
use crate::people::digest_of;
use crate::time::now;

/// The cookie that a login form is bound to.
const FORM_COOKIE: &str = "wasl_form";
/// After so many wrong passwords an account rests, and how long.
const WRONG: u32 = 10;
const REST: std::time::Duration = std::time::Duration::from_secs(15 * 60);

pub(super) fn router() -> Router<Operators> {
    Router::new().route("/login", get(form).post(login)).route("/logout", post(logout))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
struct Leaving {
    #[serde(default)]
    csrf: String,
}

async fn form(
    context: PageContext,
    Query(query): Query<Next>,
    Extension(arrival): Extension<Arrival>,
) -> Response {
    show(&context, arrival, &LoginView { next: own_path(&query.next), ..Default::default() })
}

/// The form, bound to this browser by a cookie.
fn show(context: &PageContext, arrival: Arrival, view: &LoginView) -> Response {
    let Ok(token) = random_token() else {
        return Problem::internal_text("the system gives no random numbers").into_response();
    };
    let mut frame = context.frame.clone();
    frame.csrf.clone_from(&token);
    let page = context.painted(|p| wasl_pages::pages::login(p, &frame, view));
    let mut response = page.into_response();
    set_cookie(&mut response, FORM_COOKIE, &token, arrival, Some(3600));
    response
}

async fn login(
    State(operators): State<Operators>,
    context: PageContext,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Result<Response, Problem> {
    let again = |error| {
        let view = LoginView { name: given.name.clone(), error: Some(error), next: own_path(&given.next) };
        Ok(show(&context, arrival, &view))
    };
    let bound = cookie(&headers, FORM_COOKIE).unwrap_or_default();
    if bound.is_empty() || !same_secret(bound.as_bytes(), given.csrf.as_bytes()) {
        return again(LoginError::Expired);
    }
    if !operators.people.may_try(arrival.from.ip(), Instant::now()) {
        return again(LoginError::TooMany(1));
    }
    let failed = |e| Problem::internal("logging in", &e);
    let now = now();
    let account = operators.store.account_by_name(&given.name).await.map_err(failed)?;
    if let Some(until) = account.as_ref().and_then(|a| a.locked_until).filter(|until| *until > now) {
        return again(LoginError::TooMany(until.since(now).as_secs() / 60 + 1));
    }
    let account = account.filter(|a| a.disabled.is_none());
    if !verify(account.as_ref(), given.password).await {
        let name: String = given.name.chars().take(64).collect();
        operators.audit(&name, "login", &name, "refused", &format!("from {}", arrival.from.ip())).await;
        if let Some(account) = account
            && operators.store.login_failed(account.id).await.map_err(failed)? >= WRONG
        {
            operators.store.lock_account(account.id, now.plus(REST)).await.map_err(failed)?;
        }
        return again(LoginError::Refused);
    }
    let Some(account) = account else { return again(LoginError::Refused) };
    // A new session for a new login: whatever cookie the browser had before is worth nothing.
    let token = random_token().map_err(|e| Problem::internal("logging in", &e))?;
    let csrf = random_token().map_err(|e| Problem::internal("logging in", &e))?;
    let session = WebSession {
        token_hash: digest_of(&token),
        account: account.id,
        csrf,
        created: now,
        seen: now,
        expires: now.plus(IDLE),
    };
    operators.store.login_succeeded(account.id).await.map_err(failed)?;
    operators.store.create_session(&session).await.map_err(failed)?;
    operators
        .audit(&account.name, "login", &account.name, "ok", &format!("from {}", arrival.from.ip()))
        .await;
    let mut response = Redirect::to(&own_path(&given.next)).into_response();
    set_cookie(&mut response, COOKIE, &token, arrival, None);
    set_cookie(&mut response, FORM_COOKIE, "", arrival, Some(0));
    Ok(response)
}

async fn logout(
    State(operators): State<Operators>,
    Extension(arrival): Extension<Arrival>,
    Extension(who): Extension<Who>,
    Form(given): Form<Leaving>,
) -> Result<Response, Problem> {
    if let Who::Person(account, session) = who {
        if !same_secret(given.csrf.as_bytes(), session.csrf.as_bytes()) {
            return Err(Problem::forbidden("csrf", "the form is too old; reload the page and log out again"));
        }
        let failed = |e| Problem::internal("logging out", &e);
        operators.store.delete_session(&session.token_hash).await.map_err(failed)?;
        operators.audit(&account.name, "logout", &account.name, "ok", "").await;
    }
    let mut response = Redirect::to("/").into_response();
    set_cookie(&mut response, COOKIE, "", arrival, Some(0));
    Ok(response)
}

/// Checks a password. It takes as long for a name that does not exist, so that names cannot be found
/// by the clock.
async fn verify(account: Option<&Account>, password: String) -> bool {
    let hash = account.map_or_else(|| NOBODY.to_owned(), |a| a.password_hash.clone());
    let exists = account.is_some();
    let right = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    right.await.unwrap_or(false) && exists
}

/// A hash of nobody's password with the default parameters.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A path of this site; anything else leads to the first page.
fn own_path(next: &str) -> String {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n'])
        && next.bytes().all(|b| (0x21..0x7f).contains(&b));
    if own { next.to_owned() } else { "/".to_owned() }
}

fn set_cookie(response: &mut Response, name: &str, value: &str, arrival: Arrival, max_age: Option<u32>) {
    let secure = if arrival.tls { "; Secure" } else { "" };
    let age = max_age.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_only_to_this_site() {
        for own in ["/", "/agents?lang=ar", "/entities/disk/pc//var"] {
            assert_eq!(own_path(own), own);
        }
        for foreign in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:x",
        ] {
            assert_eq!(own_path(foreign), "/", "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn nobodys_hash_can_be_checked_and_never_matches() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!verify(None, String::new()).await);
    }
}
