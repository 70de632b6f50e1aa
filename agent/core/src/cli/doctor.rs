//! `doctor`: why does this not work? In words, with the next step.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use wasl_pki::tls::SystemClock;
use wasl_pki::{SwappableCertificate, client_config};
use wasl_runtime::chain;

use super::{Place, Program};
use crate::secrets::Secrets;
use crate::state::{Bootstrap, StateDir, StateError};
use crate::uplink::connection::Connection;

/// Why does this not work? In words, with the next step.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub(super) place: Place,
}

impl Doctor {
    pub(super) async fn run(self, program: &Program) -> Result<ExitCode> {
        let mut sick = false;
        let mut tell = |outcome: Result<String, String>| match outcome {
            Ok(text) => super::show(&format!("● {text}\n")),
            Err(text) => {
                sick = true;
                super::show(&format!("■ {text}\n"));
            }
        };
        let state = StateDir::open(&self.place.state)?;
        match state.bootstrap() {
            Ok(bootstrap) => {
                tell(Ok(format!(
                    "this machine is the agent {} of site {} with the role {}",
                    bootstrap.agent, bootstrap.site, bootstrap.role
                )));
                tell(certificate(&state));
                tell(controller(&state, &bootstrap).await);
                tell(spool(&state, program));
                secrets(&state).into_iter().for_each(&mut tell);
                program.examinations.iter().for_each(|examine| tell(examine()));
            }
            Err(error) => tell(Err(chain(&error))),
        }
        Ok(if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn certificate(state: &StateDir) -> Result<String, String> {
    let identity = state.identity().map_err(|e| chain(&e))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    let days = (identity.peer.not_after - now) / 86_400;
    if identity.peer.not_after <= now {
        return Err("the agent's certificate has ended: enrol the machine again with a new token".into());
    }
    if identity.peer.not_before > now {
        return Err("the agent's certificate is not valid yet: this machine's clock is behind".into());
    }
    Ok(format!("its certificate is valid for {days} more days"))
}

async fn controller(state: &StateDir, bootstrap: &Bootstrap) -> Result<String, String> {
    let tls = || -> Result<_, StateError> {
        let certificate = SwappableCertificate::new(state.identity()?.credentials);
        Ok(client_config(&state.authorities()?, Some(&certificate), &["h2"], Arc::new(SystemClock))?)
    };
    let tls = tls().map_err(|e| chain(&e))?;
    match Connection::open(&bootstrap.controller, Arc::new(tls)).await {
        Ok(_) => {
            Ok(format!("the controller at {} can be reached and is the right one", bootstrap.controller))
        }
        Err(error) => Err(format!(
            "the controller at {}: {}; check the address, the route and the firewalls between (TCP)",
            bootstrap.controller,
            chain(&error)
        )),
    }
}

/// Towards which addresses secrets may be used; `None` if every one has a list, or there are none.
fn secrets(state: &StateDir) -> Option<Result<String, String>> {
    let names = match Secrets::new(state.secrets()).unlimited() {
        Ok(names) if names.is_empty() => return None,
        Ok(names) => names,
        Err(error) => return Some(Err(chain(&error))),
    };
    Some(Ok(format!(
        "these secrets may be used towards any address that the controller names: {}; a file NAME.hosts beside one, \
         with the addresses of its devices, limits it to them",
        names.join(", ")
    )))
}

fn spool(state: &StateDir, program: &Program) -> Result<String, String> {
    let found = wasl_spool::inspect(&state.spool()).map_err(|e| chain(&e))?;
    let account = found.accounting;
    if account.dropped.total() > 0 {
        return Err(format!(
            "the spool has given up {} batches; `{} spool` says by which policy",
            account.dropped.total(),
            program.name
        ));
    }
    Ok(format!("the spool holds {} batches that wait, and has lost none", account.pending))
}
