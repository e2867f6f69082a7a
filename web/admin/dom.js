// Elements, numbers and times for the page.

export const byId = (id) => document.getElementById(id);

// Text only: what came over the network never becomes markup.
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

export const cell = (text, className) => element('td', className, text);

export function fill(parent, children) {
  parent.replaceChildren(...children);
}

// Rows of a table, each with a key of its own in data-key. What is as before stays in its place, with the focus and a click
// that is under way.
export function fillRows(body, rows) {
  const former = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const keys = new Set(rows.map((row) => row.dataset.key));
  for (const [key, row] of former) if (!keys.has(key)) row.remove();
  let at = body.firstElementChild;
  for (const made of rows) {
    const row = former.get(made.dataset.key) ?? made;
    if (row !== made) [...made.cells].forEach((each, i) => { if (!row.cells[i].isEqualNode(each)) row.cells[i].replaceWith(each); });
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
}

// [[name, value]...] as the pairs of a <dl>; values that are not there are left out.
export function fillFacts(list, pairs) {
  fill(list, pairs.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => {
    const pair = element('div');
    pair.append(element('dt', '', name), element('dd', '', value));
    return pair;
  }));
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
export const number = (value) => (value === undefined || value === null ? '–' : whole.format(Math.round(value)));
export const compact = (value) => (Math.abs(value) < 10000 ? number(value) : short.format(value));
export const rate = (value) => (value === undefined || value === null ? '–'
  : value > 0 && value < 10 ? value.toFixed(1) : compact(value));

export function bytes(value) {
  if (value < 1024) return `${number(value)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let power = Math.min(Math.floor(Math.log2(value) / 10), units.length);
  return `${(value / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

export function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const timeFormat = new Intl.DateTimeFormat([], { dateStyle: 'short', timeStyle: 'medium' });
export function when(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '–' : timeFormat.format(date);
}

// Calls fn once typing has paused.
export function afterPause(fn, ms = 250) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}
