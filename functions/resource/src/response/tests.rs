//! Where answers go, and how long they are.

use super::*;

fn permitted(url: &str, endpoint: Option<&str>) -> bool {
    let endpoint = endpoint.map(|endpoint| endpoint.parse().expect("a URL"));
    let uri = url.parse::<Uri>();
    uri.is_ok_and(|uri| Responses::new(Https::plain(), endpoint).permits(&uri))
}

#[test]
fn answers_go_to_s3_by_https_and_nowhere_else() {
    for url in [
        "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/arn%3Aaws?X-Amz-Signature=x",
        "https://cloudformation-custom-resource-response-euwest3.s3.eu-west-3.amazonaws.com/x",
        "https://cloudformation-custom-resource-response-apeast1.s3-ap-east-1.amazonaws.com/x",
        "https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/x",
    ] {
        assert!(permitted(url, None), "{url}");
    }
    for url in [
        "http://bucket.s3.amazonaws.com/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://example.com/bucket.s3.amazonaws.com",
        "https://bucket.s3.amazonaws.com.example.com/x",
        "https://bucket.s3.amazonaws.com:8443/x",
        "https://user@bucket.s3.amazonaws.com/x",
        "https://example.com#@bucket.s3.amazonaws.com/x",
        "https://ec2-192-0-2-1.compute.amazonaws.com/x",
        "https://abc.execute-api.eu-west-3.amazonaws.com/x",
        "https://s3.amazonaws.com/bucket/x",
        "https://evils3.amazonaws.com/x",
        "/x",
        "",
    ] {
        assert!(!permitted(url, None), "{url}");
    }
}

#[test]
fn the_endpoint_of_tests_is_permitted_and_its_neighbours_are_not() {
    let endpoint = Some("http://127.0.0.1:4566");
    assert!(permitted("http://127.0.0.1:4566/answers/1", endpoint));
    for url in [
        "http://127.0.0.1:4567/x",
        "https://127.0.0.1:4566/x",
        "http://localhost:4566/x",
    ] {
        assert!(!permitted(url, endpoint), "{url}");
    }
}

fn written(reason: &str) -> Vec<u8> {
    let response = Response {
        status: Status::Failed,
        reason: Some(reason.to_owned()),
        physical_resource_id: "p".to_owned(),
        stack_id: "s",
        request_id: "r",
        logical_resource_id: "l",
        no_echo: false,
        data: None,
    };
    response.write().expect("JSON")
}

#[test]
fn a_reason_is_cut_where_the_answer_would_be_too_long() {
    let short = r#"{"Status":"FAILED","Reason":"why","PhysicalResourceId":"p","StackId":"s","RequestId":"r","LogicalResourceId":"l","NoEcho":false}"#;
    assert_eq!(String::from_utf8(written("why")).expect("text"), short);
    for piece in ["x", "è", "\"", "\u{1}", "😀"] {
        let json = written(&piece.repeat(5000));
        assert!(
            json.len() <= MAX_BYTES && json.len() > 600,
            "{piece}: {}",
            json.len()
        );
        let answer: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let reason = answer["Reason"].as_str().expect("a reason");
        assert!(reason.ends_with('…') && reason.starts_with(piece));
    }
}
