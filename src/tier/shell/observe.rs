//! What operators see: one log line a transition, counters once a second.

extern crate std;

use crate::tier::{Counters, Notice, State};
use std::string::String;

pub(super) fn tell(notice: &Notice) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match notice {
        Notice::State { node, from, to } => {
            let (from, to_name) = (from.name(), to.name());
            if matches!(to, State::Down) {
                tracing::warn!(node, from, to = to_name, "tier: Redis is down");
            } else {
                tracing::info!(node, from, to = to_name, "tier: state of Redis");
            }
            if let Some(name) = name_of(*to) {
                metrics::counter!(name).increment(1);
            }
        }
        Notice::TrackingLost { node } => tracing::info!(node, "tier: tracking lost"),
        Notice::TrackingRestored { node } => tracing::info!(node, "tier: tracking restored"),
        Notice::TrackingUnsupported { node } => tracing::warn!(node, "tier: Redis knows no tracking, L1 entries live for 5 s"),
        Notice::Replayed { .. } => {}
        Notice::JournalDropped { key, reason } => {
            tracing::warn!(key = text(key), reason = reason.name(), "tier: a journaled write is not in Redis");
            metrics::counter!("cachette_tier_journal_dropped_total").increment(1);
        }
        Notice::Configuration { node, words } => tracing::error!(node, words = text(words), "tier: Redis refuses this client"),
    }
}

fn name_of(state: State) -> Option<&'static str> {
    match state {
        State::Down => Some("cachette_tier_down_total"),
        State::Recovering => Some("cachette_tier_recovered_total"),
        _ => None,
    }
}

pub(super) fn count(counters: &Counters) {
    let figures = [
        ("cachette_tier_l1_hits_total", counters.l1_hits),
        ("cachette_tier_l2_reads_total", counters.l2_reads),
        ("cachette_tier_stale_total", counters.stale),
        ("cachette_tier_fallbacks_total", counters.fallbacks),
        ("cachette_tier_factories_total", counters.factories),
        ("cachette_tier_journaled_total", counters.journaled),
        ("cachette_tier_replayed_total", counters.replayed),
        ("cachette_tier_unknown_outcomes_total", counters.unknown),
    ];
    for (name, figure) in figures {
        metrics::counter!(name).absolute(figure);
    }
}
