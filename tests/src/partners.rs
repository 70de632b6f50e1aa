//! Institutions behind a branch's gateway, and the traffic that they make.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::net::Place;
use crate::wait;

/// The headers of IPv4 and UDP, in bytes.
const HEADERS: u64 = 28;
/// The data of a packet, in bytes.
const DATA: usize = 1000;

/// Traffic of packets at an even pace, until this is dropped. Nobody need listen to it.
pub struct Traffic {
    sent: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Traffic {
    /// Lets `place` send so many bits per second, of whole IP packets, to `to`.
    pub fn start(place: &Place, to: Ipv4Addr, bits_per_second: u64) -> Self {
        let (sent, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (sent.clone(), over.clone());
        let sender = place.start_thread(move || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
            let to = SocketAddr::from((to, 9));
            let data = [0; DATA];
            let packet = DATA as u64 + HEADERS;
            let begun = Instant::now();
            while !end.load(Ordering::Relaxed) {
                let due = begun.elapsed().as_micros() * u128::from(bits_per_second) / 8_000_000;
                while u128::from(count.load(Ordering::Relaxed)) < due {
                    // Where nobody listens an earlier packet's answer may say so.
                    if socket.send_to(&data, to).is_ok() {
                        count.fetch_add(packet, Ordering::Relaxed);
                    }
                }
                wait::during(Duration::from_millis(5), || {});
            }
        });
        Self { sent, over, sender: Some(sender) }
    }

    /// The bytes of whole IP packets that were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn end(self) {}
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}
