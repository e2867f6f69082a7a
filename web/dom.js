// Small helpers for the page: elements, storage, times, names.

export const byId = (id) => document.getElementById(id);

const timeFormat = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });

// Text only: what came over the network never becomes markup.
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// crypto.randomUUID exists only on pages from https or localhost; this page may be on neither.
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Storage may be switched off in the browser; the page then simply forgets.
export function recall(key, storage = () => localStorage) {
  try { return storage().getItem(key); } catch { return null; }
}

export function remember(key, value, storage = () => localStorage) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch { /* forgets */ }
}

export const thisTab = () => sessionStorage;

export function milliseconds(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export const clockTime = (date) => timeFormat.format(date);

export function hueOf(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return sum % 6;
}

export function dressAvatar(made, name) {
  made.dataset.hue = hueOf(name);
  made.textContent = ([...name.trim()][0] || '?').toUpperCase();
  made.setAttribute('aria-hidden', 'true');
  return made;
}

export const avatar = (name) => dressAvatar(element('span', 'avatar'), name);
