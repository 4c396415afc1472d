//! The ways that messages go in most of the runs.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::model::retry::Ambiguous;
use tests::world::World;

use crate::queue;
use crate::scene::Scene;
use crate::steps::Steps;
use crate::wire::Wire;

/// What may follow an attempt of which nobody can tell how it ended.
pub(crate) const POLICIES: [Ambiguous; 2] = [Ambiguous::Retry, Ambiguous::Hold];

/// Which way the messages go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// One group, a login, TLS.
    LoggedIn,
    /// Four groups at once, in plain text; a second invocation goes through the sessions that the first left open.
    Groups,
    /// Another connection has the default role by the time of the delivery, so all are queued anew.
    Moved,
}

impl Way {
    fn settings(self) -> Value {
        match self {
            Self::LoggedIn => json!({
                "username": "info@example.com", "password": "s3cr3t", "limits": {"concurrency": 1},
            }),
            Self::Groups | Self::Moved => json!({}),
        }
    }

    /// A scene with that many messages in the queue.
    pub(crate) async fn scene(
        self,
        world: &World,
        policy: Ambiguous,
        messages: usize,
    ) -> Scene<'_> {
        let mut scene = Scene::set(world, policy, self.settings()).await;
        scene.submit(messages).await;
        match self {
            Self::LoggedIn => {}
            Self::Groups => scene.invocations = 2,
            Self::Moved => {
                let other = json!({"limits": {"concurrency": 1}});
                scene.connect("second", other).await;
            }
        }
        scene
    }

    /// The steps of an invocation over that many messages that nothing happens to.
    pub(crate) async fn steps(self, world: &World, messages: usize) -> Vec<String> {
        let scene = self.scene(world, Ambiguous::Retry, messages).await;
        let entries = queue::receive(&world.embedded).await;
        let steps = Arc::new(Steps::all());
        let invocation = scene.invocation(&entries, &steps, &Wire::counted(&steps));
        let outcome = invocation.ends_or_dies().await;
        queue::settle(&world.embedded, entries, outcome).await;
        scene.end(&Wire::new()).await;
        assert_eq!(scene.judge().await.violations(), 0);
        steps.names()
    }
}
