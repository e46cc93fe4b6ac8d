//! Just enough of Rust's lexical grammar to tell code from comments, strings and tests.
//!
//! A full parser would be heavier than all the checks together. What stands here errs to the safe
//! side: everything that is not certainly a comment or a literal counts as code.

use super::File;

/// `text` with comments and the contents of literals blanked. Lines stay where they are.
#[must_use]
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = token_end(&chars, at);
        if end == at {
            masked.push(chars[at]);
            at += 1;
        } else {
            masked.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    masked
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn token_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => {
            chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
        }
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' if at == 0 || !is_word(chars[at - 1]) || ends_in_prefix(&chars[..at]) => {
            raw_string_end(chars, at).unwrap_or(at)
        }
        '\'' if next == Some('\\') => {
            let close = chars.iter().skip(at + 3).position(|&c| c == '\'');
            close.map_or(chars.len(), |length| at + 3 + length + 1)
        }
        // `'x'` is a character; `'x` without the second quote is a lifetime.
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

/// Whether the `r` that follows belongs to `br"` or `cr"`.
fn ends_in_prefix(before: &[char]) -> bool {
    match before {
        [rest @ .., 'b' | 'c'] => rest.last().is_none_or(|&c| !is_word(c)),
        _ => false,
    }
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut at = at;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut at = at;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of `r"..."` or `r##"..."##`, or `None` when `r` begins a word.
fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let body = at + 1 + hashes + 1;
    if chars.get(body - 1) != Some(&'"') {
        return None;
    }
    let closes = |from: usize| {
        chars[from] == '"'
            && chars.get(from + 1..from + 1 + hashes).is_some_and(|s| s.iter().all(|&c| c == '#'))
    };
    let close = (body..chars.len()).find(|&from| closes(from));
    Some(close.map_or(chars.len(), |from| from + 1 + hashes))
}

/// Whether `c` may stand in an identifier.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The identifiers and keywords of masked text, each with the byte where it begins.
pub fn words(masked: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    masked.split(|c| !is_word(c)).filter_map(move |word| {
        let start = at;
        // What split the words is one character; only its length in bytes is not known.
        at += word.len() + masked[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

/// The line, counted from one, of the byte `at`.
#[must_use]
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1
}

/// The byte after the item that begins at `at`: after its `;`, or after the `}` that matches its
/// first `{`.
#[must_use]
pub fn item_end(masked: &str, at: usize) -> usize {
    let mut nested: usize = 0;
    let mut braces: usize = 0;
    for (offset, byte) in masked.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested = nested.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && nested == 0 {
                    return offset + 1;
                }
            }
            b';' if braces == 0 && nested == 0 => return offset + 1,
            _ => {}
        }
    }
    masked.len()
}

/// What remains of masked code without its tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// The masked text with every `#[cfg(test)]` item blanked. Lines stay where they are.
    pub code: String,
    /// Modules that are tests and live in files of their own (`#[cfg(test)] mod name;`).
    pub test_modules: Vec<String>,
}

/// Takes the tests out of masked text.
#[must_use]
pub fn without_tests(masked: &str) -> Product {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut code = String::with_capacity(masked.len());
    let mut test_modules = Vec::new();
    let mut rest = 0;
    while let Some(found) = masked[rest..].find(ATTRIBUTE) {
        let start = rest + found;
        let end = item_end(masked, start + ATTRIBUTE.len());
        let item = &masked[start..end];
        if let Some(name) = item.trim_end_matches(';').rsplit_once("mod ").map(|(_, name)| name)
            && item.ends_with(';')
        {
            test_modules.push(name.trim().to_owned());
        }
        code.push_str(&masked[rest..start]);
        code.extend(item.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = end;
    }
    code.push_str(&masked[rest..]);
    Product { code, test_modules }
}

/// The Rust files below `folder` without their tests; files that hold nothing but tests are left
/// out.
#[must_use]
pub fn products<'a>(files: &'a [File], folder: &str) -> Vec<(&'a File, Product)> {
    let mut products = Vec::new();
    let mut tests = Vec::new();
    for file in files.iter().filter(|file| file.is("rs") && file.path.starts_with(folder)) {
        let product = without_tests(&mask(&file.text));
        for module in &product.test_modules {
            tests.push(format!("{}{module}", folder_of_modules(&file.path)));
        }
        products.push((file, product));
    }
    products.retain(|(file, _)| {
        let module = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        !tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")))
    });
    products
}

/// Where the modules are that a file declares: `a/mod.rs` and `a.rs` -> `a/`, `src/lib.rs` ->
/// `src/`.
fn folder_of_modules(path: &str) -> String {
    let module = path.trim_end_matches(".rs");
    let root = ["/mod", "/lib", "/main"].iter().find_map(|name| module.strip_suffix(name));
    format!("{}/", root.unwrap_or(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_mask(text: &str, expect: &str) {
        assert_eq!(mask(text), expect);
    }

    #[test]
    fn comments_and_literals_are_blank() {
        check_mask("a // b\nc", "a     \nc");
        check_mask("a /* b /* c */ d */ e", "a                   e");
        check_mask(r#"f("x\"y") + g"#, "f(      ) + g");
        check_mask(r##"f(r#"x"y"#, br"z")"##, "f(        , b    )");
        check_mask("'a' + '\\'' + 'b", "    +      + 'b");
        check_mask("let for_r = bar;", "let for_r = bar;");
    }

    #[test]
    fn lines_stay_where_they_are() {
        check_mask("\"a\nb\"\nc", "  \n  \nc");
    }

    #[test]
    fn words_know_where_they_begin() {
        let found: Vec<_> = words("fn a_1(b)").collect();
        assert_eq!(found, [(0, "fn"), (3, "a_1"), (7, "b")]);
    }

    #[test]
    fn test_items_are_taken_out() {
        let product = without_tests("a;\n#[cfg(test)]\nmod tests { x { y } }\nb;");
        assert_eq!(product.code.replace(' ', ""), "a;\n\n\nb;");
        let product = without_tests("#[cfg(test)]\nmod wire;\nb;");
        assert_eq!(product.test_modules, ["wire"]);
        assert_eq!(product.code.trim(), "b;");
        let product = without_tests("#[cfg(test)]\nextern crate std;\nb;");
        assert_eq!((product.code.trim(), product.test_modules.len()), ("b;", 0));
    }

    #[test]
    fn files_that_are_nothing_but_tests_are_left_out() {
        let files = [
            File::new("src/base/mod.rs", "#[cfg(test)]\nmod wire;\nmod wired;\n"),
            File::new("src/base/wire.rs", ""),
            File::new("src/base/wire/deep.rs", ""),
            File::new("src/base/wired.rs", ""),
            File::new("src/lib.rs", "#[cfg(test)]\nmod all;\n"),
            File::new("src/all/mod.rs", ""),
            File::new("src/one.rs", "#[cfg(test)]\nmod tests;\n"),
            File::new("src/one/tests.rs", ""),
            File::new("other/one.rs", ""),
        ];
        let left = products(&files, "src/");
        let left: Vec<&str> = left.iter().map(|(file, _)| file.path.as_str()).collect();
        assert_eq!(left, ["src/base/mod.rs", "src/base/wired.rs", "src/lib.rs", "src/one.rs"]);
    }
}
