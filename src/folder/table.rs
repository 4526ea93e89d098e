//! CSV of pixels and points: rows keep their order, a failed row has a status and empty numbers.

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The header lacks columns.
    #[error("the columns {wanted} are needed, the header is '{found}'")]
    Columns {
        /// Columns that are needed.
        wanted: String,
        /// Columns that were found.
        found: String,
    },
    /// The text is no CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// All rows as numbers, the columns found by header; a cell that is no number is NaN and gets its status later.
///
/// # Errors
/// [`TableError`] when a column is missing, or this is no text of lines and commas.
pub fn read_columns(text: &[u8], names: &[&str]) -> Result<Vec<Vec<f64>>, TableError> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).flexible(true).from_reader(text);
    let header = reader.headers()?.clone();
    let place = |name: &&str| header.iter().position(|column| column == *name);
    let places: Vec<usize> = names.iter().map(place).collect::<Option<_>>().ok_or_else(|| TableError::Columns {
        wanted: names.join(","),
        found: header.iter().collect::<Vec<_>>().join(","),
    })?;
    let number = |record: &csv::StringRecord, i: usize| record.get(i).and_then(|cell| cell.parse().ok());
    reader
        .records()
        .map(|record| {
            let record = record?;
            Ok(places.iter().map(|&i| number(&record, i).unwrap_or(f64::NAN)).collect())
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
        let rows = read_columns(b"v, u ,extra\n1,2,x\n,oops,\n3,4,5\n", &["u", "v"]).unwrap();
        assert_eq!(rows[0], [2.0, 1.0]);
        assert!(rows[1].iter().all(|x| x.is_nan()));
        assert_eq!(rows[2], [4.0, 3.0]);
        let error = read_columns(b"a,b\n1,2\n", &["u", "v"]).unwrap_err().to_string();
        assert!(error.contains("u,v") && error.contains("a,b"), "{error}");
    }
}
