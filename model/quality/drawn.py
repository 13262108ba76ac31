"""Draw pictures that photos say nothing about: text, screens, sketches, icons, plain pictures.

Every seed draws another picture; two pictures of a kind are never the same picture, however alike
they are.
"""

import random
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Draw = Callable[[int], Image.Image]
# fmt: off
_WORDS = (
    "the", "of", "and", "to", "in", "is", "that", "it", "was", "for", "on", "are", "as", "with",
    "they", "be", "at", "one", "have", "this", "from", "or", "had", "by", "word", "but", "what",
    "some", "we", "can", "out", "other", "were", "all", "there", "when", "up", "use", "your",
    "how", "said", "an", "each", "she", "which", "do", "their", "time", "if", "will", "way",
    "about", "many", "then", "them", "write", "would", "like", "so", "these", "her", "long",
    "make", "thing", "see", "him", "two", "has", "look", "more", "day", "could", "go", "come",
    "did", "number", "sound", "no", "most", "people", "my", "over", "know", "water", "than",
    "call", "first", "who",
)
# fmt: on
_INK, _PAPER = (25, 25, 30), (255, 255, 255)


def page(seed: int) -> Image.Image:
    """Draw a page of text: a title and paragraphs, on paper of one size with the same margins."""
    dice = random.Random(f"page {seed}")
    image = Image.new("RGB", (620, 877), _PAPER)
    draw = ImageDraw.Draw(image)
    title, body = ImageFont.load_default(size=26), ImageFont.load_default(size=13)
    draw.text((60, 60), _words(dice, 4).title(), fill=_INK, font=title)
    down = 110
    while down < 800:
        for _ in range(dice.randint(3, 9)):
            if down >= 800:
                break
            draw.text((60, down), _line(dice, body, 500), fill=_INK, font=body)
            down += 18
        down += 14
    return image


def table(seed: int) -> Image.Image:
    """Draw a window of an office program: the same menus around another table of figures."""
    dice = random.Random(f"table {seed}")
    image = Image.new("RGB", (1024, 640), (246, 247, 249))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=15)
    draw.rectangle((0, 0, 1024, 44), fill=(38, 70, 120))
    draw.text((20, 13), "Orders   Products   Customers   Reports", fill=_PAPER, font=font)
    draw.rectangle((0, 44, 180, 640), fill=(228, 232, 238))
    for row, name in enumerate(("Open", "Packed", "Sent", "Paid", "Returned", "All")):
        draw.text((24, 70 + 34 * row), name, fill=_INK, font=font)
    for row in range(dice.randint(8, 18)):
        down = 70 + 30 * row
        draw.line((200, down + 24, 1000, down + 24), fill=(215, 218, 224))
        cells = (str(dice.randint(10_000, 99_999)), _words(dice, 2), _words(dice, 1))
        for across, text in zip((210, 320, 600), cells, strict=True):
            draw.text((across, down), text, fill=_INK, font=font)
        draw.text((860, down), f"{dice.uniform(1, 999):.2f}", fill=_INK, font=font)
    return image


def chat(seed: int) -> Image.Image:
    """Draw a phone's screen: messages on the left and right in bubbles of two colours."""
    dice = random.Random(f"chat {seed}")
    image = Image.new("RGB", (360, 780), (236, 229, 221))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    draw.rectangle((0, 0, 360, 60), fill=(18, 110, 98))
    draw.text((60, 20), _words(dice, 2).title(), fill=_PAPER, font=font)
    draw.rectangle((0, 730, 360, 780), fill=(245, 245, 245))
    down = 76
    while down < 700:
        lines = [_line(dice, font, dice.randint(60, 210)) for _ in range(dice.randint(1, 3))]
        width = max(draw.textlength(line, font) for line in lines) + 20
        mine = dice.random() < 0.5
        left, height = 346 - width if mine else 14, 20 * len(lines) + 12
        if down + height > 722:
            break
        fill = (220, 248, 198) if mine else _PAPER
        draw.rounded_rectangle((left, down, left + width, down + height), 8, fill=fill)
        for row, line in enumerate(lines):
            draw.text((left + 10, down + 6 + 20 * row), line, fill=_INK, font=font)
        down += height + 10
    return image


def sketch(seed: int) -> Image.Image:
    """Draw strokes of a pen on white paper."""
    dice = random.Random(f"sketch {seed}")
    large = Image.new("RGB", (800, 800), _PAPER)
    draw = ImageDraw.Draw(large)
    for _ in range(dice.randint(4, 12)):
        x, y = dice.uniform(150, 650), dice.uniform(150, 650)
        angle, bend = dice.uniform(0, 6.3), dice.uniform(-0.12, 0.12)
        points = []
        for _ in range(dice.randint(10, 45)):
            points.append((x, y))
            x, y = x + 16 * np.cos(angle), y + 16 * np.sin(angle)
            angle += bend + dice.gauss(0, 0.05)
        draw.line(points, fill=_INK, width=7, joint="curve")
    return large.resize((400, 400), Image.Resampling.BOX)


def icon(seed: int) -> Image.Image:
    """Draw an icon of one to three flat shapes, 64 to 256 px."""
    dice = random.Random(f"icon {seed}")
    side = dice.choice((64, 96, 128, 256))
    image = Image.new("RGB", (512, 512), dice.choice((_PAPER, _colour(dice))))
    draw = ImageDraw.Draw(image)
    for _ in range(dice.randint(1, 3)):
        x, y, size = dice.uniform(140, 370), dice.uniform(140, 370), dice.uniform(60, 130)
        box, fill = (x - size, y - size, x + size, y + size), _colour(dice)
        kind = dice.randrange(4)
        if kind == 0:
            draw.ellipse(box, fill=fill)
        elif kind == 1:
            draw.rounded_rectangle(box, size / 4, fill=fill)
        else:
            sides = dice.choice((3, 5, 6))
            draw.regular_polygon((x, y, size), sides, dice.uniform(0, 90), fill=fill)
    return image.resize((side, side), Image.Resampling.BOX)


def plain(seed: int) -> Image.Image:
    """Draw one colour, or a gradient from one colour to another."""
    dice = random.Random(f"plain {seed}")
    one, other = (np.array(_colour(dice), float) for _ in range(2))
    if seed % 2:
        other = one
    width, height = dice.choice(((300, 200), (200, 200), (640, 90), (50, 50)))
    across = np.linspace(0, 1, width)[None, :, None] * dice.choice((0, 1))
    down = np.linspace(0, 1, height)[:, None, None] * dice.choice((0, 1))
    pixels = one + (other - one) * np.clip(across + down, 0, 1)
    return Image.fromarray(pixels.round().astype(np.uint8))


KINDS: Mapping[str, Draw] = {
    "pages of text": page,
    "tables on a screen": table,
    "messages on a screen": chat,
    "sketches": sketch,
    "icons": icon,
    "plain pictures": plain,
}


def _words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choice(_WORDS) for _ in range(count))


def _line(dice: random.Random, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return as many words as fit."""
    line = dice.choice(_WORDS)
    while font.getlength(longer := f"{line} {dice.choice(_WORDS)}") <= width:
        line = longer
    return line


def _colour(dice: random.Random) -> tuple[int, int, int]:
    return dice.randrange(256), dice.randrange(256), dice.randrange(256)
