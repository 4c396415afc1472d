//! An invocation as a process of its own, which can die or stand still at any of its steps.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::steps::Steps;

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Work that has a thread and a runtime to itself: when the runtime goes, so does every task that the work had spawned, and every
/// connection it had.
#[derive(Debug)]
pub(crate) struct Process<T> {
    steps: Arc<Steps>,
    end: oneshot::Sender<()>,
    done: oneshot::Receiver<Option<T>>,
}

impl<T: Send + 'static> Process<T> {
    /// Starts `work`, whose steps are counted by `steps`.
    pub(crate) fn start(steps: Arc<Steps>, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (end, ended) = oneshot::channel();
        let (tell, done) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let result = runtime.block_on(async {
                tokio::select! {
                    result = work => Some(result),
                    _ = ended => None,
                }
            });
            runtime.shutdown_background();
            let _ = tell.send(result);
        });
        Self { steps, end, done }
    }

    /// Its result; `None` when it died at its last step.
    pub(crate) async fn ends_or_dies(mut self) -> Option<T> {
        tokio::select! {
            biased;
            result = &mut self.done => {
                // What it has said last may still be on its way to the server.
                self.steps.resume();
                return result.expect("the process says how it ended");
            }
            () = self.steps.stopped() => {}
            () = tokio::time::sleep(PATIENCE) => panic!("hangs after {:?}", self.steps.names()),
        }
        drop(self.end);
        let ended = timeout(PATIENCE, self.done)
            .await
            .expect("the process dies");
        self.steps.bury();
        ended.expect("the process says how it ended")
    }

    /// Until it stands still; `Err` with its result when it doesn't.
    pub(crate) async fn stands_still(mut self) -> Result<Self, T> {
        tokio::select! {
            biased;
            result = &mut self.done => match result {
                Ok(Some(result)) => {
                    self.steps.resume();
                    Err(result)
                }
                _ => panic!("nobody ended it"),
            },
            () = self.steps.stopped() => Ok(self),
            () = tokio::time::sleep(PATIENCE) => panic!("hangs after {:?}", self.steps.names()),
        }
    }

    /// Its result, once it has gone on to its end.
    pub(crate) async fn resumed(self) -> T {
        self.steps.resume();
        let ended = timeout(PATIENCE, self.done)
            .await
            .expect("the process ends");
        ended.ok().flatten().expect("nobody ended it")
    }
}
