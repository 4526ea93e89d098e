//! The sheet as PDF: vectors in millimetres, and a wish that viewers don't scale it.

use crate::target::{Shape, TEXT_MM, Target};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

/// Points, the unit of PDF, in a millimetre.
const POINTS: f32 = 72.0 / 25.4;
/// Control points of a quarter of a circle lie this share of the radius from its ends.
const ROUND: f32 = 0.552_284_8;
const FONT: Name = Name(b"Text");

impl Target {
    /// The sheet as PDF.
    pub fn pdf(&self) -> Vec<u8> {
        let [catalog, pages, page, content, font] = [1, 2, 3, 4, 5].map(Ref::new);
        let [width, height] = self.size_mm.map(|side| side as f32);
        let mut pdf = Pdf::new();
        let mut root = pdf.catalog(catalog);
        root.pages(pages);
        // The default of print dialogues is to shrink to the printer's margins.
        root.viewer_preferences().pair(Name(b"PrintScaling"), Name(b"None"));
        root.finish();
        pdf.pages(pages).kids([page]).count(1);
        let mut sheet = pdf.page(page);
        sheet.parent(pages).contents(content).media_box(Rect::new(0.0, 0.0, width * POINTS, height * POINTS));
        sheet.resources().fonts().pair(FONT, font);
        sheet.finish();
        // One of the fonts that every viewer has.
        pdf.type1_font(font).base_font(Name(b"Helvetica")).encoding_predefined(Name(b"WinAnsiEncoding"));
        pdf.stream(content, &self.drawing(height));
        pdf.finish()
    }

    fn drawing(&self, height: f32) -> Vec<u8> {
        let mut content = Content::new();
        // Millimetres, y up from the lower edge.
        content.transform([POINTS, 0.0, 0.0, POINTS, 0.0, 0.0]);
        for shape in &self.shapes {
            match *shape {
                Shape::Rect { at, size } => {
                    let [x, y, w, h] = [at[0], at[1], size[0], size[1]].map(|mm| mm as f32);
                    content.rect(x, height - y - h, w, h);
                }
                Shape::Circle { centre, radius } => {
                    let [x, y, r] = [centre[0], centre[1], radius].map(|mm| mm as f32);
                    circle(&mut content, x, height - y, r);
                }
            }
        }
        content.fill_nonzero();
        content.begin_text().set_font(FONT, TEXT_MM as f32);
        for ([x, y], line) in &self.text {
            // The sheet's text is Latin-1, which this encoding agrees with.
            let bytes: Vec<u8> = line.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect();
            content.set_text_matrix([1.0, 0.0, 0.0, 1.0, *x as f32, height - *y as f32]).show(Str(&bytes));
        }
        content.end_text();
        content.finish().into_vec()
    }
}

fn circle(content: &mut Content, x: f32, y: f32, r: f32) {
    let k = ROUND * r;
    content
        .move_to(x + r, y)
        .cubic_to(x + r, y + k, x + k, y + r, x, y + r)
        .cubic_to(x - k, y + r, x - r, y + k, x - r, y)
        .cubic_to(x - r, y - k, x - k, y - r, x, y - r)
        .cubic_to(x + k, y - r, x + r, y - k, x + r, y)
        .close_path();
}
