//! Sends the numbers of recorded batches to a peer by Prometheus remote-write 1.0, so that a benchmark can
//! give the same values, of the same series, with the same times, to Wasl and to its peers.
//!
//! The batches are those that `wasl simulate --batches FILE` kept. Each becomes the points that Wasl's own
//! history would keep of it (`wasl_model::series::points`). All requests are made before the first is sent:
//! the peer never waits for this program.

mod remote_write;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Parser;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use wasl_model::{AgentId, SeriesKey};
use wasl_protocol::batch;

use remote_write::Gathered;

/// Send recorded batches to a peer by remote-write 1.0.
#[derive(Debug, Parser)]
#[command(name = "wasl-bench", version)]
struct Replay {
    /// What `wasl simulate --batches` kept
    #[arg(long, value_name = "FILE")]
    batches: PathBuf,
    /// Where the peer takes them
    #[arg(long, value_name = "URL")]
    url: Uri,
    /// How many moments of each series go into one request
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    moments: u16,
    /// Only so many batches
    #[arg(long, value_name = "N")]
    first: Option<usize>,
    /// About how many samples one request holds
    #[arg(long, value_name = "SAMPLES", default_value_t = 10_000)]
    request: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let replay = Replay::parse();
    let (requests, samples) = replay.requests()?;
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    let begun = Instant::now();
    replay.send(&requests).await?;
    let report = format!(
        "{{ \"requests\": {}, \"samples\": {samples}, \"wire_bytes\": {bytes}, \"seconds\": {:.3} }}\n",
        requests.len(),
        begun.elapsed().as_secs_f64()
    );
    std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes()).context("writing the report")
}

/// A recorded batch: whose, and what.
struct Recorded {
    agent: AgentId,
    body: Vec<u8>,
}

impl Replay {
    /// All requests, in the order of their times, and how many samples they hold.
    fn requests(&self) -> Result<(Vec<Bytes>, u64)> {
        let file =
            std::fs::read(&self.batches).with_context(|| format!("reading {}", self.batches.display()))?;
        let recorded = recorded(&file)?;
        let mut moments = Vec::new();
        for recorded in recorded.iter().take(self.first.unwrap_or(usize::MAX)) {
            let decoded = batch::decode(&recorded.body).context("decoding a batch")?;
            let at = decoded.observations.iter().map(|o| o.at).min();
            moments.push((at, &recorded.agent, &recorded.body));
        }
        // The peers refuse what is older than what they have; agents' backlogs lie one after the other.
        moments.sort_by_key(|(at, ..)| *at);
        let (mut requests, mut samples) = (Vec::new(), 0);
        for group in moments.chunks(usize::from(self.moments)) {
            let mut gathered = Gathered::default();
            for (_, agent, body) in group {
                for observation in batch::decode(body).context("decoding a batch")?.observations {
                    wasl_model::series::points(&observation.value, |field, value| {
                        samples += 1;
                        let key = SeriesKey {
                            subject: observation.subject.clone(),
                            field: field.to_owned(),
                            agent: (*agent).clone(),
                        };
                        gathered.add(key, observation.at.0, value);
                    });
                }
            }
            requests.extend(gathered.requests(self.request));
        }
        Ok((requests, samples))
    }

    async fn send(&self, requests: &[Bytes]) -> Result<()> {
        let authority = self.url.authority().context("the URL names no host")?.as_str();
        let tcp =
            TcpStream::connect(authority).await.with_context(|| format!("connecting to {authority}"))?;
        tcp.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
        let driver = tokio::spawn(connection);
        for body in requests {
            let request = Request::post(self.url.path())
                .header(header::HOST, authority)
                .header(header::CONTENT_TYPE, "application/x-protobuf")
                .header(header::CONTENT_ENCODING, "snappy")
                .header("x-prometheus-remote-write-version", "0.1.0")
                .body(Full::new(body.clone()))?;
            sender.ready().await?;
            let answer = sender.send_request(request).await.context("sending")?;
            let status = answer.status();
            let said = answer.into_body().collect().await?.to_bytes();
            if !status.is_success() {
                bail!("the peer answered {status}: {}", String::from_utf8_lossy(&said));
            }
        }
        driver.abort();
        Ok(())
    }
}

/// The file's form: for each batch the agent's name and the body, each after its length (u32, little-endian).
fn recorded(mut file: &[u8]) -> Result<Vec<Recorded>> {
    let mut all = Vec::new();
    while !file.is_empty() {
        let agent = std::str::from_utf8(part(&mut file)?)?.parse()?;
        all.push(Recorded { agent, body: part(&mut file)?.to_vec() });
    }
    Ok(all)
}

fn part<'a>(file: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, rest) = file.split_first_chunk::<4>().context("the file ends in the middle of a length")?;
    let (part, rest) = rest
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .context("the file ends in the middle of a batch")?;
    *file = rest;
    Ok(part)
}
