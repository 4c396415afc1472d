//! What S3 gets, and what becomes of what it says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::*;
use crate::aws::error::StorageError;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// S3 that gives these answers, one after the other, and keeps the requests.
#[derive(Debug, Clone)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.requests.lock().expect("a list").push(request);
        let answer = self.answers.lock().expect("a list").pop_front();
        let (status, body) = answer.expect("another answer");
        let status = status.try_into().expect("a status");
        let mut answer = HttpResponse::new(status, SdkBody::from(body));
        answer.headers_mut().insert("x-amz-request-id", "R3QUEST");
        answer.headers_mut().insert("x-amz-id-2", "extended=");
        HttpConnectorFuture::ready(Ok(answer))
    }
}

impl Scripted {
    fn new(answers: &[(u16, &'static str)]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            requests: Arc::default(),
        }
    }

    fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        Client::new(&Config {
            url: "https://content.s3.eu-west-3.amazonaws.com".to_owned(),
            region: Region::from_static("eu-west-3"),
            credentials: SharedCredentialsProvider::new(Credentials::from_keys(
                "AKIAIOSFODNN7EXAMPLE",
                SECRET,
                Some("a session's token".to_owned()),
            )),
            http: http_client_fn(move |_, _| connector.clone()),
            retry: RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(1)),
            timeout: TimeoutConfig::disabled(),
        })
    }

    fn requests(self) -> Vec<HttpRequest> {
        std::mem::take(&mut *self.requests.lock().expect("a list"))
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let mut hex = String::new();
    for byte in bytes.as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The signature that S3 computes for what it got, by
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. `headers` are those that are signed, in their order.
fn expected(method: &str, path: &str, headers: &[(&str, &str)], scope: &str) -> String {
    let value = |name| headers.iter().find(|it| it.0 == name).map(|it| it.1);
    let names: Vec<_> = headers.iter().map(|it| it.0).collect();
    let mut lines = String::new();
    for (name, value) in headers {
        let _ = writeln!(lines, "{name}:{value}");
    }
    let payload = value("x-amz-content-sha256").expect("the body's hash");
    let canonical = format!(
        "{method}\n{path}\n\n{lines}\n{}\n{payload}",
        names.join(";")
    );
    let hashed = hex(digest(&SHA256, canonical.as_bytes()));
    let date = value("x-amz-date").expect("a date");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    let sign = |key: &[u8], text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let first = format!("AWS4{SECRET}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| sign(&key, part));
    hex(sign(&key, &text))
}

#[test]
fn the_signature_expected_here_is_that_of_awss_example() {
    let nothing = hex(digest(&SHA256, b""));
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", &nothing),
        ("x-amz-date", "20130524T000000Z"),
    ];
    assert_eq!(
        expected(
            "GET",
            "/test.txt",
            &headers,
            "20130524/us-east-1/s3/aws4_request"
        ),
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

/// Computes the request's signature anew.
fn assert_signed(request: &HttpRequest) {
    let header = |name: &str| request.headers().get(name);
    let told = header("authorization").expect("a signature");
    let part = |name: &str| {
        let (_, rest) = told.split_once(&format!("{name}=")).expect("a part");
        rest.split(',').next().expect("its value").to_owned()
    };
    let (_, of_url) = request.uri().split_once("://").expect("a URL");
    let (host, path) = of_url.split_once('/').expect("a path");
    let (path, signed) = (format!("/{path}"), part("SignedHeaders"));
    let headers: Vec<_> = signed
        .split(';')
        .map(|name| (name, header(name).unwrap_or(host)))
        .collect();
    for name in [
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    ] {
        assert!(
            headers.iter().any(|it| it.0 == name),
            "{name} is not signed"
        );
    }
    let body = request.body().bytes().expect("a body in memory");
    assert_eq!(
        header("x-amz-content-sha256"),
        Some(&*hex(digest(&SHA256, body)))
    );
    let credential = part("Credential");
    let (_, scope) = credential.split_once('/').expect("a scope");
    assert!(scope.ends_with("/eu-west-3/s3/aws4_request"), "{scope}");
    assert_eq!(
        part("Signature"),
        expected(request.method(), &path, &headers, scope)
    );
}

#[tokio::test]
async fn requests_are_what_s3_takes() {
    let s3 = Scripted::new(&[(200, ""), (200, "what was written")]);
    let client = s3.client();
    let (key, bytes) = ("auth0=7Cx/a b~c", b"what was written".to_vec());
    client
        .put_object(key.to_owned(), "application/json", bytes.clone())
        .await
        .expect("written");
    let read = client.get_object(key.to_owned()).await;
    assert_eq!(read.expect("read").bytes(), Some(&*bytes));
    let requests = s3.requests();
    let [put, get] = &*requests else {
        panic!("{requests:?}")
    };
    let url = "https://content.s3.eu-west-3.amazonaws.com/auth0%3D7Cx/a%20b~c";
    assert_eq!((put.method(), put.uri()), ("PUT", url));
    assert_eq!((get.method(), get.uri()), ("GET", url));
    assert_eq!(put.headers().get("content-type"), Some("application/json"));
    assert_eq!(put.body().bytes(), Some(&*bytes));
    assert_signed(put);
    assert_signed(get);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let late = "<Error><Code>RequestTimeout</Code></Error>";
    let s3 = Scripted::new(&[(400, late), (500, "a page of a proxy"), (200, "here")]);
    let read = s3.client().get_object("a".to_owned()).await;
    assert_eq!(read.expect("read").bytes(), Some(&b"here"[..]));
    assert_eq!(s3.requests().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_known_by_its_code_and_is_final() {
    let missing = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Key>a</Key></Error>";
    let s3 = Scripted::new(&[(404, missing), (403, "")]);
    let client = s3.client();
    let error = client.get_object("a".to_owned()).await.expect_err("none");
    assert_eq!(error.code(), Some("NoSuchKey"));
    let error = client.get_object("a".to_owned()).await.expect_err("no");
    assert_eq!(error.code(), None);
    assert_eq!(s3.requests().len(), 2);
}

#[tokio::test]
async fn what_aws_asks_for_is_in_the_cause() {
    let denied = "<Error><Code>AccessDenied</Code><Message>not authorized</Message></Error>";
    let s3 = Scripted::new(&[(403, denied)]);
    let error = s3.client().get_object("a".to_owned()).await;
    let error = StorageError::sdk("read", error.expect_err("no"));
    for part in [
        "403",
        "AccessDenied",
        "not authorized",
        "R3QUEST",
        "extended=",
    ] {
        assert!(error.cause().contains(part), "{part}: {}", error.cause());
    }
    assert!(!error.is_transient() && !error.is_missing());
}

#[tokio::test]
async fn what_a_proxy_says_for_a_service_that_is_away_may_pass() {
    let s3 = Scripted::new(&[(503, "<html>"); 4]);
    let error = s3.client().get_object("a".to_owned()).await;
    assert!(StorageError::sdk("read", error.expect_err("no")).is_transient());
}

#[tokio::test]
async fn a_bucket_is_not_taken_for_an_object() {
    let s3 = Scripted::new(&[]);
    let client = s3.client();
    let written = client.put_object(String::new(), "text/plain", b"c0ntent".to_vec());
    let error = StorageError::sdk("keep", written.await.expect_err("no key"));
    assert!(
        error.cause().contains("an object has a key"),
        "{}",
        error.cause()
    );
    client.get_object(String::new()).await.expect_err("no key");
    assert!(s3.requests().is_empty());
}

#[test]
fn an_object_is_not_printed() {
    let object = Object {
        key: "acme/a".to_owned(),
        media_type: "text/plain",
        bytes: b"c0ntent".to_vec(),
    };
    assert_eq!(format!("{object:?}"), "Object { .. }");
}
