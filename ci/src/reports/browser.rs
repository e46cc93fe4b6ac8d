//! Looks at a page as a reader does: in a headless Chromium, with a window of 1280 by 800.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::shell::{self, Failure};

/// Names a Chromium other than the one on `PATH`.
pub(super) const VARIABLE: &str = "REPL_REPORT_BROWSER";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// What is on the screen without scrolling.
const WINDOW: &str = "--window-size=1280,800";

/// A script that looks, and writes down what it saw, a line each.
const PROBE: &str = include_str!("probe.js");

/// Where the script writes.
const SEEN: (&str, &str) = ("<pre id=\"probe\">", "</pre>");

/// The browser, where there is one.
pub(super) fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os(VARIABLE) {
        return Some(path.into());
    }
    NAMES.iter().find(|name| shell::is_installed(name)).map(PathBuf::from)
}

/// What is wrong with a page.
///
/// # Errors
/// The browser did not look at it.
pub(super) fn look(browser: &Path, page: &Path) -> Result<Vec<String>, Failure> {
    let shown = page.display().to_string();
    let text = fs::read_to_string(page).map_err(|error| Failure::io(&shown, &error))?;
    let probed = page.with_extension("probed.html");
    let script = format!("<script>{PROBE}</script></body>");
    let written = fs::write(&probed, text.replace("</body>", &script));
    written.map_err(|error| Failure::io(&probed.display().to_string(), &error))?;
    let profile = page.with_extension("profile");
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", WINDOW])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--timeout=30000", "--dump-dom"])
        .arg(format!("file://{}", probed.display()))
        .stdin(Stdio::null())
        // It complains of what a machine without a desktop lacks.
        .stderr(Stdio::null());
    let output = command.output();
    let removed = fs::remove_file(&probed).and_then(|()| fs::remove_dir_all(&profile));
    let output = output.map_err(|error| Failure::io(&shell::shown(&command), &error))?;
    let dom = String::from_utf8_lossy(&output.stdout);
    removed.map_err(|error| Failure::io(&shown, &error))?;
    findings(&dom).ok_or_else(|| Failure::new(format!("{shown}: the browser saw no page")))
}

/// What the script wrote down, but for how many texts it saw; `None` if it wrote nothing, or saw
/// nothing.
fn findings(dom: &str) -> Option<Vec<String>> {
    let (_, seen) = dom.split_once(SEEN.0)?;
    let (seen, _) = seen.split_once(SEEN.1)?;
    let mut lines = seen.lines();
    let texts: u64 = lines.next()?.strip_prefix("texts ")?.parse().ok()?;
    (texts > 0).then(|| lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> String {
        let verdict = "<h1><b id=\"property\">p</b> <b id=\"node\">n</b> <b id=\"time\">t</b></h1>";
        format!("<!DOCTYPE html><html><head></head><body>{verdict}{body}</body></html>")
    }

    /// What the browser finds in a page; nothing where there is no browser.
    fn seen(name: &str, body: &str) -> Option<Vec<String>> {
        let Some(browser) = find() else {
            eprintln!("skipped: no Chromium on PATH, and {VARIABLE} names none");
            return None;
        };
        let path = env::temp_dir().join(format!("ci-browser-{}-{name}.html", std::process::id()));
        fs::write(&path, page(body)).expect("the temporary folder is ours");
        let seen = look(&browser, &path).expect("the browser looks");
        fs::remove_file(&path).expect("it was written above");
        Some(seen)
    }

    #[test]
    fn texts_that_touch_are_seen_in_svg_and_in_html() {
        let svg = "<svg width=\"400\" height=\"60\"><text x=\"9\" y=\"40\">one text</text>\
                   <text x=\"30\" y=\"42\">another text</text></svg>";
        if let Some(seen) = seen("svg", svg) {
            assert_eq!(seen, ["\"one text\" and \"another text\" intersect"]);
        }
        let html = "<div style=\"position:relative;height:40px\"><p style=\"position:absolute\">one\
                    </p><p style=\"position:absolute\">two</p></div>";
        if let Some(seen) = seen("html", html) {
            assert_eq!(seen, ["\"one\" and \"two\" intersect"]);
        }
    }

    #[test]
    fn a_tidy_page_has_no_findings() {
        let body = "<p>A <b>word</b> in a line,<br>and a line.</p><table><tr><td>a<td>b</table>\
                    <div style=\"width:50px;overflow:hidden;white-space:nowrap\">cut off, not over \
                    </div><p>below</p>";
        assert_eq!(seen("tidy", body).unwrap_or_default(), Vec::<String>::new());
    }

    #[test]
    fn a_verdict_below_the_first_screen_and_a_wide_page_are_seen() {
        let body = "<p style=\"width:1300px\">wide</p><style>h1{margin-top:900px}</style>";
        if let Some(seen) = seen("below", body) {
            assert_eq!(seen.len(), 4, "{seen:?}");
            assert!(seen[0].contains("wide"), "{seen:?}");
            assert!(seen[1..].iter().all(|one| one.contains("first screen")), "{seen:?}");
        }
    }

    #[test]
    fn a_page_on_which_nothing_was_seen_is_no_good_page() {
        assert_eq!(findings("<html></html>"), None);
        assert_eq!(findings("<pre id=\"probe\">texts 0\n</pre>"), None);
        assert_eq!(findings("<pre id=\"probe\">texts 2\n</pre>"), Some(Vec::new()));
        let seen = findings("<pre id=\"probe\">texts 2\na\nb</pre>");
        assert_eq!(seen, Some(vec!["a".to_owned(), "b".to_owned()]));
    }
}
