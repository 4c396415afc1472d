//! What is known of DNS, for mail-auth's evaluator.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use mail_auth::ResolverCache;

/// Answers by name: in lower case, with a final dot. The evaluator takes them for its cache, and adds nothing.
#[derive(Debug)]
pub(super) struct Answers<V>(HashMap<Box<str>, V>);

impl<V> Default for Answers<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V> Answers<V> {
    pub(super) fn keep(&mut self, name: &str, answer: V) {
        self.0.insert(name.into(), answer);
    }
}

impl<V> FromIterator<(Box<str>, V)> for Answers<V> {
    fn from_iter<I: IntoIterator<Item = (Box<str>, V)>>(answers: I) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl<V: Clone> ResolverCache<Box<str>, V> for Answers<V> {
    fn get<Q>(&self, name: &Q) -> Option<V>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: V, _: Instant) {}
}
