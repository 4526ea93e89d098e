//! The table of layers in ARCHITECTURE.md, and the drawing under it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A row of the table.
pub struct Room {
    /// Folder below `src`; `.` for the files that lie there themselves.
    pub folder: String,
    /// Rooms that it must not know, though they lie below.
    pub must_not_use: Vec<String>,
}

/// From the ground up.
pub struct Layers(pub Vec<Room>);

pub fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")
}

/// What stands between two marks of the page.
fn between<'a>(text: &'a str, mark: &str) -> &'a str {
    let start = format!("<!-- {mark} -->\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("ARCHITECTURE.md has no mark {mark}"));
    rest.split_once("<!-- end -->").expect("the mark's end").0
}

impl Layers {
    pub fn declared() -> Self {
        let text = std::fs::read_to_string(page()).unwrap();
        let rows = between(&text, "layers").lines().skip(2);
        let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(String::from).collect::<Vec<_>>();
        let rooms = rows.map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            let folder = names(cells[0]).remove(0).trim_start_matches("src/").trim_end_matches('/').to_string();
            Room { folder, must_not_use: names(cells[2]) }
        });
        Layers(rooms.collect())
    }

    /// The room of a file: the longest folder that it lies in.
    pub fn of(&self, file: &str) -> usize {
        let lies_in = |room: &&(usize, &Room)| {
            file.strip_prefix(room.1.folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
                || room.1.folder == "." && !file.contains('/')
        };
        let rooms: Vec<(usize, &Room)> = self.0.iter().enumerate().collect();
        let room = rooms.iter().filter(lies_in).max_by_key(|room| room.1.folder.len());
        room.unwrap_or_else(|| panic!("{file} lies in no room of ARCHITECTURE.md's table")).0
    }
}

/// The rooms on the floor of `src` and what they take from each other, without what follows from other arrows.
pub fn drawing(imports: &BTreeMap<String, BTreeSet<String>>) -> String {
    let room = |file: &str| file.split_once('/').map(|(room, _)| room.to_string());
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, others) in imports {
        let Some(from) = room(file) else { continue };
        let entry = arrows.entry(from.clone()).or_default();
        entry.extend(others.iter().filter_map(|other| room(other)).filter(|to| *to != from));
    }
    let reaches = |from: &String, to: &String| {
        let (mut open, mut seen) = (vec![from], BTreeSet::new());
        while let Some(room) = open.pop() {
            for next in &arrows[room] {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    let mut text = String::from("```mermaid\nflowchart BT\n");
    for (from, others) in &arrows {
        let plain = |to: &&String| !others.iter().any(|between| between != *to && reaches(between, to));
        for to in others.iter().filter(plain) {
            text += &format!("    {from} --> {to}\n");
        }
    }
    text + "```\n"
}

/// Where the drawing stands.
const MARK: &str = "drawing: BLESS=1 cargo test --test borders";

/// Compares the drawing with the page's, or writes it there.
pub fn check_drawing(drawn: &str) {
    let text = std::fs::read_to_string(page()).unwrap();
    let found = between(&text, MARK);
    if std::env::var_os("BLESS").is_some() {
        let (before, after) = text.split_once(&format!("{MARK} -->\n{found}")).expect("the mark");
        std::fs::write(page(), format!("{before}{MARK} -->\n{drawn}{after}")).unwrap();
        return;
    }
    assert!(found == drawn, "ARCHITECTURE.md's drawing is stale: run BLESS=1 cargo test --test borders");
}
