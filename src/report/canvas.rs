//! Lines, rings and text on a colour image, with a dark rim so that they are read on bright and dark ground alike.

use crate::GrayImage;
use crate::statistics::exceeds;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyleBuilder;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13_BOLD, FONT_9X15_BOLD};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use embedded_graphics::{Drawable, Pixel};
use image::{Rgb, RgbImage};
use nalgebra::Vector2;

/// Red, green, blue, 0 … 255.
pub type Colour = [f64; 3];

/// Dots per pixel of a line: its edge looks smooth.
const DOTS_PER_PX: f64 = 2.0;
/// Longer lines are not drawn: their ends lie far outside, or nowhere.
const MAX_DOTS: f64 = 1e5;
/// Rings farther outside are not drawn, px.
const MAX_REACH_PX: f64 = 1e5;
/// Larger rings are not drawn, px.
const MAX_RADIUS_PX: f64 = 1e4;

/// What is drawn on.
pub struct Canvas(pub RgbImage);

impl Canvas {
    /// The image as it is.
    pub fn of(image: &GrayImage) -> Self {
        Self::with(image, 0.0)
    }

    /// The image with its black lifted to `black`, 0 … 1, so that colours stand out on dark lines.
    pub fn with(image: &GrayImage, black: f64) -> Self {
        Canvas(RgbImage::from_fn(image.width(), image.height(), |u, v| {
            let value = f64::from(image.get_pixel(u, v).0[0].clamp(0.0, 1.0));
            Rgb([(255.0 * (black + (1.0 - black) * value)) as u8; 3])
        }))
    }

    /// Mixes `colour` into a pixel; nothing outside the image.
    pub fn blend(&mut self, u: i64, v: i64, colour: Colour, share: f64) {
        if u < 0 || v < 0 || u >= i64::from(self.0.width()) || v >= i64::from(self.0.height()) {
            return;
        }
        let pixel = self.0.get_pixel_mut(u as u32, v as u32);
        for (channel, colour) in pixel.0.iter_mut().zip(colour) {
            *channel = (f64::from(*channel) * (1.0 - share) + colour * share) as u8;
        }
    }

    /// Spreads a dot over the four pixels around it.
    pub fn dot(&mut self, at: Vector2<f64>, colour: Colour, share: f64) {
        let (u, v) = (at.x.floor(), at.y.floor());
        let (x, y) = (at.x - u, at.y - v);
        let parts = [(0, 0, (1.0 - x) * (1.0 - y)), (1, 0, x * (1.0 - y)), (0, 1, (1.0 - x) * y), (1, 1, x * y)];
        for (du, dv, part) in parts {
            self.blend(u as i64 + du, v as i64 + dv, colour, share * part);
        }
    }

    /// A smooth line of about 1.5 px.
    pub fn line(&mut self, from: Vector2<f64>, to: Vector2<f64>, colour: Colour) {
        let dots = (DOTS_PER_PX * (to - from).norm()).ceil();
        if exceeds(dots, MAX_DOTS) {
            return;
        }
        for dot in 0..=dots as usize {
            self.dot(from + (to - from) * (dot as f64 / dots.max(1.0)), colour, 0.75);
        }
    }

    /// The same, three lines wide with a dark rim.
    pub fn bold_line(&mut self, from: Vector2<f64>, to: Vector2<f64>, colour: Colour) {
        let along = (to - from).try_normalize(1e-9).unwrap_or_default();
        let across = Vector2::new(-along.y, along.x);
        for (offset, colour) in [(-2.0, [0.0; 3]), (2.0, [0.0; 3]), (-1.0, colour), (0.0, colour), (1.0, colour)] {
            self.line(from + across * offset, to + across * offset, colour);
        }
    }

    /// A ring with a dark rim.
    pub fn ring(&mut self, at: Vector2<f64>, radius: f64, colour: Colour) {
        if exceeds(at.norm(), MAX_REACH_PX) || exceeds(radius, MAX_RADIUS_PX) {
            return;
        }
        let rims = [(radius - 2.0, [0.0; 3]), (radius + 2.0, [0.0; 3]), (radius - 0.5, colour), (radius + 0.5, colour)];
        for (radius, colour) in rims {
            let dots = (DOTS_PER_PX * std::f64::consts::TAU * radius.max(0.0)) as usize;
            for dot in 0..dots {
                let (sin, cos) = (std::f64::consts::TAU * dot as f64 / dots as f64).sin_cos();
                self.dot(at + Vector2::new(cos, sin) * radius, colour, 0.8);
            }
        }
    }

    /// A cross of two lines.
    pub fn cross(&mut self, at: Vector2<f64>, reach: i64, colour: Colour) {
        let (u, v) = (at.x.round() as i64, at.y.round() as i64);
        for step in -reach..=reach {
            self.blend(u + step, v, colour, 0.9);
            self.blend(u, v + step, colour, 0.9);
        }
    }

    /// Latin text on black, its middle at `at`, moved so that it lies in the image. Small images get a small font.
    pub fn label(&mut self, text: &str, at: Vector2<f64>, colour: Colour) {
        let font = if self.0.width() < 900 { &FONT_7X13_BOLD } else { &FONT_9X15_BOLD };
        let [red, green, blue] = colour.map(|c| c as u8);
        let style = MonoTextStyleBuilder::new()
            .font(font)
            .text_color(Rgb888::new(red, green, blue))
            .background_color(Rgb888::BLACK)
            .build();
        let size = font.character_size;
        let half = [text.chars().count() as f64 * f64::from(size.width) / 2.0, f64::from(size.height) / 2.0];
        let within = |x: f64, half: f64, size: u32| x.min(f64::from(size) - half).max(half) as i32;
        let place = Point::new(within(at.x, half[0], self.0.width()), within(at.y, half[1], self.0.height()));
        let middle = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Middle).build();
        // Drawing into memory does not fail.
        let _ = Text::with_text_style(text, place, style, middle).draw(self);
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(at, colour) in pixels {
            let colour = [colour.r(), colour.g(), colour.b()].map(f64::from);
            self.blend(at.x.into(), at.y.into(), colour, 1.0);
        }
        Ok(())
    }
}
