//! One error of a page in many browsers: each has its own words for it and its own form of a trace.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Captures of one script that failed in one way.
const ERRORS: &[&[&str]] = &[
    &["CHROME_48_NESTED_EVAL", "FIREFOX_43_NESTED_EVAL", "SAFARI_9_NESTED_EVAL", "EDGE_20_NESTED_EVAL"],
    &["OPERA_25", "SAFARI_7", "SAFARI_8", "IE_10", "IE_11"],
    &["FIREFOX_14", "SAFARI_6", "OPERA_12"],
    &["FIREFOX_3", "FIREFOX_7", "OPERA_964", "OPERA_10", "OPERA_11"],
];
const GROUPS_MAX: usize = 2;

#[test]
fn one_error_in_all_browsers_is_at_most_two_groups() {
    let Some(file) = shared("error-stack-parser-captured.js") else { return };
    let captured = captures(&String::from_utf8(file).expect("text"));
    for error in ERRORS {
        let groups: BTreeMap<_, _> = error.iter().map(|name| (*name, group_of(&captured[*name]))).collect();
        let distinct: BTreeSet<_> = groups.values().collect();
        assert!(distinct.len() <= GROUPS_MAX, "{groups:?}");
    }
}

/// Through a JSON logger, as the page's error handler would send it.
fn group_of(error: &BTreeMap<String, String>) -> Fingerprint {
    let field = |key: &str| error.get(key).cloned();
    let stack = field("stacktrace").or_else(|| field("stack"));
    let err = serde_json::json!({ "name": field("name"), "message": field("message"), "stack": stack });
    let line = serde_json::json!({ "level": "error", "msg": "page failed", "err": err });
    exception_of(&format!("{line}\n")).fingerprint
}

/// The texts of each object of the file, by its name.
fn captures(file: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for object in file.split("CapturedExceptions.").skip(1) {
        let (name, body) = object.split_once(" = {").expect("an object");
        let mut fields = BTreeMap::new();
        for key in ["name", "message", "stack", "stacktrace"] {
            if let Some(at) = body.find(&format!("    {key}: '")) {
                fields.insert(key.to_owned(), text_at(&body[at + key.len() + 6..]));
            }
        }
        all.insert(name.to_owned(), fields);
    }
    all
}

/// The literals that are added up at the front.
fn text_at(source: &str) -> String {
    let (mut text, mut chars, mut quoted) = (String::new(), source.chars(), false);
    while let Some(char) = chars.next() {
        match char {
            '\'' => quoted = !quoted,
            '\\' if quoted => {
                text.extend(chars.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped }))
            }
            char if quoted => text.push(char),
            '+' | ' ' | '\n' => {}
            _ => break,
        }
    }
    text
}

/// The forms alone, without the shared material.
#[test]
fn forms_of_one_stack_are_one_group() {
    let stacks = [
        "TypeError: Cannot read properties of null (reading 'id')\n    at total (http://shop.io/app.3f2a.js:12:5)\n    at HTMLButtonElement.onclick (http://shop.io/:3:1)",
        "TypeError: Unable to get property 'id' of undefined\n   at total (http://shop.io/app.3f2a.js:12:5)\n   at onclick (http://shop.io/:3:1)",
        "total@http://shop.io/app.77aa.js:12:5\nonclick@http://shop.io/:3:1",
        "total@http://shop.io/app.77aa.js:12\nonclick@http://shop.io/:3\n[native code]",
        "total([arguments not available])@http://shop.io/app.js:12\nonclick([arguments not available])@http://shop.io/:3",
        "called from line 12, column 5 in total(x) in http://shop.io/app.js:\n    x.id\ncalled from line 3, column 1 in onclick(event) in http://shop.io/:\n    total()",
    ];
    let messages = ["Cannot read properties of null (reading 'id')", "x is null", "'null' is not an object"];
    let groups: BTreeSet<_> = stacks
        .iter()
        .flat_map(|stack| {
            messages.map(|message| Occurrence {
                kind: Some("TypeError"),
                message,
                stacktrace: stack,
                beside: "",
            })
        })
        .map(|occurrence| understand(&occurrence).fingerprint)
        .collect();
    assert_eq!(groups.len(), 1);
}
