//! Guards: functions that complain of what they were given. `Preconditions.checkNotNull` is at the top of the traces of a
//! hundred faults, and none of them is in it; who called it says where the fault is.
//!
//! Told by their names, which is what they have in common in every language.

/// What a guard's name begins with; the next letter begins a new word.
const FIRST_WORDS: &[&str] = &[
    "assert", "check", "ensure", "fail", "must", "raise", "reject", "require", "throw", "validate", "verify",
];
/// What makers of exceptions are called begins and ends with these.
const MAKES: &[&str] = &["build", "convert", "create", "make", "new", "to", "translate", "wrap"];
const MADE: &[&str] = &["Exception", "Error", "exception", "error"];

/// Whether a function of this name, with or without what it belongs to, is a guard.
pub(super) fn is_guard(name: &str) -> bool {
    let function = name.rsplit(['.', ':', '>', '#', '$']).next().unwrap_or(name);
    FIRST_WORDS.iter().any(|word| begins_with_word(function, word))
        || MADE.iter().any(|made| function.ends_with(made))
            && MAKES.iter().any(|make| begins_with_word(function, make))
}

fn begins_with_word(name: &str, word: &str) -> bool {
    let Some((first, rest)) = name.as_bytes().split_at_checked(word.len()) else {
        return false;
    };
    first.eq_ignore_ascii_case(word.as_bytes()) && !rest.first().is_some_and(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_by_their_names() {
        let check = |name: &str, expected: bool| assert_eq!(is_guard(name), expected, "{name}");
        check("com.google.common.base.Preconditions.checkNotNull", true);
        check("org.joda.FieldUtils.verifyValueBounds", true);
        check("shop.Errors.createPaymentException", true);
        check("Guard.ThrowIfNull", true);
        check("shop::cart::require", true);
        check("check_stock", true);
        check("App\\Cart->ensureOpen", true);
        check("shop.Cart.checkout", false);
        check("shop.Cart.failover", false);
        check("shop.Cart.newline", false);
        check("shop.Cart.lastError", false);
        check("shop.Cart.total", false);
        check("", false);
    }
}
