"""Writes the results as one SVG: a panel per case, a bar per contestant."""

from xml.sax.saxutils import escape

COLOURS = {"limit": "#8a8f98", "plugboard": "#1f6feb", "mosquitto": "#3c9a5f", "nats": "#2aa5a0",
           "nchan": "#b8860b", "rabbitmq": "#d9622b"}
WIDTH, LEFT, RIGHT, BAR, GAP = 960, 110, 250, 18, 5


def number(value, digits):
    return f"{value:,.{digits}f}"


def text(x, y, content, size=13, anchor="start", colour="#1f2328", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{escape(content)}</text>')


def panel(y, title, rows):
    """rows: (contestant, value or None, label)."""
    parts = [text(20, y + 16, title, 14, weight="bold")]
    y += 28
    most = max((value for _, value, _ in rows if value is not None), default=1) or 1
    for name, value, label in rows:
        parts.append(text(LEFT - 8, y + BAR - 5, name, anchor="end"))
        width = 0
        if value is not None:
            width = max(1.0, max(0, value) / most * (WIDTH - LEFT - RIGHT))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" '
                         f'fill="{COLOURS.get(name, "#57606a")}"/>')
        parts.append(text(LEFT + width + 8, y + BAR - 5, label,
                          colour="#1f2328" if value is not None else "#6e7781"))
        y += BAR + GAP
    return parts, y + 14


def write(path, title, subtitle, panels):
    parts, y = [text(20, 32, title, 20, weight="bold"), text(20, 54, subtitle, 12, colour="#57606a")], 76
    for panel_title, rows in panels:
        more, y = panel(y, panel_title, rows)
        parts += more
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
        f'font-family="system-ui, sans-serif" role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")
