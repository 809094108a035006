//! Channels: who is subscribed to what. Messages go to the sessions' outboxes.

use crate::glob;
use crate::session::{SessionId, SessionsByName};
use crate::value::seed::Seed;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The three kinds of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Channel,
    Pattern,
    /// SSUBSCRIBE: a channel that belongs to one shard of a cluster; here a name space of its own.
    Shard,
}

impl Kind {
    /// The first element of the confirmation of a subscription.
    pub fn subscribed(self) -> &'static str {
        match self {
            Self::Channel => "subscribe",
            Self::Pattern => "psubscribe",
            Self::Shard => "ssubscribe",
        }
    }

    /// The first element of the confirmation of its end.
    pub fn unsubscribed(self) -> &'static str {
        match self {
            Self::Channel => "unsubscribe",
            Self::Pattern => "punsubscribe",
            Self::Shard => "sunsubscribe",
        }
    }
}

/// What one session is subscribed to, in the order of subscribing.
#[derive(Debug, Default)]
pub struct Subscriptions {
    pub channels: Vec<Vec<u8>>,
    pub patterns: Vec<Vec<u8>>,
    pub shards: Vec<Vec<u8>>,
}

impl Subscriptions {
    pub fn of(&self, kind: Kind) -> &Vec<Vec<u8>> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    /// All of them, of whatever kind.
    pub fn names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.channels.iter().chain(&self.patterns).chain(&self.shards)
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut Vec<Vec<u8>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// The number that confirmations tell: channels and patterns together, shard channels by themselves.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.shards.len(),
            Kind::Channel | Kind::Pattern => self.channels.len().saturating_add(self.patterns.len()),
        }
    }
}

/// All subscriptions of an engine.
#[derive(Debug, Default)]
pub struct PubSub {
    channels: SessionsByName,
    shards: SessionsByName,
    /// Patterns in the order in which they were first subscribed to, which is the order of delivery.
    patterns: Vec<(Box<[u8]>, Vec<SessionId>)>,
}

impl PubSub {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut pubsub = Self::default();
        pubsub.set_seed(seed);
        pubsub
    }

    pub(crate) fn set_seed(&mut self, seed: Seed) {
        self.channels.set_seed(seed);
        self.shards.set_seed(seed);
    }

    pub(crate) fn subscribe(&mut self, kind: Kind, name: &[u8], session: SessionId) {
        match kind {
            Kind::Channel => self.channels.add(name, session),
            Kind::Shard => self.shards.add(name, session),
            Kind::Pattern => match self.patterns.iter_mut().find(|(pattern, _)| **pattern == *name) {
                Some((_, subscribers)) if subscribers.contains(&session) => {}
                Some((_, subscribers)) => subscribers.push(session),
                None => self.patterns.push((name.into(), Vec::from([session]))),
            },
        }
    }

    pub(crate) fn unsubscribe(&mut self, kind: Kind, name: &[u8], session: SessionId) {
        match kind {
            Kind::Channel => self.channels.remove(name, session),
            Kind::Shard => self.shards.remove(name, session),
            Kind::Pattern => {
                for (pattern, subscribers) in &mut self.patterns {
                    if **pattern == *name {
                        subscribers.retain(|subscriber| *subscriber != session);
                    }
                }
                self.patterns.retain(|(_, subscribers)| !subscribers.is_empty());
            }
        }
    }

    /// Who gets a message: sessions subscribed to the channel itself, then each match of a pattern, with the pattern.
    pub(crate) fn receivers(&self, kind: Kind, channel: &[u8]) -> Vec<(SessionId, Option<Vec<u8>>)> {
        let direct = self.names(kind).of(channel);
        let mut receivers: Vec<_> = direct.iter().map(|session| (*session, None)).collect();
        if kind != Kind::Shard {
            for (pattern, subscribers) in self.patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel, false)) {
                receivers.extend(subscribers.iter().map(|session| (*session, Some(pattern.to_vec()))));
            }
        }
        receivers
    }

    fn names(&self, kind: Kind) -> &SessionsByName {
        if kind == Kind::Shard { &self.shards } else { &self.channels }
    }

    /// Channels with subscribers, of those that match.
    pub fn active(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let matches = |name: &&[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, false));
        self.names(kind).iter().map(|(name, _)| name).filter(matches).map(<[u8]>::to_vec).collect()
    }

    /// Subscribers of one channel, patterns not counted.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.names(kind).of(name).len()
    }

    /// Different patterns that somebody is subscribed to.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// Channels (or shard channels) that somebody is subscribed to.
    pub fn channels(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }
}
