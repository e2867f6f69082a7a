// The page for operators: signs in, shows one view at a time and keeps it fresh.

import { ApiError, hasToken, setToken } from './api.js';
import { refreshClients, startClients } from './clients.js';
import { refreshConfig, startConfig } from './config.js';
import { byId } from './dom.js';
import { refreshOverview, startOverview } from './overview.js';
import { follow, startTail, stopTail } from './tail.js';
import { refreshTopics, startTopics } from './topics.js';

const EVERY_MS = 2000;
const VIEWS = {
  overview: null, // always fresh: its state stands above all views
  clients: refreshClients,
  topics: refreshTopics,
  tail: null,
  config: null,
};

let view = 'overview';
let timer;

const isOpen = () => document.body.dataset.view === 'open';

function setState(state, text) {
  byId('state').dataset.state = state;
  byId('state').textContent = text;
}

function showProblem(text) {
  byId('problem').textContent = text;
  byId('problem').hidden = !text;
}

function showView(name) {
  view = name in VIEWS ? name : 'overview';
  for (const one of Object.keys(VIEWS)) byId(`view-${one}`).hidden = one !== view;
  for (const link of document.querySelectorAll('.tabs a')) {
    if (link.hash === `#/${view}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${document.querySelector(`.tabs a[href="#/${view}"]`).textContent} – Plugboard operations`;
}

function route() {
  const [name, argument] = location.hash.slice(2).split('=');
  if (name !== 'tail') stopTail();
  showView(name);
  if (!isOpen()) return;
  if (view === 'tail' && argument) follow(decodeURIComponent(argument));
  if (view === 'config') refreshConfig().catch(report);
  VIEWS[view]?.().catch(report);
}

function signOut(problem) {
  setToken('');
  stopTail();
  clearTimeout(timer);
  document.body.dataset.view = 'welcome';
  byId('welcome').hidden = false;
  byId('sign-out').hidden = true;
  byId('token-problem').textContent = problem ?? '';
  byId('node').textContent = '';
  setState('wait', 'Not signed in');
  showProblem('');
  byId('token').focus();
}

function report(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) {
    signOut('The server does not take this token.');
  } else if (error.status === 0) {
    setState('bad', 'Not reachable');
    showProblem('The server cannot be reached. What is shown here is what it said last.');
  } else {
    showProblem(error.message);
  }
}

const STATES = { ready: ['ok', 'Ready'], draining: ['wait', 'Draining'], 'not-ready': ['bad', 'Not ready'] };

async function refresh() {
  clearTimeout(timer);
  try {
    const status = await refreshOverview();
    await VIEWS[view]?.();
    if (!isOpen()) return; // signed out meanwhile
    const [state, text] = STATES[status.state] ?? ['wait', status.state];
    setState(state, text);
    byId('node').textContent = status.node;
    showProblem('');
  } catch (error) {
    if (isOpen()) report(error);
  }
  if (hasToken()) timer = setTimeout(refresh, EVERY_MS);
}

async function open() {
  document.body.dataset.view = 'open';
  byId('welcome').hidden = true;
  byId('sign-out').hidden = false;
  await refresh();
  if (hasToken()) route();
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  setToken(byId('token').value.trim());
  byId('token').value = '';
  byId('token-problem').textContent = '';
  open();
});
byId('sign-out').addEventListener('click', () => signOut());
window.addEventListener('hashchange', route);

startOverview();
startClients(report);
startTopics(report);
startTail();
startConfig();
showView(location.hash.slice(2).split('=')[0]);
if (hasToken()) open();
else signOut();
