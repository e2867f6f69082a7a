"""Writes the results as one SVG: a panel per case, a bar per contestant."""

from xml.sax.saxutils import escape

COLOURS = {"limit": "#8a8f98", "plugboard": "#1f6feb", "plugboard-send": "#79a8f0", "plugboard-2": "#0b4aa8",
           "plugboard-redis": "#79a8f0"}
PEER = "#c9a063"
LONGEST = 12  # times the yardstick; a bar that would be longer is cut
INK, FAINT = "#1f2328", "#59636e"
WIDTH, LEFT, RIGHT, BAR, GAP = 960, 140, 250, 16, 5


def number(value, digits):
    return f"{value:,.{digits}f}"


def text(x, y, content, size=13, anchor="start", colour=INK, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{escape(content)}</text>')


def panel(y, title, subtitle, yardstick, rows):
    """rows: (contestant, value or None, label). The yardstick's value is drawn across all bars."""
    parts = [text(20, y + 15, title, 14, weight="bold"), text(20, y + 32, subtitle, 12, colour=FAINT)]
    y += 42
    most = max((value for _, value, _ in rows if value is not None), default=1) or 1
    mark = next((value for name, value, _ in rows if name == yardstick and value), None)
    if mark and mark > 0:
        most = min(most, LONGEST * mark)
    scale = (WIDTH - LEFT - RIGHT) / most
    top = y
    for name, value, label in rows:
        own = name.startswith("plugboard")
        parts.append(text(LEFT - 8, y + BAR - 4, name, 12, "end", weight="bold" if own else "normal"))
        width = 0
        if value is not None:
            width = max(2.0, max(0, min(value, most)) * scale)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" '
                         f'fill="{COLOURS.get(name, PEER)}"/>')
            if value > most:
                parts.append(f'<path d="M{LEFT + width - 22:.0f} {y + BAR}l6 {-BAR}m6 0l-6 {BAR}" stroke="#ffffff" '
                             'stroke-width="3"/>')
        parts.append(text(LEFT + width + 8, y + BAR - 4, label, 12,
                          colour=INK if value is not None else FAINT))
        y += BAR + GAP
    if mark and mark * scale > 12:
        x = LEFT + mark * scale
        parts.insert(2, f'<line x1="{x:.1f}" y1="{top - 3}" x2="{x:.1f}" y2="{y - GAP + 3}" stroke="#d0d7de" '
                        'stroke-dasharray="3 3"/>')
    return parts, y + 20


def write(path, title, subtitle, panels):
    """panels: (title, subtitle, yardstick or None, rows)"""
    parts, y = [text(20, 32, title, 20, weight="bold"), text(20, 54, subtitle, 12, colour=FAINT)], 80
    for one in panels:
        more, y = panel(y, *one)
        parts += more
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
        f'font-family="system-ui, -apple-system, \'Segoe UI\', sans-serif" role="img" '
        f'aria-label="{escape(title, {chr(34): "&quot;"})}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")
