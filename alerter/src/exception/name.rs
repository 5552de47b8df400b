//! Names as they are compared: without what a compiler, a proxy or a class loader numbers anew in every build or run.
//!
//! ```text
//! Cart$1, foo$lambda$0, access$000          numbers behind $
//! <Total>d__5, fn__1234                     numbers behind __
//! main88989.handler, eval_20481             4 and more digits
//! DisplayClass3_0, <Total>g__Sum|0_1        the numbers of .NET's closures
//! Cart$$EnhancerBySpringCGLIB$$1a2b3c       $$ and what is behind, up to the next dot
//! Map[...], Dictionary`2[System.String]     what is in brackets
//! lambda$total                              what says that it is a lambda
//! ```

/// Fewer digits are part of the name its author gave.
const SERIAL_DIGITS_MIN: usize = 4;
const DISPLAY_CLASS: &[u8] = b"DisplayClass";
const LAMBDA: &[u8] = b"lambda$";

/// Adds the normal form of `name` to `key`.
pub(super) fn add_normal(key: &mut Vec<u8>, name: &str) {
    let bytes = name.as_bytes();
    let begin = key.len();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        at += match byte {
            b'0'..=b'9' => {
                let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                if !is_numbered(&key[begin..], digits) {
                    key.extend_from_slice(&rest[..digits]);
                }
                digits
            }
            b'$' if rest.starts_with(b"$$") => rest.iter().take_while(|&&b| b != b'.').count(),
            b'|' => 1 + numbers(&rest[1..]),
            b'D' if rest.starts_with(DISPLAY_CLASS) => {
                key.extend_from_slice(DISPLAY_CLASS);
                DISPLAY_CLASS.len() + numbers(&rest[DISPLAY_CLASS.len()..])
            }
            b'l' if rest.starts_with(LAMBDA) => LAMBDA.len(),
            b'[' => bracket_len(rest),
            _ => {
                key.push(byte);
                1
            }
        };
    }
}

fn is_numbered(before: &[u8], digits: usize) -> bool {
    digits >= SERIAL_DIGITS_MIN || before.ends_with(b"$") || before.ends_with(b"__")
}

fn numbers(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&b| b.is_ascii_digit() || b == b'_').count()
}

/// Length of what the bracket at the front encloses, all of it when it is never closed.
fn bracket_len(bytes: &[u8]) -> usize {
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_builds_are_dropped() {
        let check = |name: &str, expected: &str| {
            let mut key = Vec::new();
            add_normal(&mut key, name);
            assert_eq!(String::from_utf8_lossy(&key), expected, "{name}");
        };
        check("com.shop.Cart2D.total", "com.shop.Cart2D.total");
        check("com.shop.Cart$1.run", "com.shop.Cart$.run");
        check("com.shop.Cart.lambda$total$12", "com.shop.Cart.total$");
        check("com.shop.Cart$$EnhancerBySpringCGLIB$$1a2b3c.total", "com.shop.Cart.total");
        check("Shop.Cart.<Total>d__5.MoveNext", "Shop.Cart.<Total>d__.MoveNext");
        check("Shop.<>c__DisplayClass3_0.<Total>b__0", "Shop.<>c__DisplayClass.<Total>b__");
        check("Shop.<Total>g__Sum|0_1", "Shop.<Total>g__Sum");
        check("Dictionary`2[System.String,List`1[X]].get_Item", "Dictionary`2.get_Item");
        check("main88989.handler", "main.handler");
        check("open[", "open");
        check("", "");
    }
}
