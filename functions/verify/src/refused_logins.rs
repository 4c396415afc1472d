//! Logins that servers have refused of late: the same credentials are not tried again for a while, as nothing but harm can come of
//! it, to the account and to the addresses that all tenants share. They are remembered in this process alone: not even a digest
//! of a password is written anywhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac;
use shared::clock::random;
use shared::model::connection::Settings;
use shared::model::password::Password;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;

use crate::findings::Findings;

/// How long a refused login is not tried again, unless something of it changes.
pub(crate) const NOT_AGAIN_FOR: Duration = Duration::from_mins(5);
/// The most that are remembered: each may hold all that a server said of itself, up to some 60 KB.
const MOST: usize = 200;

/// What is remembered, by a digest that nobody outside this process can make.
pub struct RefusedLogins {
    key: hmac::Key,
    findings: Mutex<HashMap<[u8; 32], Findings>>,
}

impl Default for RefusedLogins {
    fn default() -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()),
            findings: Mutex::default(),
        }
    }
}

impl RefusedLogins {
    /// Names a login: whose it is, everything that it is tried with, and where.
    pub(crate) fn digest(
        &self,
        tenant: &Tenant,
        settings: &Settings,
        password: &Password,
    ) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [
            tenant.as_str(),
            &settings.host.to_ascii(),
            &settings.port.to_string(),
            &format!("{:?}", settings.encryption),
            settings.username.as_deref().unwrap_or_default(),
            password.reveal(),
        ] {
            // With its length before it, no part can run into the next.
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// What was found when this login was refused, while that is still remembered.
    pub(crate) fn find(&self, digest: &[u8; 32], now: Timestamp) -> Option<Findings> {
        let findings = self.lock().get(digest).cloned()?;
        (now < findings.checked_at + NOT_AGAIN_FOR).then_some(findings)
    }

    /// Remembers a refusal.
    pub(crate) fn remember(&self, digest: [u8; 32], refused: Findings) {
        let now = refused.checked_at;
        let mut findings = self.lock();
        findings.retain(|_, known| now < known.checked_at + NOT_AGAIN_FOR);
        if findings.len() >= MOST {
            let oldest = findings.iter().min_by_key(|(_, known)| known.checked_at);
            let oldest = oldest.map(|(digest, _)| *digest);
            oldest.map(|digest| findings.remove(&digest));
        }
        findings.insert(digest, refused);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Findings>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for RefusedLogins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefusedLogins")
    }
}
