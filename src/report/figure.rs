//! What a figure of the report shows; [`draw`](super::draw) draws it.

/// Name, title and content of one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Of its files, without extension.
    pub name: String,
    /// Above the figure.
    pub title: String,
    /// What to look for; on the page only.
    pub caption: String,
    /// How much of the page's width it takes.
    pub width: Width,
    /// What is drawn.
    pub content: Content,
}

/// How much of the page's width a figure takes: letters come out alike on paper, 7 pt and more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Width {
    /// All of it.
    Full,
    /// Two figures side by side.
    Half,
}

/// The kinds of figures.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Series over one axis.
    Chart(Chart),
    /// Something over the image of a camera.
    Map(Map),
}

/// Series over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The horizontal axis.
    pub across: Across,
    /// What goes up, with its unit.
    pub up: String,
    /// How values go up.
    pub scale: Scale,
    /// At most three.
    pub series: Vec<Series>,
    /// A level not to be crossed, and what it is.
    pub limit: Option<(f64, String)>,
}

/// The horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Across {
    /// What goes across, with its unit.
    Number(String),
    /// One name at each of 0, 1, 2 ….
    Names(Vec<String>),
}

/// How values go up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From zero, or from the least value where some are negative.
    Linear,
    /// Decades alike; values at or below 0 are left out.
    Logarithmic,
}

/// One of up to three series: each has its colour and its marker, so neither alone has to tell them apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// Across and up, in the units of the axes.
    pub points: Vec<[f64; 2]>,
    /// How it is drawn.
    pub style: Style,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// Markers, joined by a line.
    Line,
    /// Markers alone.
    Markers,
    /// Steps, one for each bin; points are the bins' centres.
    Steps,
}

/// Something over the image of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Width and height of the image, px.
    pub size_px: [f64; 2],
    /// Coloured cells, if any.
    pub cells: Option<Cells>,
    /// Where arrows start and end, px.
    pub arrows: Vec<[[f64; 2]; 2]>,
    /// Thin lines, px.
    pub thin: Vec<Vec<[f64; 2]>>,
    /// Strong lines, px.
    pub strong: Vec<Vec<[f64; 2]>>,
    /// Said below the map: what lengths and colours mean.
    pub legend: String,
}

/// A value for each cell of an image, row by row from the upper left.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// Cells across the image.
    pub across: usize,
    /// Cells down the image.
    pub down: usize,
    /// None: nothing was seen there.
    pub values: Vec<Option<f64>>,
    /// What the darkest colour stands for; none has the lightest.
    pub most: f64,
    /// What the values are, with their unit.
    pub what: String,
}
