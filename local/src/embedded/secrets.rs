//! Secrets Manager that keeps its secrets in a file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio::sync::Mutex;
use winterbaume_core::{
    MockRequest, MockResponse, MockService, StatefulService, default_account_id,
};
use winterbaume_secretsmanager::SecretsManagerService;

use super::REGION;

/// Secrets Manager; with a file, a change is answered when the file holds it.
pub(super) struct KeptSecrets {
    service: SecretsManagerService,
    file: Option<PathBuf>,
    // A snapshot is taken and written under it, so an older one never replaces a newer one.
    writing: Mutex<()>,
}

impl KeptSecrets {
    /// Takes the secrets that an earlier run left in `file`.
    pub(super) async fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let service = SecretsManagerService::new();
        if let Some(file) = &file {
            match std::fs::read(file) {
                Ok(bytes) => {
                    let view = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
                    service
                        .restore(default_account_id(), REGION, view)
                        .await
                        .map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            service,
            file,
            writing: Mutex::new(()),
        })
    }

    async fn keep(&self, file: &Path) -> io::Result<()> {
        let _writing = self.writing.lock().await;
        let view = self.service.snapshot(default_account_id(), REGION).await;
        let bytes = serde_json::to_vec(&view).map_err(io::Error::other)?;
        let file = file.to_owned();
        tokio::task::spawn_blocking(move || replace(&file, &bytes))
            .await
            .map_err(io::Error::other)?
    }
}

/// Puts a file that only its owner can read in the place of `file`, whole or not at all.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    // One left by a crash may have another mode, which opening would keep.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&new)?;
    opened.write_all(bytes)?;
    opened.sync_all()?;
    std::fs::rename(&new, file)
}

impl MockService for KeptSecrets {
    fn service_name(&self) -> &str {
        self.service.service_name()
    }

    fn url_patterns(&self) -> Vec<&str> {
        self.service.url_patterns()
    }

    fn handle(
        &self,
        request: MockRequest,
    ) -> Pin<Box<dyn Future<Output = MockResponse> + Send + '_>> {
        Box::pin(async move {
            let changes = !reads_only(&request);
            let response = self.service.handle(request).await;
            if let Some(file) = self.file.as_deref().filter(|_| changes)
                && response.status / 100 == 2
                && let Err(error) = self.keep(file).await
            {
                tracing::error!(%error, "the secrets could not be written");
                return MockResponse::json(500, r#"{"__type":"InternalServiceError"}"#);
            }
            response
        })
    }
}

fn reads_only(request: &MockRequest) -> bool {
    let target = request.headers.get("x-amz-target");
    let action = target.and_then(|target| target.to_str().ok()?.rsplit('.').next());
    action.is_some_and(|action| {
        ["Get", "BatchGet", "List", "Describe"]
            .iter()
            .any(|prefix| action.starts_with(prefix))
    })
}
