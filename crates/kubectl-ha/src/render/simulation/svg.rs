//! A picture of one scenario: every zone with its nodes and pods, before and after, and the workloads that it hits.
//!
//! The colours are of Okabe and Ito's palette, which people with any colour vision tell apart, and nothing is told by
//! colour alone: what stays is a square, what goes is crossed out, what comes is round, what has no place is hollow.
//! Above 100 nodes each zone is drawn as one. No script, no font, no link: the file shows the same everywhere.
//! Source of the palette: Okabe and Ito, "Color Universal Design", <https://jfly.uni-koeln.de/color/>.

use std::fmt::Write;

use ha_core::impact::InstantVerdict;
use ha_core::report::simulation::{Scenario, Simulation, WorkloadOutcome};

use super::super::text::{count, cut};
use super::picture::{Node, NodeFate, Picture, Pods, Zone};

const BLUE: &str = "#0072B2";
const ORANGE: &str = "#E69F00";
const VERMILION: &str = "#D55E00";
const INK: &str = "#1a1a1a";
const GREY: &str = "#767676";
const PALE: &str = "#f2f2f2";

/// Up to so many nodes each is drawn.
const NODES: usize = 100;
/// So many zones and workloads are drawn.
const ZONES: usize = 40;
const WORKLOADS: usize = 24;
/// Above so many pods a node shows numbers.
const PODS: u32 = 40;

const MARGIN: usize = 24;
const PANEL: usize = 552;
const GAP: usize = 32;
const WIDTH: usize = 2 * MARGIN + 2 * PANEL + GAP;
const BOX: (usize, usize) = (104, 60);
const STEP: (usize, usize) = (112, 68);
const PER_ROW: usize = 5;
const ROW: usize = 20;

/// Which of the two halves is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Before,
    After,
}

/// Writes the picture of the first scenario.
pub(super) fn render(simulation: &Simulation, picture: &Picture) -> String {
    let Some(scenario) = simulation.scenarios.first() else {
        return Canvas::default().finish("", WIDTH, 2 * MARGIN);
    };
    let mut canvas = Canvas::default();
    let mut y = heading(&mut canvas, simulation, scenario);
    let each = picture.zones.iter().map(|zone| zone.nodes.len()).sum::<usize>() <= NODES;
    for zone in picture.zones.iter().take(ZONES) {
        for half in [Half::Before, Half::After] {
            let x = if half == Half::Before { MARGIN } else { MARGIN + PANEL + GAP };
            zone_name(&mut canvas, zone, x, y);
            if each { nodes(&mut canvas, zone, half, x, y + 8) } else { whole_zone(&mut canvas, zone, half, x, y + 8) }
        }
        y += if each { ROW + zone.nodes.len().div_ceil(PER_ROW) * STEP.1 } else { ROW + STEP.1 };
    }
    if picture.zones.len() > ZONES {
        canvas.text(MARGIN, y, 12, GREY, &format!("{} more", count(picture.zones.len() - ZONES, "zone")));
        y += ROW;
    }
    y = waiting(&mut canvas, picture.waiting, y);
    y = workloads(&mut canvas, scenario, y);
    canvas.finish(&super::table::what_happens(scenario), WIDTH, y + MARGIN)
}

/// The title, the legend and the names of the halves. Returns where to go on.
fn heading(canvas: &mut Canvas, simulation: &Simulation, scenario: &Scenario) -> usize {
    canvas.bold(MARGIN, 36, 18, &cut(&super::table::what_happens(scenario), 110));
    let source = &simulation.source;
    let mut line = format!("{}: {}, {}", source.name, count(source.nodes, "node"), count(source.pods, "pod"));
    if let Some(change) = &simulation.change {
        line.push_str(&format!(", with {} laid over it", change.source));
    }
    canvas.text(MARGIN, 56, 12, GREY, &cut(&line, 160));
    let mut x = MARGIN;
    for (mark, label) in
        [(Mark::Stays, "stays"), (Mark::Goes, "goes"), (Mark::Comes, "comes"), (Mark::Waits, "has no node")]
    {
        canvas.mark(mark, x, 70);
        canvas.text(x + 12, 77, 12, INK, &format!("pod {label}"));
        x += 110;
    }
    canvas.bold(MARGIN, 104, 14, "before");
    canvas.bold(MARGIN + PANEL + GAP, 104, 14, "after");
    126
}

fn zone_name(canvas: &mut Canvas, zone: &Zone, x: usize, y: usize) {
    let name = if zone.name.is_empty() { "without a zone".to_owned() } else { format!("zone {}", zone.name) };
    canvas.text(x, y, 12, INK, &cut(&name, 60));
}

fn nodes(canvas: &mut Canvas, zone: &Zone, half: Half, x: usize, y: usize) {
    for (position, node) in zone.nodes.iter().enumerate() {
        let (x, y) = (x + position % PER_ROW * STEP.0, y + position / PER_ROW * STEP.1);
        canvas.container(x, y, BOX.0, half == Half::After && node.fate != NodeFate::Stays);
        canvas.text(x + 5, y + 12, 10, INK, &cut(&node.name, 16));
        pods(canvas, node, half, x + 6, y + 19);
        if half == Half::After && node.fate != NodeFate::Stays {
            let word = if node.fate == NodeFate::Lost { "lost" } else { "drained" };
            canvas.text(x + 5, y + BOX.1 - 5, 10, VERMILION, word);
        }
    }
}

/// The marks of a node's pods; numbers where they are too many.
fn pods(canvas: &mut Canvas, node: &Node, half: Half, x: usize, y: usize) {
    let (other, mark) = match half {
        Half::Before => (node.pods.go, Mark::Goes),
        Half::After => (node.pods.come, Mark::Comes),
    };
    if node.pods.stay + other > PODS {
        for (row, (number, mark)) in [(node.pods.stay, Mark::Stays), (other, mark)].into_iter().enumerate() {
            canvas.mark(mark, x, y + 2 + row * 14);
            canvas.text(x + 12, y + 9 + row * 14, 10, INK, &number.to_string());
        }
        return;
    }
    let marks = std::iter::repeat_n(Mark::Stays, node.pods.stay as usize);
    for (position, mark) in marks.chain(std::iter::repeat_n(mark, other as usize)).enumerate() {
        canvas.mark(mark, x + position % 10 * 9, y + position / 10 * 9);
    }
}

/// A zone as one box: how many nodes, and a bar of its pods.
fn whole_zone(canvas: &mut Canvas, zone: &Zone, half: Half, x: usize, y: usize) {
    let hit = zone.nodes.iter().filter(|node| node.fate != NodeFate::Stays);
    let lost = zone.nodes.iter().any(|node| node.fate == NodeFate::Lost);
    let hit = hit.count();
    let pods = zone.nodes.iter().fold(Pods::default(), |sum, node| sum.plus(node.pods));
    canvas.container(x, y, PANEL, half == Half::After && hit == zone.nodes.len());
    let mut line = count(zone.nodes.len(), "node");
    if half == Half::After && hit > 0 {
        line.push_str(&format!(", {hit} {}", if lost { "lost" } else { "drained" }));
    }
    canvas.text(x + 8, y + 18, 12, INK, &line);
    let (other, colour, word) = match half {
        Half::Before => (pods.go, VERMILION, "go"),
        Half::After => (pods.come, ORANGE, "come"),
    };
    let most = u64::from((pods.stay + pods.go).max(pods.stay + pods.come)).max(1);
    let length = |number: u32| usize::try_from(u64::from(number) * 536 / most).unwrap_or(0);
    canvas.bar(x + 8, y + 26, length(pods.stay), BLUE);
    canvas.bar(x + 8 + length(pods.stay), y + 26, length(other), colour);
    canvas.text(x + 8, y + 52, 11, INK, &format!("{} pods stay, {other} {word}", pods.stay));
}

fn waiting(canvas: &mut Canvas, waiting: u32, y: usize) -> usize {
    if waiting == 0 {
        return y;
    }
    let x = MARGIN + PANEL + GAP;
    canvas.text(x, y + 8, 12, INK, &format!("Pending: {waiting}"));
    let shown = (waiting as usize).min(50);
    for position in 0..shown {
        canvas.mark(Mark::Waits, x + 100 + position * 9, y);
    }
    y + ROW
}

/// The workloads that lose something, the worst first: a bar of their replicas, and the numbers.
fn workloads(canvas: &mut Canvas, scenario: &Scenario, mut y: usize) -> usize {
    let broken: Vec<&WorkloadOutcome> = scenario.workloads.iter().filter(|outcome| !outcome.is_fine()).collect();
    y += 24;
    let fine = scenario.workloads.len() - broken.len();
    let title = match broken.len() {
        0 => "every workload that it touches keeps what it needs".to_owned(),
        number => {
            format!("{} of those that it touches lose something, {fine} keep what they need", count(number, "workload"))
        }
    };
    canvas.bold(MARGIN, y, 14, &title);
    y += 8;
    for outcome in broken.iter().take(WORKLOADS) {
        y += ROW;
        workload(canvas, outcome, y);
    }
    if broken.len() > WORKLOADS {
        y += ROW;
        canvas.text(MARGIN, y, 12, GREY, &format!("{} more", count(broken.len() - WORKLOADS, "workload")));
    }
    y
}

fn workload(canvas: &mut Canvas, outcome: &WorkloadOutcome, y: usize) {
    let (word, colour) = match outcome.instant.verdict {
        InstantVerdict::Down => ("DOWN", VERMILION),
        InstantVerdict::BelowMinimum | InstantVerdict::BelowQuorum => ("BELOW", VERMILION),
        InstantVerdict::Holds => ("PENDING", GREY),
    };
    canvas.text(MARGIN, y, 12, colour, word);
    canvas.text(MARGIN + 76, y, 12, INK, &cut(&outcome.object.to_string(), 62));
    let recovered = &outcome.recovered;
    let all = outcome.desired.max(outcome.before).max(1);
    let ready = outcome.instant.ready.min(all);
    let back = recovered.scheduled.min(all).saturating_sub(ready);
    let length = |number: u32| usize::try_from(u64::from(number) * 200 / u64::from(all)).unwrap_or(0);
    let x = MARGIN + PANEL + GAP;
    canvas.frame(x, y - 10, 200);
    canvas.bar(x, y - 10, length(ready), BLUE);
    canvas.bar(x + length(ready), y - 10, length(back), ORANGE);
    let missing = recovered.missing();
    let later = if missing == 0 { String::new() } else { format!(", {missing} without a node") };
    let text = format!("{ready} of {all} ready right after, then {} of {all}{later}", recovered.scheduled.min(all));
    canvas.text(x + 212, y, 12, INK, &text);
}

/// A pod.
#[derive(Clone, Copy)]
enum Mark {
    Stays,
    Goes,
    Comes,
    Waits,
}

/// The elements so far. Writing into a String cannot fail.
#[derive(Default)]
struct Canvas {
    out: String,
}

impl Canvas {
    fn text(&mut self, x: usize, y: usize, size: usize, colour: &str, text: &str) {
        let text = escape(text);
        let _ = writeln!(self.out, r#"<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{text}</text>"#);
    }

    fn bold(&mut self, x: usize, y: usize, size: usize, text: &str) {
        let text = escape(text);
        let weight = r#"font-weight="bold""#;
        let _ = writeln!(self.out, r#"<text x="{x}" y="{y}" font-size="{size}" {weight} fill="{INK}">{text}</text>"#);
    }

    /// A node or zone: dashed and grey when it is gone.
    fn container(&mut self, x: usize, y: usize, width: usize, is_gone: bool) {
        let (fill, dashes) = if is_gone { (PALE, r#" stroke-dasharray="4 3""#) } else { ("#ffffff", "") };
        let height = BOX.1;
        let _ = writeln!(
            self.out,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="{fill}" stroke="{GREY}"{dashes}/>"#
        );
    }

    fn frame(&mut self, x: usize, y: usize, width: usize) {
        let _ = writeln!(
            self.out,
            r#"<rect x="{x}" y="{y}" width="{width}" height="12" fill="none" stroke="{VERMILION}"/>"#
        );
    }

    fn bar(&mut self, x: usize, y: usize, width: usize, colour: &str) {
        if width > 0 {
            let _ = writeln!(self.out, r#"<rect x="{x}" y="{y}" width="{width}" height="12" fill="{colour}"/>"#);
        }
    }

    fn mark(&mut self, mark: Mark, x: usize, y: usize) {
        let (right, bottom) = (x + 7, y + 7);
        let _ = match mark {
            Mark::Stays => writeln!(self.out, r#"<rect x="{x}" y="{y}" width="7" height="7" fill="{BLUE}"/>"#),
            Mark::Comes => {
                writeln!(
                    self.out,
                    r#"<circle cx="{x}.5" cy="{y}.5" r="3.5" transform="translate(3 3)" fill="{ORANGE}"/>"#
                )
            }
            Mark::Goes => writeln!(
                self.out,
                r#"<path d="M{x} {y}L{right} {bottom}M{right} {y}L{x} {bottom}" stroke="{VERMILION}" stroke-width="2"/>"#
            ),
            Mark::Waits => writeln!(
                self.out,
                r#"<rect x="{x}" y="{y}" width="7" height="7" fill="none" stroke="{VERMILION}" stroke-width="1.5"/>"#
            ),
        };
    }

    fn finish(self, title: &str, width: usize, height: usize) -> String {
        let title = escape(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\">\n\
             <title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.out
        )
    }
}

/// Text as XML has it. Control characters are gone already (see `sanitize`); what XML forbids besides goes here.
fn escape(text: &str) -> String {
    quick_xml::escape::escape(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_text_opens_an_element_or_ends_an_attribute() {
        assert_eq!(escape("</title><script a='b\">&"), "&lt;/title&gt;&lt;script a=&apos;b&quot;&gt;&amp;");
    }
}
