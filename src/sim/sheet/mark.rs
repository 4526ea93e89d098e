//! The dots of the origin mark, drawn from the table in docs/target.md and from nothing else.
//!
//! Places are in pitches from the origin, x to the right and y up as in the table.

/// Rows from the top; `#` a dot, `.` none, a letter the code cell of that number in base 16.
const TABLE: [&str; 4] = ["#eabf#", "62.#37", "40..15", "#c89d#"];

/// Code cells whose number of dots is even, with check cell 1, 2, 4 and 8 in this order.
const EVEN: [[usize; 8]; 4] = [
    [1, 3, 5, 7, 9, 11, 13, 15],
    [2, 3, 6, 7, 10, 11, 14, 15],
    [4, 5, 6, 7, 12, 13, 14, 15],
    [8, 9, 10, 11, 12, 13, 14, 15],
];

/// Code cells of bits 0 … 10 of the pitch in hundredths of a millimetre.
const BITS: [usize; 11] = [3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15];

/// Whether the pattern has room for a pitch.
pub fn pattern_tells(pitch_mm: f64) -> bool {
    let hundredths = pitch_mm * 100.0;
    (hundredths - hundredths.round()).abs() < 1e-6 && (0.5..2047.5).contains(&hundredths)
}

/// Which of the 6 × 4 cells hold a dot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pattern {
    /// By row from the bottom and column from the left.
    dots: [[bool; 6]; 4],
}

impl Pattern {
    /// Diameter of a dot, pitches.
    pub const DIAMETER: f64 = 0.5;

    /// The pattern of a nominal pitch.
    pub fn of_pitch_mm(pitch_mm: f64) -> Self {
        let hundredths = (pitch_mm * 100.0).round() as u32;
        let mut code = [false; 16];
        for (bit, cell) in BITS.into_iter().enumerate() {
            code[cell] = hundredths & (1 << bit) != 0;
        }
        for group in EVEN {
            code[group[0]] = group[1..].iter().filter(|cell| code[**cell]).count() % 2 == 1;
        }
        // And an odd number in all.
        code[0] = code[1..].iter().filter(|dot| **dot).count() % 2 == 0;
        let mut dots = [[false; 6]; 4];
        for (row, text) in dots.iter_mut().rev().zip(TABLE) {
            for (dot, letter) in row.iter_mut().zip(text.chars()) {
                *dot = letter == '#' || letter.to_digit(16).is_some_and(|cell| code[cell as usize]);
            }
        }
        Pattern { dots }
    }

    /// Centres of the dots in the cell of a place and in the cells around it.
    pub fn dots_near(&self, [x, y]: [f64; 2]) -> impl Iterator<Item = [f64; 2]> + '_ {
        // Column 0 begins three pitches left of the origin, row 0 two below it.
        let (column, row) = ((x + 3.0).floor() as i64, (y + 2.0).floor() as i64);
        let near = move |i: i64, count: usize| {
            let clamped = |i: i64| i.clamp(0, count as i64) as usize;
            clamped(i - 1)..clamped(i + 2)
        };
        near(row, 4)
            .flat_map(move |row| near(column, 6).map(move |column| (row, column)))
            .filter(|(row, column)| self.dots[*row][*column])
            .map(|(row, column)| [column as f64 - 2.5, row as f64 - 1.5])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 110 is 64 + 32 + 8 + 4 + 2, so cells 11, 10, 7, 6, 5. Then 4, 2 and 8 stay empty or not by the groups.
    #[test]
    fn the_pattern_of_one_point_one_millimetres() {
        let rows = Pattern::of_pitch_mm(1.1).dots.map(|row| row.map(|dot| if dot { '#' } else { '.' }));
        let drawn: Vec<String> = rows.iter().rev().map(|row| row.iter().collect()).collect();
        assert_eq!(drawn, ["#.##.#", "#..#.#", "#...##", "#....#"]);
    }

    #[test]
    fn dots_are_found_from_the_cells_around_them_only() {
        let pattern = Pattern::of_pitch_mm(1.1);
        let near = |x: f64, y: f64| pattern.dots_near([x, y]).count();
        assert_eq!(near(-4.2, 0.0), 0);
        // The lower left corner, from outside.
        assert_eq!(pattern.dots_near([-3.1, -2.1]).collect::<Vec<_>>(), [[-2.5, -1.5]]);
        // Between the cell of +x and +y and its neighbours.
        assert_eq!(near(0.5, 0.5), 4);
        assert_eq!(near(3.9, 5.0), 0);
    }
}
