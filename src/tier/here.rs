//! Commands run here, while Redis is away: those whose keys are all under the rule [`OnDown::Local`].
//!
//! The machine has no engine: the shell has one for each node, empty when the node went away, and forgotten when it is back, since Redis is the truth. So a
//! rate limit counts on in this process from nothing, and counts in Redis again afterwards.

use super::action::{Action, Answer, Durability, Failure, Meta, NodeId, RequestId, Source, Words};
use super::command::encode;
use super::machine::Machine;
use super::options::OnDown;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::vec::Vec;

impl Machine {
    /// Whether commands of these keys may run here: all under that rule, and all of one node.
    pub(super) fn runs_here(&self, keys: &[Vec<u8>]) -> bool {
        let Some(node) = keys.first().map(|key| self.route(key)) else { return false };
        keys.iter().all(|key| self.options.rule(key).0 == OnDown::Local && self.route(key) == node)
    }

    pub(super) fn run_here(&mut self, request: RequestId, node: NodeId, command: Words) {
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.ran_here = true;
        }
        self.act(Action::Run { request, node, command });
    }

    /// What a command gave that was run here.
    pub fn ran(&mut self, now: Millis, request: RequestId, reply: &Value) {
        self.enter(now);
        match reply {
            Value::Error(error) => self.fail_request(request, Failure::Reply(error.as_bytes().to_vec())),
            reply => {
                let meta = Meta { durability: Durability::Local, ..Meta::of(Source::L1) };
                self.answer(request, Answer::Reply { reply: encode(reply), meta });
            }
        }
    }

    /// The node is back.
    pub(super) fn forget_here(&mut self, node: NodeId) {
        let ran = self.nodes.get_mut(usize::from(node)).is_some_and(|state| core::mem::take(&mut state.ran_here));
        if ran {
            self.act(Action::ForgetRun { node });
        }
    }
}
