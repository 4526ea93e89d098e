//! CSV between stdin and stdout: rows keep their order, a failed row has a status and empty numbers.

use anyhow::Context;
use std::io::Read;

/// All rows of stdin as numbers, by header; a cell that is no number is NaN and gets its status later.
pub fn read_columns(names: &[&str]) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading stdin")?;
    parse_columns(&text, names)
}

fn parse_columns(text: &str, names: &[&str]) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().context("stdin: the header")?.clone();
    let places: Vec<usize> =
        names.iter().map(|name| header.iter().position(|column| column == *name)).collect::<Option<_>>().with_context(
            || {
                let found = header.iter().collect::<Vec<_>>().join(",");
                format!("stdin: the columns {} are needed, the header is '{found}'", names.join(","))
            },
        )?;
    reader
        .records()
        .map(|record| {
            let record = record.context("stdin")?;
            Ok(places.iter().map(|&i| record.get(i).and_then(|c| c.parse().ok()).unwrap_or(f64::NAN)).collect())
        })
        .collect()
}

/// A number as a cell, short but exact to a nanometre.
pub fn cell(value: f64) -> String {
    format!("{value:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_bad_cells_stay_in_place() {
        let rows = parse_columns("v, u ,extra\n1,2,x\n,oops,\n3,4,5\n", &["u", "v"]).unwrap();
        assert_eq!(rows[0], [2.0, 1.0]);
        assert!(rows[1].iter().all(|x| x.is_nan()));
        assert_eq!(rows[2], [4.0, 3.0]);
        let error = parse_columns("a,b\n1,2\n", &["u", "v"]).unwrap_err().to_string();
        assert!(error.contains("u,v") && error.contains("a,b"), "{error}");
    }
}
