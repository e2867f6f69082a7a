// The first view: what the node and its cluster do, now and in the last minutes.

import { ApiError, get, post } from './api.js';
import { Series, Spark } from './chart.js';
import { byId, cell, compact, duration, element, fill, fillFacts, number, rate, when } from './dom.js';

const ROOM = 150; // samples: five minutes of two seconds

const TILES = [
  ['connections', 'Connections', (s) => s.connections, compact],
  ['sessions', 'Sessions', (s) => s.sessions, compact],
  ['subscriptions', 'Subscriptions', (s) => s.subscriptions, compact],
  ['in', 'Messages in/s', (s) => s.rates.in_per_s, rate],
  ['out', 'Messages out/s', (s) => s.rates.out_per_s, rate],
  ['connects', 'New connections/s', (s) => s.rates.connects_per_s, rate],
];

const PHASES = {
  starting: 'the new one is started',
  subscribing: 'the new one is given all subscriptions',
  joining: 'the new one is about to carry messages',
  overlap: 'both carry all messages',
  switching: 'the new one takes over',
  cancelling: 'the old one stays',
};

const tiles = new Map();
const counters = new Map(); // name -> {series, spark, item, value, last, at}

function makeTiles() {
  for (const [name, title] of TILES) {
    const tile = element('section', 'tile');
    const value = element('p', 'tile-value', '–');
    const spark = new Spark(`${title} in the last five minutes`);
    value.id = `tile-${name}`;
    tile.append(element('h3', '', title), value, spark.svg);
    byId('tiles').append(tile);
    tiles.set(name, { value, spark, series: new Series(ROOM) });
  }
}

function showTiles(status) {
  for (const [name, , read, format] of TILES) {
    const tile = tiles.get(name);
    const value = read(status);
    tile.value.textContent = format(value);
    tile.series.add(value ?? null);
    tile.spark.draw(tile.series.values, ROOM);
  }
}

function showAbout(status) {
  fillFacts(byId('about'), [
    ['Name', status.node],
    ['Version', `${status.version} (plugin ABI ${status.abi})`],
    ['Up for', duration(status.uptime_ms)],
    ['Process', status.pid],
    ['Workers', status.workers],
    ['Broker', `${status.broker.plugin}, ${status.broker.state}`],
    ['Swap', status.swap ? `${status.swap.from ? `${status.swap.from} to ` : ''}${status.swap.to}: ${PHASES[status.swap.phase] ?? status.swap.phase}` : ''],
    ['Broker says', status.broker.text],
    ['Not ready because', status.state === 'ready' ? '' : status.reason],
  ]);
}

function showWarnings(warnings) {
  fill(byId('warnings'), warnings.map((warning) => {
    const item = element('li');
    item.append(element('span', '', warning.text), element('time', 'note', `since ${when(warning.since)}`));
    return item;
  }));
}

function showNodes(nodes) {
  fill(byId('nodes'), nodes.map((node) => {
    const row = element('tr');
    const name = cell('', 'strong');
    name.append(element('span', '', node.node));
    if (node.self) name.append(element('span', 'mark', 'this one'));
    const state = cell('');
    const badge = element('span', 'badge', node.state);
    badge.dataset.state = node.state === 'ready' ? 'ok' : node.state === 'draining' ? 'wait' : 'bad';
    state.append(badge);
    row.append(name, state, cell(node.broker), cell(number(node.sessions), 'number'), cell(rate(node.in_per_s), 'number'),
      cell(rate(node.out_per_s), 'number'), cell(duration(node.uptime_ms), 'number'), cell(node.version));
    return row;
  }));
}

function counterItem(name) {
  const item = element('li');
  const spark = new Spark(`${name} in the last five minutes`);
  const value = element('span', 'counter-value');
  item.append(element('span', 'counter-name', name), value, spark.svg);
  item.dataset.name = name;
  const counter = { item, spark, value, series: new Series(ROOM), last: undefined, at: 0 };
  counters.set(name, counter);
  return counter;
}

// Those that have never counted anything are many: they are shown when they are looked for.
function filterCounters() {
  const wanted = byId('counter-filter').value.trim().toLowerCase().replaceAll(' ', '_');
  for (const [name, counter] of counters) {
    counter.item.hidden = wanted ? !name.toLowerCase().includes(wanted) : !counter.last && !counter.seen;
  }
}

// A counter's chart is what it counted per second, a gauge's what it was.
function showCounters(values, gauges, now) {
  let made = false;
  for (const [name, value] of Object.entries(values)) {
    let counter = counters.get(name);
    if (!counter) {
      counter = counterItem(name);
      made = true;
    }
    const seconds = (now - counter.at) / 1000;
    const known = counter.last !== undefined && seconds > 0;
    counter.series.add(gauges.has(name) ? value : known ? Math.max(0, (value - counter.last) / seconds) : null);
    counter.seen ||= value !== 0;
    counter.last = value;
    counter.at = now;
    counter.value.textContent = number(value);
    counter.item.classList.toggle('zero', value === 0);
    counter.spark.draw(counter.series.values, ROOM);
  }
  if (made) {
    fill(byId('counters'), [...counters.keys()].sort().map((name) => counters.get(name).item));
  }
  filterCounters();
}

export async function refreshOverview() {
  const [status, nodes] = await Promise.all([get('status'), get('nodes')]);
  byId('swap').disabled = Boolean(status.swap);
  byId('swap-from').textContent = status.broker.plugin;
  showTiles(status);
  showAbout(status);
  showWarnings(status.warnings);
  showNodes(nodes.nodes);
  showCounters(status.counters, new Set(status.gauges), performance.now());
  return status;
}

function tell(text, bad) {
  byId('action-result').textContent = text;
  byId('action-result').classList.toggle('bad', Boolean(bad));
}

async function reload() {
  tell('Reading the configuration …');
  try {
    const { applied = [], kept = [] } = await post('reload');
    const lines = [applied.length ? `Changed: ${applied.join(', ')}.` : 'Nothing has changed.'];
    for (const one of kept) lines.push(`${one.key}: ${one.why}.`);
    tell(lines.join('\n'));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell([error.message, ...error.faults].join('\n'), true);
  }
}

const SWAPPED = { broker: 'The broker', auth: 'The auth plugin', app: 'The application' };

const NAMED = { broker: '[broker] plugin', auth: '[auth] plugins', app: '[app] plugins' };

function showKind(kind) {
  const form = byId('swap-form');
  for (const part of form.querySelectorAll('[data-kind]')) part.hidden = part.dataset.kind !== kind;
  form.elements.plugin.title = `a name, as in ${NAMED[kind]}`;
}

async function swap(form) {
  const { kind, plugin, overlap, for: former } = Object.fromEntries(new FormData(form));
  const order = { kind, plugin };
  if (kind === 'broker') order.overlap_ms = Number(overlap) * 1000;
  if (kind === 'auth' && former) order.for = former;
  tell(`Swapping: ${SWAPPED[kind].toLowerCase()} ${plugin} …`);
  try {
    const done = await post('swap', order);
    tell(`${SWAPPED[kind]} is ${done.to} now, and was ${done.from}: swapped in ${number(done.took_ms)} ms.`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell([error.message, ...error.faults].join('\n'), true);
  }
}

async function drain() {
  try {
    await post('drain');
    tell('The node closes its sessions, and ends.');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(error.message, true);
  }
}

export function startOverview() {
  makeTiles();
  byId('counter-filter').addEventListener('input', filterCounters);
  byId('reload').addEventListener('click', reload);
  byId('swap').addEventListener('click', () => {
    byId('swap-form').reset();
    showKind('broker');
    byId('swap-dialog').showModal();
  });
  byId('swap-form').elements.kind.addEventListener('change', (event) => showKind(event.target.value));
  byId('swap-dialog').addEventListener('close', (event) => {
    if (event.target.returnValue === 'swap') swap(byId('swap-form'));
    event.target.returnValue = '';
  });
  byId('drain').addEventListener('click', () => byId('drain-dialog').showModal());
  byId('drain-dialog').addEventListener('close', (event) => {
    if (event.target.returnValue === 'drain') drain();
    event.target.returnValue = '';
  });
}
