//! The page from top to bottom: the verdict, the picture, the story, what it takes to fail, the
//! rest.

use repl_core::base::time::Instant;

use super::{
    Explained,
    story::{self, Class, Place, Row, Story},
    text::{counted, cut, escaped, seconds},
    timeline::{self, mark},
};
use crate::{evidence::Failure, record::Record, schedule::Nearest};

/// The look of the page.
const STYLE: &str = include_str!("style.css");

/// Buttons copy the text they stand beside.
const SCRIPT: &str = "document.addEventListener('click',e=>{const b=e.target.closest('button');\
    if(!b)return;const t=document.getElementById(b.dataset.copy);if(!t)return;\
    const s=getSelection();s.selectAllChildren(t);\
    if(navigator.clipboard)navigator.clipboard.writeText(t.textContent).catch(()=>{});\
    else document.execCommand('copy');b.textContent='copied';});";

/// How many lines of the trace are shown.
const TRACE_LINES: usize = 40;

/// How many marks are explained.
const MARKS_MAX: usize = 60;

/// Between two lanes of a story.
const COLUMN: usize = 96;

/// The whole file.
pub(super) fn page(explained: &Explained) -> String {
    let empty = Record::default();
    let Explained { report, .. } = explained;
    let record = report.record.as_ref().unwrap_or(&empty);
    let title = format!("{} seed {}", report.scenario, report.seed);
    let mut body = verdict(explained);
    let span = u64::try_from(report.virtual_span.as_nanos()).unwrap_or(u64::MAX);
    let end =
        report.failure.as_ref().map_or_else(|| Instant::from_nanos(span), |failure| failure.at);
    body += &picture(record, report.failure.as_ref(), end);
    if let Some(failure) = &report.failure {
        let story = story::story(record, failure);
        body += &chain(record, &story);
        body += &how(record, &story);
        body += &takes(explained);
        body += &mermaid(record, &story);
    } else {
        body += &takes(explained);
    }
    body += &trace(explained);
    body += &premises(explained);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        escaped(&title)
    )
}

fn verdict(explained: &Explained) -> String {
    let Explained { report, replay, .. } = explained;
    let run = format!("{} &middot; seed {}", escaped(&report.scenario), report.seed);
    let replay = format!(
        "<div class=\"replay\"><code id=\"replay\">{}</code>\
         <button data-copy=\"replay\">copy</button></div>",
        escaped(replay)
    );
    let Some(failure) = &report.failure else {
        return format!(
            "<header class=\"passed\" id=\"verdict\">\n<div class=\"run\">{run}</div>\n\
             <h1>passed <small>in {:.3} virtual seconds</small></h1>\n{replay}\n</header>\n",
            report.virtual_span.as_secs_f64()
        );
    };
    let node = escaped(failure.node.as_deref().unwrap_or("the lab"));
    format!(
        "<header id=\"verdict\">\n<div class=\"run\">{run} &middot; a property broke</div>\n\
         <h1><span id=\"property\">{}</span> <small>broke at <b id=\"node\">{node}</b>, \
         <b id=\"time\">{}</b> virtual seconds</small></h1>\n\
         <dl><dt>expected</dt><dd>{}</dd><dt>actual</dt><dd>{}</dd></dl>\n{replay}\n</header>\n",
        escaped(&failure.property),
        seconds(failure.at),
        escaped(&failure.expected),
        escaped(&failure.actual)
    )
}

fn picture(record: &Record, failure: Option<&Failure>, end: Instant) -> String {
    let marks = timeline::marked(record);
    let listed = marks.iter().take(MARKS_MAX).map(|(number, event)| {
        let (class, text) = mark(event);
        format!(
            "<li class=\"{class}\"><span class=\"n\">{number}</span><span class=\"time mono\">{}\
             </span><span>{}</span></li>\n",
            seconds(event.at),
            escaped(text)
        )
    });
    let list: String = listed.collect();
    let more = marks.len().saturating_sub(MARKS_MAX);
    let more =
        if more > 0 { format!("<p class=\"lead\">and {more} more</p>") } else { String::new() };
    format!(
        "<section>\n<h2>The run</h2>\n{LEGEND}{}\n<ol class=\"events\">\n{list}</ol>\n{more}\
         </section>\n",
        timeline::timeline(record, failure, end)
    )
}

/// What colours and strokes mean.
const LEGEND: &str = "<div class=\"legend\">\
    <span><i class=\"box\" style=\"background:#0072b2;opacity:.62\"></i>master</span>\
    <span><i class=\"box\" style=\"background:#0072b2;opacity:.28\"></i>replica; a colour is a \
    history</span>\
    <span><i style=\"border-color:#0b5a8f\"></i>PSYNC</span>\
    <span><i style=\"border-color:#c04f00\"></i>FULLRESYNC</span>\
    <span><i class=\"box\" style=\"background:#e69f00;opacity:.5\"></i>snapshot</span>\
    <span><i style=\"border-color:#00735c\"></i>CONTINUE</span>\
    <span><i style=\"border-color:#b3261e\"></i>refusal</span>\
    <span><i style=\"border-color:#9aa4ae;border-top-width:1px\"></i>stream</span>\
    <span><i style=\"border-top:1px dotted #0072b2\"></i>ACK</span>\
    <span><i class=\"box\" style=\"background:#b3261e;height:5px\"></i>cut</span>\
    <span><i class=\"box\" style=\"background:#e69f00;height:5px\"></i>stalled</span></div>\n";

fn chain(record: &Record, story: &Story) -> String {
    if story.chain.is_empty() {
        return String::new();
    }
    let links = story.chain.iter().map(|row| {
        let place = match &row.place {
            Place::Node(node) => format!("<b>{}</b> ", escaped(&record.nodes[*node])),
            Place::Lab(_) | Place::Between { .. } => String::new(),
        };
        let text = cut(&story::message_text(record, row), 200);
        format!(
            "<li><span class=\"time mono\">{}</span>{place}{}</li>\n",
            seconds(row.at),
            escaped(&text)
        )
    });
    format!(
        "<section>\n<h2>How it came to this</h2>\n<p class=\"lead\">From the failure back: what \
         last reached the node, where that came from, what had last reached that node, and so \
         on.</p>\n<ol class=\"chain\">\n{}</ol>\n</section>\n",
        links.collect::<String>()
    )
}

fn how(record: &Record, story: &Story) -> String {
    let rows: String = story.rows.iter().map(|row| story_row(record, row)).collect();
    let earlier = match story.earlier {
        0 => String::new(),
        count => format!(" {count} lines before these are left out."),
    };
    let names: String = record
        .nodes
        .iter()
        .enumerate()
        .map(|(node, name)| {
            format!(
                "<text x=\"{}\" y=\"13\" text-anchor=\"middle\">{}</text>",
                lane(node),
                escaped(name)
            )
        })
        .collect();
    let width = record.nodes.len() * COLUMN;
    format!(
        "<section>\n<h2>The last exchange</h2>\n<p class=\"lead\">What could have had a part in \
         the \
         failure: everything here happened before it on its node, or a chain of messages leads \
         from \
         it to that node. The chain of causes is marked.{earlier}</p>\n\
         <table class=\"story\"><colgroup><col style=\"width:92px\"><col style=\"width:{width}px\">\
         <col></colgroup><tr><td class=\"time\"></td><td><svg width=\"{width}\" \
         height=\"18\">{names}\
         </svg></td><td></td></tr>\n{rows}</table>\n</section>\n"
    )
}

const fn lane(node: usize) -> usize {
    COLUMN / 2 + node * COLUMN
}

fn story_row(record: &Record, row: &Row) -> String {
    let class = match (row.class, row.cause) {
        (Class::Failure, _) => "bad",
        (Class::Several, _) => "several",
        (_, true) => "cause",
        (_, false) => "",
    };
    let mut svg: String = (0..record.nodes.len())
        .map(|node| format!("<path class=\"life\" d=\"M{} 0v24\"/>", lane(node)))
        .collect();
    let colour = colour(row.class);
    svg += &match &row.place {
        Place::Lab(nodes) => nodes.iter().map(|node| dot(*node, colour)).collect(),
        Place::Node(node) => dot(*node, colour),
        Place::Between { from, to, arrived } => arrow(*from, *to, *arrived, colour),
    };
    let text = story::message_text(record, row);
    let text = match &row.place {
        Place::Node(node) => format!("{}: {text}", record.nodes[*node]),
        Place::Lab(_) | Place::Between { .. } => text,
    };
    let width = record.nodes.len() * COLUMN;
    format!(
        "<tr class=\"{class}\"><td class=\"time\">{}</td><td><svg width=\"{width}\" \
         height=\"24\">{svg}</svg></td><td class=\"text\" title=\"{}\">{}</td></tr>\n",
        seconds(row.at),
        escaped(&text),
        escaped(&cut(&text, 150))
    )
}

fn colour(class: Class) -> &'static str {
    match class {
        Class::Failure | Class::Fault => "#b3261e",
        Class::Protocol(kind) => match timeline::class(kind) {
            "psync" => "#0b5a8f",
            "full" | "snapshot" => "#c04f00",
            "continue" => "#00735c",
            _ => "#b3261e",
        },
        Class::Order | Class::Change | Class::Decision => "#1b1f24",
        Class::Log | Class::Stream | Class::Request | Class::Quiet | Class::Several => "#7a8490",
    }
}

fn dot(node: usize, colour: &str) -> String {
    format!("<circle cx=\"{}\" cy=\"12\" r=\"5\" fill=\"{colour}\"/>", lane(node))
}

fn arrow(from: usize, to: usize, arrived: bool, colour: &str) -> String {
    let (start, end) = (lane(from), lane(to));
    let ahead = if end > start { 1 } else { -1 };
    let signed = |place: usize| i64::try_from(place).unwrap_or(0);
    if arrived {
        let tip = signed(end) - ahead;
        let back = tip - 7 * ahead;
        return format!(
            "<path class=\"head\" stroke=\"{colour}\" d=\"M{start} 12H{tip}M{back} 8L{tip} \
             12L{back} 16\"/>"
        );
    }
    let middle = (signed(start) + signed(end)) / 2;
    format!(
        "<path class=\"head\" stroke=\"{colour}\" stroke-dasharray=\"4 3\" d=\"M{start} \
         12H{middle}\"/>\
         <path class=\"head\" stroke=\"{colour}\" d=\"M{} 8l8 8m0 -8l-8 8\"/>",
        middle - 4
    )
}

fn takes(explained: &Explained) -> String {
    let Some(schedule) = &explained.schedule else {
        return String::new();
    };
    let shown = escaped(schedule.to_string().trim_end());
    let left = format!(
        "<div><h2>The schedule</h2>\n<p class=\"lead\">All of the run: {}, {}, {}.</p>\n<pre \
         id=\"schedule\">{shown}</pre>\n\
         <p><button data-copy=\"schedule\">copy</button></p></div>\n",
        counted(schedule.nodes.len(), "node", "nodes"),
        counted(schedule.clients.len(), "client", "clients"),
        counted(schedule.events.len(), "event", "events")
    );
    let right = match (&explained.nearest, &explained.report.failure) {
        (Some(nearest), _) => nearest_text(nearest),
        (None, Some(_)) => "<div><h2>The nearest run that passes</h2>\n<p class=\"lead\">None was \
                            found by changing one thing.</p></div>\n"
            .to_owned(),
        (None, None) => String::new(),
    };
    format!("<section class=\"two\">\n{left}{right}</section>\n")
}

fn nearest_text(nearest: &Nearest) -> String {
    let shown = |lines: &[String]| {
        let lines = lines.iter().enumerate().map(|(place, line)| {
            let line = escaped(line);
            if place == nearest.shown_common_count { format!("<mark>{line}</mark>") } else { line }
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    format!(
        "<div><h2>The nearest run that passes</h2>\n<p class=\"lead\">It is the same run {}. The \
         first {} lines of both traces are the same; then they differ.</p>\n<p \
         class=\"lead\">The run \
         that fails:</p><pre>{}</pre>\n<p class=\"lead\">The run that \
         passes:</p><pre>{}</pre></div>\n",
        escaped(&nearest.change),
        nearest.common_count,
        shown(&nearest.lines[0]),
        shown(&nearest.lines[1])
    )
}

fn mermaid(record: &Record, story: &Story) -> String {
    format!(
        "<section>\n<h2>For an issue</h2>\n<p class=\"lead\">The last exchange as a sequence \
         diagram of \
         Mermaid.</p>\n<details><summary>show it</summary><pre id=\"mermaid\">{}</pre></details>\n\
         <p><button data-copy=\"mermaid\">copy</button></p>\n</section>\n",
        escaped(&story::mermaid(record, story))
    )
}

fn trace(explained: &Explained) -> String {
    let trace = &explained.report.trace;
    let from = trace.len().saturating_sub(TRACE_LINES);
    let lines: Vec<String> = trace[from..].iter().map(|line| escaped(line)).collect();
    format!(
        "<section>\n<h2>The end of the trace</h2>\n<p class=\"lead\">{} of {} lines: virtual \
         time, the \
         node's own clock, node, role, history, offset, event.</p>\n<pre>{}</pre>\n</section>\n",
        lines.len(),
        explained.report.trace_line_count,
        lines.join("\n")
    )
}

fn premises(explained: &Explained) -> String {
    let report = &explained.report;
    let cells = report.premises.iter().map(|(name, count)| {
        format!("<div><span>{}</span><span>{count}</span></div>\n", escaped(name))
    });
    let sent = report.record.as_ref().map(story::sent).unwrap_or_default();
    format!(
        "<section>\n<h2>What was checked</h2>\n<p class=\"lead\">How often the premise of each \
         property \
         held in this run. {} client commands were answered, {} faults met; {sent}.</p>\n\
         <div class=\"grid3\">\n{}</div>\n</section>\n",
        report.command_count,
        report.fault_count,
        cells.collect::<String>()
    )
}
