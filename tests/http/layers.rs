//! The direction of imports, which ARCHITECTURE.md promises.

use std::fs;
use std::path::{Path, PathBuf};

const FUNCTIONS: [&str; 6] = [
    "connections",
    "verify",
    "submit",
    "deliver",
    "sweep",
    "resource",
];
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn forbid(folder: &str, except: &str, words: &[&str]) {
    for (path, text) in sources(folder) {
        if !except.is_empty() && path.ends_with(except) {
            continue;
        }
        for word in words {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn the_model_imports_neither_aws_nor_axum_nor_tokio() {
    let words = [
        "aws_",
        "axum",
        "tokio",
        "crate::aws",
        "crate::web",
        "crate::smtp",
        "crate::clock",
    ];
    forbid("shared/src/model", "", &words);
}

#[test]
fn only_the_mains_and_the_gateway_import_the_lambda_runtime() {
    for folder in ["shared/src", "local/src", "functions"] {
        forbid(
            folder,
            "main.rs",
            &["lambda_http", "lambda_runtime", "gateway::"],
        );
    }
}

#[test]
fn functions_import_neither_each_other_nor_local() {
    // But for one: `resource` asks the operations of `connections`, by decision 10.
    let allowed = ("resource", "connections");
    for function in FUNCTIONS {
        let others = FUNCTIONS
            .iter()
            .filter(|other| **other != function && (function, **other) != allowed);
        let words: Vec<_> = others
            .chain([&"local"])
            .map(|other| format!("use {other}::"))
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        forbid(&format!("functions/{function}/src"), "", &words);
    }
}

#[test]
fn no_function_holds_both_ends_of_a_secret() {
    for function in FUNCTIONS {
        let sources = sources(&format!("functions/{function}/src"));
        let has = |word| sources.iter().any(|(_, text)| text.contains(word));
        let (writes, reads) = (has("secrets: SecretWriter"), has("SecretReader"));
        let writers = ["connections", "resource"];
        assert_eq!(writes, writers.contains(&function), "{function} writes");
        assert_eq!(
            reads,
            matches!(function, "verify" | "deliver"),
            "{function} reads"
        );
    }
}
