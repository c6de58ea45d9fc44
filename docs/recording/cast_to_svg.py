#!/usr/bin/env python3
"""Draws a recording (asciicast v2) as an animated SVG, on standard output.

    cast_to_svg.py crash.cast > crash.svg

The image needs nothing else: no script, no font, no other file. Text appears by CSS keyframes and,
where these are not heeded, is simply there; so a still image shows the end of the recording. Only
what appends to a screen can be drawn: text, newlines and colours. Anything else is refused.
"""

import json
import re
import sys
from html import escape

CELL, LINE, SIZE = 8.4, 19, 14  # pixels: a column, a row, the font
MARGIN, TITLE = 18, 34
POSTER, HOLD = 1.2, 2.5  # seconds for which the end is shown, before the first frame and after the last
FRAME = 0.05  # what appears within this time appears at once

COLOURS = {
    "": "#e6e8ec", "1": "#ffffff", "2": "#9aa2ad", "31": "#ff8f87", "32": "#7fd88f",
    "33": "#e6c15c", "34": "#79b0ff", "35": "#d3a0ff", "36": "#6fd3d8", "90": "#9aa2ad",
}
TOKENS = re.compile(r"\x1b\[([0-9;]*)m|(\r\n|\n)|(\r)|([^\x00-\x1f\x7f]+)")


def spans(lines):
    """Pieces of text as (seconds, row, column, style, text), in the order in which they appear."""
    row, column, style, found = 0, 0, "", []
    for line in lines:
        at, kind, data = json.loads(line)
        if kind != "o":
            continue
        position = 0
        while position < len(data):
            token = TOKENS.match(data, position)
            if token is None:
                sys.exit(f"{data[position:]!r} at {at} s is nothing that this program can draw")
            colour, newline, back, text = token.groups()
            position = token.end()
            if colour is not None:
                codes = [code.lstrip("0") for code in colour.split(";")]
                style = next((code for code in codes if code in COLOURS), "")
            elif newline:
                row, column = row + 1, 0
            elif back:
                if column and data[position:position + 1] != "\n":
                    sys.exit(f"a line is written over at {at} s")
            else:
                found.append((at, row, column, style, text))
                column += len(text)
    return found, row + (column > 0)


def merged(found):
    """The pieces, with those that appear at nearly the same time beside each other made one."""
    pieces = []
    for at, row, column, style, text in found:
        if pieces:
            start, last_row, last_column, last_style, last = pieces[-1]
            beside = (row, column, style) == (last_row, last_column + len(last), last_style)
            if beside and at - start < FRAME:
                pieces[-1] = (start, row, last_column, style, last + text)
                continue
        pieces.append((at, row, column, style, text))
    return pieces


def svg(title, columns, pieces, rows, seconds):
    width, height = round(columns * CELL + 2 * MARGIN), rows * LINE + TITLE + MARGIN
    whole = POSTER + seconds + HOLD
    moments, texts = {}, []
    for at, row, column, style, text in pieces:
        shown = text.strip(" ")
        if not shown:
            continue
        column += len(text) - len(text.lstrip(" "))
        moment = moments.setdefault(round(at / FRAME), len(moments))
        x, y = MARGIN + column * CELL, TITLE + row * LINE + SIZE
        colour = f' fill="{COLOURS[style]}"' if style else ""
        weight = ' font-weight="bold"' if style == "1" else ""
        texts.append(
            f'<text class="a m{moment}" x="{x:.1f}" y="{y}" textLength="{len(shown) * CELL:.1f}"'
            f"{colour}{weight}>{escape(shown, quote=False)}</text>"
        )
    start = 100 * POSTER / whole
    rules = [
        f".m{moment}{{animation-name:k{moment}}}@keyframes k{moment}{{0%{{opacity:1}}"
        f"{start:.2f}%{{opacity:0}}{100 * (POSTER + at * FRAME) / whole:.2f}%,to{{opacity:1}}}}"
        for at, moment in moments.items()
    ]
    dots = "".join(
        f'<circle cx="{MARGIN + 2 + 18 * index}" cy="16" r="5.5" fill="#4a515c"/>' for index in range(3)
    )
    newline = "\n"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}</title>
<style>
text{{font:{SIZE}px ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;white-space:pre}}
.a{{animation-duration:{whole:.2f}s;animation-timing-function:step-end;animation-iteration-count:infinite}}
{newline.join(rules)}
@media (prefers-reduced-motion:reduce){{.a{{animation:none}}}}
</style>
<rect width="{width}" height="{height}" rx="9" fill="#14181f" stroke="#3a414d"/>
{dots}
<g fill="{COLOURS['']}" xml:space="preserve">
{newline.join(texts)}
</g>
</svg>
"""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as cast:
        header, *lines = cast.read().splitlines()
    header = json.loads(header)
    found, rows = spans(lines)
    seconds = json.loads(lines[-1])[0]
    title = header.get("title", "A recording of a terminal")
    sys.stdout.write(svg(title, header["width"], merged(found), rows, seconds))


main()
