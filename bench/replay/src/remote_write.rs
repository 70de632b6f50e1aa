//! Remote-write 1.0: protobuf in snappy's block format.
//! (<https://prometheus.io/docs/specs/prw/remote_write_spec/>)

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use wasl_model::SeriesKey;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The points of some moments, by series.
#[derive(Default)]
pub(crate) struct Gathered {
    series: BTreeMap<SeriesKey, Vec<Sample>>,
}

impl Gathered {
    /// Adds a point; points of one series come in the order of their times.
    pub(crate) fn add(&mut self, series: SeriesKey, timestamp: i64, value: f64) {
        self.series.entry(series).or_default().push(Sample { value, timestamp });
    }

    /// As requests of about so many samples each.
    pub(crate) fn requests(self, samples: usize) -> Vec<Bytes> {
        let (mut requests, mut request, mut held) = (Vec::new(), WriteRequest::default(), 0);
        for (key, points) in self.series {
            held += points.len();
            request.timeseries.push(TimeSeries { labels: labels(&key), samples: points });
            if held >= samples {
                requests.push(pack(&std::mem::take(&mut request)));
                held = 0;
            }
        }
        if held > 0 {
            requests.push(pack(&request));
        }
        requests
    }
}

/// A metric for each field, as the shipped names have it; labels in the order that the specification demands.
fn labels(key: &SeriesKey) -> Vec<Label> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    vec![
        label("__name__", format!("wasl_{}_{}", key.subject.kind, key.field)),
        label("agent", key.agent.to_string()),
        label("subject", key.subject.id.clone()),
    ]
}

fn pack(request: &WriteRequest) -> Bytes {
    let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
    packed.expect("a request is far smaller than the 4 GiB that snappy takes").into()
}
