//! The origin mark on paper: which cells around the origin hold a dot, and the pitch that they tell.
//!
//! Cell (c, r) lies between v lines c and c + 1 and h lines r and r + 1. They count from the origin along the print's +x
//! and +y. The mark fills c = −3 … 2 and r = −2 … 1; the 28 cells around that stay blank:
//! ```text
//!   r =  1    #  14  10  11  15   #        # a dot, . none, always: the four corners, and the cell between +x and +y
//!        0    6   2   .   #   3   7        n  code cell n
//!            ─────────  +  ──────────  +x  + the origin
//!       −1    4   0   .   .   1   5
//!       −2    #  12   8   9  13   #
//!       c =  −3  −2  −1   0   1   2
//! ```
//! The code is an extended Hamming code: with a dot in an odd number of code cells, the exclusive or of their numbers is
//! 0. Cells 3, 5, 6, 7, 9 … 15 are bits 0 … 10 of the nominal pitch in hundredths of a millimetre. Cells 0, 1, 2, 4, 8
//! follow from them.
//! Any two codes differ in four cells. Mirroring or turning the sheet by 180° maps n to n ⊕ 1, 2 or 3. The number of dots
//! is odd, so what is read then is never a code. Read at any wrong place, in any orientation, at least two cells are
//! wrong.

use crate::statistics::exceeds;
use std::ops::RangeInclusive;

/// Cells of the mark along x and along y.
pub const COLUMNS: RangeInclusive<i32> = -3..=2;
/// Cells of the mark along y.
pub const ROWS: RangeInclusive<i32> = -2..=1;
/// Diameter of a dot, pitches.
pub const DOT_PITCHES: f64 = 0.5;
/// Largest pitch that fits into the code, mm.
pub const MAX_PITCH_MM: f64 = 20.47;

/// The mark of one nominal pitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    hundredths: u16,
}

/// The mark can't tell a pitch.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "a pitch of {pitch_mm} mm is no whole number of hundredths of a millimetre between 0.01 and {MAX_PITCH_MM}, as the origin \
     mark tells it: choose one that is, or leave the mark out"
)]
pub struct NoMark {
    /// The pitch, mm.
    pub pitch_mm: f64,
}

/// What a cell of the mark is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Always(bool),
    Code(usize),
}

fn role([column, row]: [i32; 2]) -> Role {
    // How far from the lines through the origin, 0 … 2 and 0 … 1.
    let [x, y] = [column, row].map(|i| if i < 0 { -1 - i } else { i });
    let quarter = usize::from(column >= 0) + 2 * usize::from(row >= 0);
    match (x, y) {
        (0, 0) => Role::Always(quarter == 3),
        (1, 0) => Role::Code(quarter),
        (2, 0) => Role::Code(4 + quarter),
        (0, 1) => Role::Code(8 + quarter),
        (1, 1) => Role::Code(12 + quarter),
        _ => Role::Always(true),
    }
}

fn cells() -> impl Iterator<Item = [i32; 2]> {
    ROWS.flat_map(|row| COLUMNS.map(move |column| [column, row]))
}

/// Cells around the mark.
fn margin() -> impl Iterator<Item = [i32; 2]> {
    let inside = |[column, row]: &[i32; 2]| COLUMNS.contains(column) && ROWS.contains(row);
    (ROWS.start() - 1..=ROWS.end() + 1)
        .flat_map(|row| (COLUMNS.start() - 1..=COLUMNS.end() + 1).map(move |column| [column, row]))
        .filter(move |cell| !inside(cell))
}

/// What a place looks like as the place of a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The mark, where it is beyond doubt.
    pub mark: Option<Mark>,
    /// Cells of the mark that can't be read.
    pub unread: usize,
    /// Dark cells in the blank margin.
    pub soiled: usize,
}

/// Fewest of the eight cells that are always alike, and of the dots among them, that make a damaged mark a mark.
const MIN_FIXED: usize = 5;
const MIN_DOTS: usize = 3;

impl Mark {
    /// # Errors
    /// [`NoMark`].
    pub fn of_pitch_mm(pitch_mm: f64) -> Result<Self, NoMark> {
        let hundredths = 100.0 * pitch_mm;
        let whole = hundredths.round();
        if exceeds((hundredths - whole).abs(), 1e-6) || !(1.0..=100.0 * MAX_PITCH_MM).contains(&whole) {
            return Err(NoMark { pitch_mm });
        }
        Ok(Mark { hundredths: whole as u16 })
    }

    /// Nominal pitch, mm.
    pub fn pitch_mm(self) -> f64 {
        f64::from(self.hundredths) / 100.0
    }

    /// Whether there is a dot in a cell.
    pub fn is_dot(self, cell: [i32; 2]) -> bool {
        if !COLUMNS.contains(&cell[0]) || !ROWS.contains(&cell[1]) {
            return false;
        }
        match role(cell) {
            Role::Always(dot) => dot,
            Role::Code(place) => self.code() >> place & 1 == 1,
        }
    }

    /// All cells with a dot.
    pub fn dots(self) -> impl Iterator<Item = [i32; 2]> {
        cells().filter(move |cell| self.is_dot(*cell))
    }

    /// Whether a dot lies in one of the four cells around the intersection of `lines` = (x, y) from the origin.
    pub fn touches(self, [x, y]: [i32; 2]) -> bool {
        [[x, y], [x - 1, y], [x, y - 1], [x - 1, y - 1]].into_iter().any(|cell| self.is_dot(cell))
    }

    /// Bit n: whether there is a dot in code cell n.
    fn code(self) -> u16 {
        let data = data_places().enumerate().filter(|(bit, _)| self.hundredths >> bit & 1 == 1);
        let mut code = data.fold(0, |code, (_, place)| code | 1 << place);
        // Places 1, 2, 4, 8 make the exclusive or 0, place 0 the number odd.
        code |= [1, 2, 4, 8].into_iter().filter(|place| check(code) & place != 0).fold(0, |bits, p| bits | 1 << p);
        code | u16::from(code.count_ones() % 2 == 0)
    }

    fn of_code(code: u16) -> Option<Self> {
        let hundredths = data_places().enumerate().fold(0, |sum, (bit, place)| sum | (code >> place & 1) << bit);
        (hundredths > 0 && check(code) == 0 && code.count_ones() % 2 == 1).then_some(Mark { hundredths })
    }

    /// Reads the cells of a place; `None` from `dark` is a cell that is out of sight or neither light nor dark.
    ///
    /// `None` where no mark is, whole or damaged. One unread cell is made up for if all others agree with the only mark
    /// that is possible then; wrong ones are not.
    pub fn read(dark: impl Fn([i32; 2]) -> Option<bool>) -> Option<Reading> {
        let mut reading = Reading::default();
        let (mut fixed, mut dots) = (0, 0);
        let (mut code, mut gaps) = (0_u16, 0_u16);
        for cell in cells() {
            match (role(cell), dark(cell)) {
                (Role::Always(dot), Some(is_dark)) if dot != is_dark => return None,
                (Role::Always(dot), Some(_)) => {
                    fixed += 1;
                    dots += usize::from(dot);
                }
                (Role::Always(_), None) => reading.unread += 1,
                (Role::Code(place), Some(is_dark)) => code |= u16::from(is_dark) << place,
                (Role::Code(place), None) => {
                    reading.unread += 1;
                    gaps |= 1 << place;
                }
            }
        }
        if fixed < MIN_FIXED || dots < MIN_DOTS {
            return None;
        }
        reading.soiled = margin().filter(|cell| dark(*cell) == Some(true)).count();
        if reading.unread <= 1 && reading.soiled == 0 {
            // A gap may be a dot or none; the two differ in one cell, so that at most one is a code.
            reading.mark = Mark::of_code(code).or_else(|| Mark::of_code(code | gaps));
        }
        Some(reading)
    }
}

/// Code cells that hold the bits of the pitch, lowest first.
fn data_places() -> impl Iterator<Item = usize> {
    (3..16).filter(|place: &usize| !place.is_power_of_two())
}

/// Exclusive or of the numbers of the code cells with a dot.
fn check(code: u16) -> usize {
    (0..16).filter(|place| code >> place & 1 == 1).fold(0, |sum, place| sum ^ place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Mark> {
        (1..2048).map(|hundredths| Mark { hundredths })
    }

    #[test]
    fn every_pitch_comes_back_even_with_one_cell_unread_but_never_with_two() {
        for mark in all() {
            let read = |gaps: &[[i32; 2]]| Mark::read(|cell| (!gaps.contains(&cell)).then(|| mark.is_dot(cell)));
            assert_eq!(read(&[]).unwrap().mark, Some(mark));
            for gap in cells() {
                assert_eq!(read(&[gap]).unwrap().mark, Some(mark), "{gap:?}");
            }
            let two = read(&[[1, 0], [-2, 1]]).unwrap();
            assert_eq!((two.mark, two.unread), (None, 2));
        }
    }

    #[test]
    fn one_or_two_wrong_cells_are_never_made_up_for() {
        let all_cells: Vec<[i32; 2]> = cells().chain(margin()).collect();
        for mark in all().step_by(97) {
            for (n, one) in all_cells.iter().enumerate() {
                for two in &all_cells[n..] {
                    let wrong = [*one, *two];
                    for gap in [None].into_iter().chain(cells().filter(|cell| !wrong.contains(cell)).map(Some)) {
                        let dark = |cell| (Some(cell) != gap).then(|| mark.is_dot(cell) ^ wrong.contains(&cell));
                        let found = Mark::read(dark).and_then(|reading| reading.mark);
                        assert_eq!(found, None, "{wrong:?} wrong, {gap:?} unread");
                    }
                }
            }
        }
    }

    /// All eight orientations, all shifts: what is read there is two cells off at least, so that a gap makes no mark of it.
    #[test]
    fn nothing_is_read_at_a_wrong_place() {
        let turns = [1, -1].into_iter().flat_map(|a| [1, -1].map(|b| [[a, 0], [0, b]]));
        let turns: Vec<_> = turns.flat_map(|[x, y]| [[x, y], [y, x]]).collect();
        for mark in all() {
            for (turn, [x, y]) in turns.iter().flat_map(|turn| shifts().map(move |shift| (turn, shift))) {
                if (*turn, [x, y]) == ([[1, 0], [0, 1]], [0, 0]) {
                    continue;
                }
                let place = |[column, row]: [i32; 2]| {
                    let (a, b) = (2 * column + 1, 2 * row + 1);
                    let [p, q] = [turn[0][0] * a + turn[0][1] * b, turn[1][0] * a + turn[1][1] * b];
                    [(p - 1) / 2 + x, (q - 1) / 2 + y]
                };
                let read = |cell| mark.is_dot(place(cell));
                let (mut code, mut wrong) = (0_u16, 0);
                for cell in cells() {
                    match role(cell) {
                        Role::Always(dot) => wrong += u32::from(dot != read(cell)),
                        Role::Code(n) => code |= u16::from(read(cell)) << n,
                    }
                }
                wrong += match (check(code), code.count_ones() % 2) {
                    (0, 1) => 0,
                    (_, 0) => 1,
                    _ => 2,
                };
                assert!(wrong >= 2, "{mark:?} turned by {turn:?}, shifted by ({x}, {y})");
            }
        }
    }

    fn shifts() -> impl Iterator<Item = [i32; 2]> {
        (-6..=6).flat_map(|x| (-6..=6).map(move |y| [x, y]))
    }

    #[test]
    fn what_the_code_can_not_tell_is_refused() {
        assert_eq!(Mark::of_pitch_mm(1.1).unwrap().pitch_mm(), 1.1);
        assert_eq!(Mark::of_pitch_mm(20.47).unwrap().pitch_mm(), 20.47);
        for pitch_mm in [0.0, -1.1, 1.105, 20.48, f64::NAN] {
            assert!(Mark::of_pitch_mm(pitch_mm).unwrap_err().to_string().contains(&pitch_mm.to_string()));
        }
    }
}
