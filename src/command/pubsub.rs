//! Channels: SUBSCRIBE, PUBLISH and their kin.

use super::args::key_flags::NOT_KEY;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, NoArgs, Parse, Pattern, args};
use super::reply::{Help, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::pubsub::Kind;
use crate::resp::write::Writer;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: PubSub = [
        { "psubscribe", psubscribe as Psubscribe, since: "2.0.0", cost: "O(N), N patterns",
          flags: [PUBSUB, CHANNELS, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Listens to all channels whose names match a pattern." },
        { "publish", publish as Publish, since: "2.0.0", cost: "O(N + M), N subscribers of the channel, M patterns",
          flags: [PUBSUB, CHANNELS, LOADING, STALE, FAST, MAY_REPLICATE, REPEATS_ALWAYS], reply: Integer,
          "Sends a message to a channel; answers how many got it." },
        { "pubsub", since: "2.8.0", cost: "Depends on the subcommand", "Looks at channels and subscriptions.", [
            { "pubsub|channels", channels as Channels, since: "2.8.0", cost: "O(N), N channels", flags: [PUBSUB, LOADING, STALE],
              reply: Array(&Bulk), "Channels that somebody listens to." },
            { "pubsub|help", help as NoArgs, since: "6.2.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "pubsub|numpat", num_pat as NoArgs, since: "2.8.0", cost: "O(1)", flags: [PUBSUB, LOADING, STALE], reply: Integer,
              "How many different patterns are subscribed to." },
            { "pubsub|numsub", num_sub as NumSub, since: "2.8.0", cost: "O(N), N channels", flags: [PUBSUB, LOADING, STALE],
              reply: Map(&Integer), "How many listen to each of the channels, patterns not counted." },
            { "pubsub|shardchannels", shard_channels as Channels, since: "7.0.0", cost: "O(N), N channels", flags: [PUBSUB, LOADING, STALE],
              reply: Array(&Bulk), "Shard channels that somebody listens to." },
            { "pubsub|shardnumsub", shard_num_sub as NumSub, since: "7.0.0", cost: "O(N), N channels", flags: [PUBSUB, LOADING, STALE],
              reply: Map(&Integer), "How many listen to each of the shard channels." },
        ] },
        { "punsubscribe", punsubscribe as Unsubscribe, since: "2.0.0", cost: "O(N), N patterns",
          flags: [PUBSUB, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Stops listening to patterns, or to all of them." },
        { "spublish", spublish as Spublish, since: "7.0.0", cost: "O(N), N subscribers", flags: [PUBSUB, CHANNELS, LOADING, STALE, FAST, MAY_REPLICATE, REPEATS_ALWAYS],
          reply: Integer, "Sends a message to a shard channel; answers how many got it." },
        { "ssubscribe", ssubscribe as Ssubscribe, since: "7.0.0", cost: "O(N), N channels",
          flags: [PUBSUB, CHANNELS, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Listens to shard channels." },
        { "subscribe", subscribe as Subscribe, since: "2.0.0", cost: "O(N), N channels",
          flags: [PUBSUB, CHANNELS, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Listens to channels." },
        { "sunsubscribe", sunsubscribe as Sunsubscribe, since: "7.0.0", cost: "O(N), N channels",
          flags: [PUBSUB, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Stops listening to shard channels, or to all of them." },
        { "unsubscribe", unsubscribe as Unsubscribe, since: "2.0.0", cost: "O(N), N channels",
          flags: [PUBSUB, NOSCRIPT, LOADING, STALE, WHILE_SUBSCRIBED], reply: Pushed,
          "Stops listening to channels, or to all of them." },
    ]
}

args! { Subscribe<'a> { channels: Many<'a, &'a [u8]> } }
args! { Psubscribe<'a> { patterns: Many<'a, Pattern<'a>> } }
args! { Ssubscribe<'a> { shardchannels: Many<'a, Key<'a, NOT_KEY>> } }

pub fn subscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Subscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(listen(call, Kind::Channel, args.channels.words()))
}

pub fn psubscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Psubscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(listen(call, Kind::Pattern, args.patterns.words()))
}

pub fn ssubscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Ssubscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(listen(call, Kind::Shard, args.shardchannels.words()))
}

/// Subscribes to each name and confirms each by a push of its own.
fn listen<'c, 'e, 'a>(call: &'c mut Call<'e>, kind: Kind, names: &'a [&'a [u8]]) -> impl Reply + use<'c, 'e, 'a> {
    With(move |writer: &mut Writer<'_>| {
        for name in names {
            let own = call.session.subscriptions.of_mut(kind);
            if !own.iter().any(|known| known == name) {
                own.push(name.to_vec());
                call.server.pubsub.subscribe(kind, name, call.session.id);
            }
            confirm(call, kind.subscribed(), kind, Some(name), writer);
        }
    })
}

fn confirm(call: &Call<'_>, what: &str, kind: Kind, name: Option<&[u8]>, writer: &mut Writer<'_>) {
    writer.push(3);
    writer.bulk(what.as_bytes());
    match name {
        Some(name) => writer.bulk(name),
        None => writer.null(),
    }
    call.session.subscriptions.count(kind).write(writer);
}

/// Names to stop listening to; none means all.
pub struct Unsubscribe<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for Unsubscribe<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("channel").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

/// As [`Unsubscribe`], for shard channels, which count as keys where keys are looked for.
pub struct Sunsubscribe<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for Sunsubscribe<'a> {
    const SPECS: &'static [ArgSpec] = &[<Key<'a, NOT_KEY> as Arg<'a>>::SPEC.named("shardchannel").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

pub fn unsubscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Unsubscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(leave(call, Kind::Channel, args.0))
}

pub fn punsubscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Unsubscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(leave(call, Kind::Pattern, args.0))
}

pub fn sunsubscribe<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Sunsubscribe<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(leave(call, Kind::Shard, args.0))
}

fn leave<'c, 'e, 'a>(call: &'c mut Call<'e>, kind: Kind, names: &'a [&'a [u8]]) -> impl Reply + use<'c, 'e, 'a> {
    With(move |writer: &mut Writer<'_>| {
        let all = if names.is_empty() { call.session.subscriptions.of(kind).clone() } else { Vec::new() };
        let names: Vec<&[u8]> = if names.is_empty() { all.iter().map(Vec::as_slice).collect() } else { names.to_vec() };
        if names.is_empty() {
            confirm(call, kind.unsubscribed(), kind, None, writer);
        }
        for name in names {
            call.session.subscriptions.of_mut(kind).retain(|known| known != name);
            call.server.pubsub.unsubscribe(kind, name, call.session.id);
            confirm(call, kind.unsubscribed(), kind, Some(name), writer);
        }
    })
}

args! { Publish<'a> { channel: &'a [u8], message: &'a [u8] } }
args! { Spublish<'a> { shardchannel: Key<'a, NOT_KEY>, message: &'a [u8] } }

pub fn publish(call: &mut Call<'_>, args: Publish<'_>) -> Result<usize> {
    Ok(call.publish(Kind::Channel, args.channel, args.message))
}

pub fn spublish(call: &mut Call<'_>, args: Spublish<'_>) -> Result<usize> {
    Ok(call.publish(Kind::Shard, &args.shardchannel, args.message))
}

/// A pattern, if any.
pub struct Channels<'a>(Option<&'a [u8]>);

impl<'a> Parse<'a> for Channels<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::Pattern).named("pattern").optional()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match *args.take_rest() {
            [] => Ok(Self(None)),
            [pattern] => Ok(Self(Some(pattern))),
            _ => Err(ReplyError::err("unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.")),
        }
    }
}

pub fn channels(call: &mut Call<'_>, args: Channels<'_>) -> Result<Vec<Vec<u8>>> {
    Ok(call.server.pubsub.active(Kind::Channel, args.0))
}

pub fn shard_channels(call: &mut Call<'_>, args: Channels<'_>) -> Result<Vec<Vec<u8>>> {
    Ok(call.server.pubsub.active(Kind::Shard, args.0))
}

/// Channels to be counted; there may be none.
pub struct NumSub<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for NumSub<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("channel").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

pub fn num_sub<'c, 'e, 'a>(call: &'c mut Call<'e>, args: NumSub<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(count(call, Kind::Channel, args.0))
}

pub fn shard_num_sub<'c, 'e, 'a>(call: &'c mut Call<'e>, args: NumSub<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    Ok(count(call, Kind::Shard, args.0))
}

/// A flat array in both protocols, as Redis answers.
fn count<'c, 'e, 'a>(call: &'c mut Call<'e>, kind: Kind, names: &'a [&'a [u8]]) -> impl Reply + use<'c, 'e, 'a> {
    With(move |writer: &mut Writer<'_>| {
        writer.array(names.len().saturating_mul(2));
        for name in names {
            writer.bulk(name);
            call.server.pubsub.subscribers(kind, name).write(writer);
        }
    })
}

pub fn num_pat(call: &mut Call<'_>, _: NoArgs) -> Result<usize> {
    Ok(call.server.pubsub.patterns())
}

pub fn help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "PUBSUB subcommand [argument ...]. Subcommands:",
        "CHANNELS [pattern]",
        "    Name the channels that somebody listens to.",
        "NUMPAT",
        "    Count the different patterns that are subscribed to.",
        "NUMSUB [channel ...]",
        "    Count the listeners of each channel.",
        "SHARDCHANNELS [pattern]",
        "    Name the shard channels that somebody listens to.",
        "SHARDNUMSUB [channel ...]",
        "    Count the listeners of each shard channel.",
        "HELP",
        "    Print this.",
    ]))
}
