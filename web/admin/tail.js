// The messages of one destination as they come by.

import { ApiError, stream } from './api.js';
import { byId, element } from './dom.js';

const MOST = 200;
const NEAR_END = 40; // pixels: whoever reads further up is left there

let abort = null;
let dropped = 0;

const time = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });

function say(text, bad) {
  byId('tail-state').textContent = text;
  byId('tail-state').classList.toggle('bad', Boolean(bad));
}

function bodyOf(message) {
  if (message.body_base64 !== undefined) return `${message.body_base64} (base64)`;
  return message.body ?? '';
}

function show(message) {
  const log = byId('tail-log');
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  const item = element('li');
  const head = element('p', 'tail-head');
  head.append(element('time', '', time.format(new Date())), element('span', 'mono', message.destination));
  item.append(head);
  const headers = Object.entries(message.headers ?? {});
  if (headers.length) item.append(element('p', 'tail-headers mono', headers.map(([k, v]) => `${k}: ${v}`).join('   ')));
  item.append(element('pre', 'tail-body', bodyOf(message) || '(empty)'));
  if (message.cut) item.append(element('p', 'note', 'The rest of the body is left out.'));
  log.append(item);
  while (log.childElementCount > MOST) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function on({ event, data }) {
  const value = JSON.parse(data);
  if (event === 'dropped') {
    dropped += value.dropped ?? 1;
    say(`Following. ${dropped} messages were left out, since they came faster than they could be shown.`);
  } else if (event === 'refused') {
    say('The broker refuses to carry that destination to this node.', true);
  } else if (event === 'message') {
    show(value);
  }
}

function showRunning(running) {
  byId('tail-start').hidden = running;
  byId('tail-stop').hidden = !running;
  byId('tail-destination').readOnly = running;
}

export function stopTail() {
  abort?.abort();
}

export async function follow(destination) {
  stopTail();
  const own = new AbortController();
  abort = own;
  dropped = 0;
  byId('tail-destination').value = destination;
  showRunning(true);
  say(`Following ${destination}.`);
  try {
    await stream(`tail?${new URLSearchParams({ destination })}`, on, own.signal);
    if (abort === own) say('The server has ended it.', true);
  } catch (error) {
    if (error.name === 'AbortError') {
      if (abort === own) say('Stopped.');
    } else if (error instanceof ApiError || error instanceof TypeError) {
      say(error instanceof ApiError ? error.message : 'The connection is lost.', true);
    } else {
      throw error;
    }
  }
  if (abort === own) {
    abort = null;
    showRunning(false);
  }
}

export function startTail() {
  byId('tail-form').addEventListener('submit', (event) => {
    event.preventDefault();
    follow(byId('tail-destination').value.trim());
  });
  byId('tail-stop').addEventListener('click', stopTail);
  byId('tail-clear').addEventListener('click', () => byId('tail-log').replaceChildren());
}
