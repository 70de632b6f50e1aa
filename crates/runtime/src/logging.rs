//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people and for journald.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging for this process. `filter` is a level, or levels of parts of the program, with commas
/// between: `info`, `wasl=debug,info`. What is not understood in it is left out. A second call does nothing.
pub fn init(format: Format, filter: &str) {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let layer = match format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().boxed(),
    };
    // Fails only if a subscriber is set already, which is what is wanted.
    let _ = tracing_subscriber::registry().with(layer).with(targets(filter)).try_init();
}

/// What a filter lets through. Not `EnvFilter`, which also knows spans and fields: its regular expressions would
/// be a tenth of a lab agent's program.
fn targets(filter: &str) -> Targets {
    let understood: Vec<&str> =
        filter.split(',').map(str::trim).filter(|part| part.parse::<Targets>().is_ok()).collect();
    understood.join(",").parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::ERROR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_filter_has_a_level_for_each_part_and_one_for_the_rest() {
        let filter = targets("info, h2=warn,wasl_agent=debug");
        assert!(filter.would_enable("wasl_spool", &Level::INFO));
        assert!(!filter.would_enable("wasl_spool", &Level::DEBUG));
        assert!(filter.would_enable("wasl_agent::probing", &Level::DEBUG));
        assert!(!filter.would_enable("h2::codec", &Level::INFO));
    }

    #[test]
    fn what_is_not_understood_is_left_out_and_errors_are_always_told() {
        let filter = targets("h2=loud,wasl[span]=debug,warn");
        assert!(filter.would_enable("h2", &Level::WARN) && !filter.would_enable("h2", &Level::INFO));
        for filter in ["", "loud=louder", ",,"] {
            assert!(targets(filter).would_enable("wasl", &Level::ERROR), "{filter:?}");
            assert!(!targets(filter).would_enable("wasl", &Level::INFO), "{filter:?}");
        }
    }
}
