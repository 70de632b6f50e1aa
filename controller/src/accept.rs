//! Accepting connections: bounded in number, and ended with the controller.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open requests may take when the controller ends.
pub const FAREWELL: Duration = Duration::from_secs(3);

/// Hands each connection to `serve`, at most `most` at the same time, until `stop`; then waits a moment
/// for those that are open.
pub async fn until_stopped<F>(
    listener: &TcpListener,
    most: usize,
    stop: &CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(Semaphore::new(most));
    let tracker = TaskTracker::new();
    while let Ok(permit) = connections.clone().acquire_owned().await {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => {
                // Without this, Nagle's algorithm and delayed acknowledgements cost 40 ms each.
                let _ = tcp.set_nodelay(true);
                let connection = serve(tcp, from);
                tracker.spawn(async move {
                    let _permit = permit;
                    connection.await;
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely; accepting again at once would spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    tracker.close();
    let _ = tokio::time::timeout(FAREWELL + Duration::from_secs(1), tracker.wait()).await;
}
