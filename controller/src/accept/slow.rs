//! A request's body that has to arrive within a time, however it trickles.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::Sleep;

/// The body did not arrive in time.
#[derive(Debug, Error)]
#[error("the request's body did not arrive in time")]
pub struct TooSlow;

/// A body with a deadline for all of it.
pub struct InTime<B> {
    body: B,
    deadline: Pin<Box<Sleep>>,
}

impl<B> InTime<B> {
    /// Everything has to be there `within` this time.
    pub fn new(body: B, within: Duration) -> Self {
        Self { body, deadline: Box::pin(tokio::time::sleep(within)) }
    }
}

impl<B> Body for InTime<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let frame = self.body.frame();
        let mut frame = std::pin::pin!(frame);
        if let Poll::Ready(frame) = frame.as_mut().poll(context) {
            return Poll::Ready(frame.map(|result| result.map_err(Into::into)));
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_on_for_ever_ends_at_its_deadline() {
        let trickle = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        let body = http_body_util::StreamBody::new(Box::pin(trickle));
        let begun = tokio::time::Instant::now();
        let error = InTime::new(body, Duration::from_secs(30)).collect().await.expect_err("too slow");
        assert!(error.is::<TooSlow>(), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(32), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_there_is_handed_on() {
        let body = http_body_util::Full::new(Bytes::from_static(b"all of it"));
        let whole = InTime::new(body, Duration::from_secs(1)).collect().await.expect("it is there");
        assert_eq!(whole.to_bytes(), "all of it");
    }
}
