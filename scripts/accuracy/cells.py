"""The cells of the report and the bounds that they are held to."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    name: str
    title: str
    preset: str
    heights: int
    # Number of squares across and down, and their side: the largest board that both cameras see whole at h = 0.
    board: tuple = (26, 15, 1.0)
    jog_mm: float = 0.0
    # Largest RMS error along an axis, and largest error, µm: of the best model, by a camera pair and by one camera.
    bounds: dict = field(default_factory=dict)
    quick: bool = False


STANDARD = "51° lens, k1 = −0.18, k2 = 0.06, a smooth 0.5 px part that no Brown model holds, 1280×720, 1 % noise"
LASER = "pitch 1 % and 0.4 % off, 20 µm smooth warp, 5 µm jitter of each line, sheet tilted by 0.15° against the axis"

CELLS = [
    Cell("standard", f"Standard: {STANDARD}", "standard", 201, bounds={"rms": 0.2, "max": 1.5}),
    Cell("standard-21", "Standard, 21 heights", "standard", 21, bounds={"rms": 0.5}, quick=True),
    Cell("mild", "Mild lens: k1 = −0.05, k2 = 0.01 and nothing that Brown's model does not hold", "mild", 41, quick=True),
    Cell("strong", "Strong lens: k1 = −0.35, k2 = 0.15, p1 = 0.0024, p2 = −0.0016", "strong", 41,
         bounds={"rms": 0.5}, quick=True),
    Cell("narrow", "Narrow lens: 15°, 80 mm away, 30 mm baseline, field of 21 mm", "narrow", 41, board=(24, 15, 0.7)),
    Cell("highres", "High resolution: 2448×2048", "highres", 21, board=(26, 22, 1.0)),
    Cell("noisy", "Noise of 3 % of full scale", "noisy", 41),
    Cell("defocus", "Defocus: blur grows by 0.15 px a millimetre of height", "defocus", 41),
    Cell("glare", "Glare: paper saturated over 10 % of the image", "glare", 41),
    Cell("laser", f"Laser print: {LASER}; no jogs", "laser", 41),
    Cell("laser-jogs", "The same laser print, with jogs of ±3 mm along x and y", "laser", 41, board=(20, 9, 1.0), jog_mm=3.0,
         bounds={"rms": 2.0}, quick=True),
]  # fmt: skip
