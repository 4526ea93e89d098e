"""The overlay: the grid as the calibration predicts it, drawn over the image."""

import pytest
from sensor_msgs.msg import Image

from support.image_file import save_png


@pytest.mark.parametrize("camera", ["left", "right"])
def test_an_overlay_draws_the_grid_over_the_image(shown, camera, request):
    raw = shown.client.latest(Image, f"{camera}/image_raw")
    drawn = shown.client.latest(Image, f"calibration_node/{camera}/overlay")
    assert (drawn.width, drawn.height, drawn.encoding) == (raw.width, raw.height, "rgb8")
    pixels = list(zip(*[iter(drawn.data)] * 3))
    blue = sum(b > r + 60 for r, _, b in pixels) / len(pixels)
    orange = sum(r > b + 60 for r, _, b in pixels) / len(pixels)
    assert 0.02 < blue < 0.3 and 0.02 < orange < 0.3, (blue, orange)
    # The origin's ring and the magenta rings of the worst intersections.
    assert any(r > 200 and g < 120 and b > 200 for r, g, b in pixels)
    if folder := request.config.getoption("--images", None):
        save_png(f"{folder}/overlay_{camera}.png", drawn)
