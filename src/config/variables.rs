//! Environment variables in strings, as Vector and the shell have them: `${VAR}`, `${VAR-default}` (when unset),
//! `${VAR:-default}` (when unset or empty), `${VAR:?reason}` (refused when unset or empty); `$$` is a dollar sign.
//! A dollar sign before anything else stands for itself, since regular expressions have it. `${env:VAR}` is `${VAR}`.

/// `text` with its variables replaced; the error says what is missing.
pub fn replace(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (inside, after) =
                after.split_once('}').ok_or("`${` has no `}`; a dollar sign is written `$$`")?;
            out.push_str(&value_of(inside, lookup)?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn value_of(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let inside = inside.strip_prefix("env:").unwrap_or(inside);
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let (name, rule) = inside.split_at(end);
    if name.is_empty() {
        return Err(format!("`${{{inside}}}` names no variable"));
    }
    let set = lookup(name);
    let filled = set.clone().filter(|value| !value.is_empty());
    if rule.is_empty() {
        set.ok_or_else(|| format!("variable {name} is not set; a default is written `${{{name}:-default}}`"))
    } else if let Some(default) = rule.strip_prefix(":-") {
        Ok(filled.unwrap_or_else(|| default.to_owned()))
    } else if let Some(reason) = rule.strip_prefix(":?") {
        filled.ok_or_else(|| format!("variable {name} is not set: {reason}"))
    } else if let Some(default) = rule.strip_prefix('-') {
        Ok(set.unwrap_or_else(|| default.to_owned()))
    } else {
        Err(format!("`${{{inside}}}` is not understood; there are `:-default`, `-default` and `:?reason`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("web-1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn check(text: &str, expected: Result<&str, &str>) {
        let got = replace(text, &lookup);
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn variables_as_the_shell_has_them() {
        check("a ${HOST}:${env:HOST} b", Ok("a web-1:web-1 b"));
        check("${NONE:-x}${NONE-y}${EMPTY:-z}${EMPTY-w}", Ok("xyz"));
        check("${HOST:?needed}", Ok("web-1"));
        check("${EMPTY:?tell the host}", Err("variable EMPTY is not set: tell the host"));
        check("${NONE}", Err("variable NONE is not set; a default is written `${NONE:-default}`"));
        check("$$ $${HOST} ^x$ $(", Ok("$ ${HOST} ^x$ $("));
        check("${HOST", Err("`${` has no `}`; a dollar sign is written `$$`"));
        check("${}", Err("`${}` names no variable"));
        check(
            "${HOST%x}",
            Err("`${HOST%x}` is not understood; there are `:-default`, `-default` and `:?reason`"),
        );
    }

    proptest! {
        #[test]
        fn doubled_dollars_bring_back_any_text(text: String) {
            prop_assert_eq!(replace(&text.replace('$', "$$"), &lookup), Ok(text));
        }
    }
}
