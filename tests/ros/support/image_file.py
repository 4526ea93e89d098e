"""Image messages as files, for a person to look at."""

import pathlib
import zlib


def save_png(path, message):
    """Writes a message whose encoding is rgb8."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    step = 3 * message.width
    rows = b"".join(b"\0" + bytes(message.data[v * step : (v + 1) * step]) for v in range(message.height))
    head = message.width.to_bytes(4, "big") + message.height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    pathlib.Path(path).write_bytes(png)
