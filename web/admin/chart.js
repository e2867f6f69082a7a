// A small chart of how a number went: no axes, the numbers stand beside it.

const NS = 'http://www.w3.org/2000/svg';
const WIDTH = 120;
const HEIGHT = 28;

function part(name, attributes) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Spark {
  constructor(label) {
    this.svg = part('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', class: 'spark', role: 'img' });
    this.svg.setAttribute('aria-label', label);
    this.area = part('path', { class: 'spark-area' });
    this.line = part('path', { class: 'spark-line', 'vector-effect': 'non-scaling-stroke' });
    this.svg.append(this.area, this.line);
  }

  // values: oldest first; null where nothing was known. The newest stands at the right.
  draw(values, room) {
    const most = Math.max(1e-9, ...values.filter((v) => v !== null));
    const step = WIDTH / Math.max(1, room - 1);
    const from = WIDTH - step * (values.length - 1);
    let line = '';
    let area = '';
    let start = null;
    values.forEach((value, i) => {
      const x = (from + i * step).toFixed(2);
      if (value === null) {
        if (start !== null) area += `L${(from + (i - 1) * step).toFixed(2)} ${HEIGHT}Z`;
        start = null;
        return;
      }
      const y = (HEIGHT - 1.5 - (value / most) * (HEIGHT - 3)).toFixed(2);
      area += start === null ? `M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
      line += `${start === null ? 'M' : 'L'}${x} ${y}`;
      start = x;
    });
    if (start !== null) area += `L${WIDTH} ${HEIGHT}Z`;
    this.line.setAttribute('d', line);
    this.area.setAttribute('d', area);
  }
}

// The last values of one number.
export class Series {
  constructor(room) {
    this.room = room;
    this.values = [];
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > this.room) this.values.shift();
  }
}
