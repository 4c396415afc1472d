//! Whether an end stays within reach. `stateright` has `eventually`, but forgets about paths that join or go round.

use std::collections::HashMap;
use std::hash::Hash;

use stateright::Model;

/// A state from which no way leads to one that `is_end`; `None` when there is none among all that can be reached.
pub(crate) fn trap<M>(model: &M, is_end: impl Fn(&M::State) -> bool) -> Option<M::State>
where
    M: Model,
    M::State: Clone + Eq + Hash,
{
    let mut states = model.init_states();
    let mut numbers: HashMap<M::State, usize> = states.iter().cloned().zip(0..).collect();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); states.len()];
    let mut looked_at = 0;
    while looked_at < states.len() {
        for next in model.next_states(&states[looked_at]) {
            let number = *numbers.entry(next.clone()).or_insert_with(|| {
                states.push(next);
                before.push(Vec::new());
                states.len() - 1
            });
            before[number].push(looked_at);
        }
        looked_at += 1;
    }

    let mut leads_to_end: Vec<bool> = states.iter().map(is_end).collect();
    let mut to_follow: Vec<usize> = (0..states.len()).filter(|n| leads_to_end[*n]).collect();
    while let Some(number) = to_follow.pop() {
        for earlier in &before[number] {
            if !std::mem::replace(&mut leads_to_end[*earlier], true) {
                to_follow.push(*earlier);
            }
        }
    }
    let trap = leads_to_end.iter().position(|leads| !leads)?;
    Some(states.swap_remove(trap))
}
