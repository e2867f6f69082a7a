// The try page: rooms and topics over the STOMP endpoint of the server that this page came from.
// Everything that came over the network is put into the page as text, never as markup.

import { problemWithRoom, problemWithTopic, roomChannel, topicChannel, topicDestination } from './channels.js';
import { Connection, SignInRefused } from './connection.js';
import { Conversations } from './conversations.js';
import { avatar, byId, dressAvatar, element, milliseconds, randomId, recall, remember, thisTab } from './dom.js';

const HOME_TOPIC = '/topic/lobby';
const HOME_ROOM = 'lobby';
const SHOWN_PEOPLE = 100;
const PROTOCOL_NAMES = { '1.0': 'STOMP 1.0', '1.1': 'STOMP 1.1', '1.2': 'STOMP 1.2' };
const FACT_IDS = ['fact-node', 'fact-server', 'fact-protocol', 'fact-heartbeat', 'fact-latency'];

const tab = randomId();
const narrow = window.matchMedia('(max-width: 52rem)');
const wide = window.matchMedia('(min-width: 70rem)');
let wasConnected = false;

const connection = new Connection({
  onState: showState, onConnect, onLost, onError, onNotice: (text) => showNotice(text, true), onRefused: onSignInRefused,
});
const conversations = new Conversations(
  { lists: { room: byId('rooms'), topic: byId('topics') }, scroller: byId('scroller') },
  {
    isOnline: () => connection.online,
    client: () => connection.client,
    onLatency: (ms) => { byId('fact-latency').textContent = milliseconds(ms); },
    onChange: (one) => { if (one === conversations.selected) showRoom(); },
  },
);

const hasRooms = () => Boolean(connection.facts.room && connection.facts.signIn);

// ---- what is shown

// passing: a connection proves it wrong.
function showNotice(text, passing = false) {
  byId('notice-text').textContent = text;
  byId('notice').hidden = false;
  byId('notice').dataset.passing = passing;
}

function showState(state, text) {
  byId('state').dataset.state = state;
  if (byId('state-text').textContent !== text) byId('state-text').textContent = text;
  byId('toggle').textContent = { connected: 'Disconnect', connecting: 'Disconnect', reconnecting: 'Connect now' }[state]
      || 'Connect';
  if (state !== 'connected') for (const id of FACT_IDS) byId(id).textContent = '–';
  showRoom();
}

function showRoom() {
  const one = conversations.selected;
  byId('send').disabled = !connection.online || !one;
  if (!one) return;
  byId('room-title').textContent = one.channel.title;
  byId('leave').disabled = conversations.all.size === 1;
  byId('leave').setAttribute('aria-label', `Leave ${one.channel.title}`);
  byId('room-note').textContent = !connection.online || one.joined ? '' : one.refused ? 'Not joined' : 'Joining…';
  byId('text').placeholder = `Write to ${one.channel.label}`;
  showPeople(one);
  showStripEnds();
}

function showPeople(one) {
  const { people } = one;
  const known = people !== null && people.count !== null;
  byId('open-people').hidden = !known;
  byId('people-home').hidden = people === null;
  byId('people-list').replaceChildren();
  byId('people-count').textContent = known ? String(people.count) : '';
  byId('count').textContent = known ? String(people.count) : '';
  if (!people) return;
  if (!known) {
    byId('people-list').append(element('li', 'note', connection.online ? 'Asking who is here…' : 'Not known while offline'));
    return;
  }
  const mine = connection.user;
  const sorted = [...people.members].sort(([a, nameA], [b, nameB]) => (b === mine) - (a === mine) || nameA.localeCompare(nameB));
  for (const [id, name] of sorted.slice(0, SHOWN_PEOPLE)) {
    const item = element('li', 'person');
    item.dataset.user = id;
    item.append(avatar(name), element('span', 'name', id === mine ? `${name} (you)` : name));
    byId('people-list').append(item);
  }
  const more = people.count - Math.min(sorted.length, SHOWN_PEOPLE);
  if (more > 0) byId('people-list').append(element('li', 'note', `and ${more} more`));
}

// The strip of rooms and topics on a narrow screen fades where there is more of it.
function showStripEnds() {
  const { scrollLeft, scrollWidth, clientWidth } = byId('nav');
  byId('nav').classList.toggle('more-before', scrollLeft > 1);
  byId('nav').classList.toggle('more-behind', scrollLeft + clientWidth < scrollWidth - 1);
}

// The facts and the list of people stand beside the conversation where there is room, else in panels.
function arrange() {
  byId(narrow.matches ? 'facts-slot' : 'facts-home').append(byId('facts'));
  byId(wide.matches ? 'people-home' : 'people-slot').append(byId('people'));
  if (!narrow.matches) byId('more').close();
  if (wide.matches) byId('who').close();
  showStripEnds();
}

// ---- the connection

function onConnect(frame) {
  if (byId('notice').dataset.passing === 'true') byId('notice').hidden = true;
  const { server, version } = frame.headers;
  const beats = (frame.headers['heart-beat'] || '0,0').split(',').map(Number);
  byId('fact-node').textContent = connection.facts.node || 'does not say';
  byId('fact-server').textContent = server || 'does not say';
  byId('fact-protocol').textContent = PROTOCOL_NAMES[version] || 'STOMP';
  byId('fact-heartbeat').textContent = beats[0] === 0 ? 'none' : `every ${beats[0] / 1000} s`;
  conversations.online(wasConnected);
  wasConnected = true;
  showRoom();
}

function onLost() {
  conversations.offline();
  showRoom();
}

function onError(frame) {
  const what = frame.headers.message || 'The server reported an error.';
  const more = frame.body.trim();
  if (frame.headers['receipt-id'] && conversations.refuse(frame.headers['receipt-id'], what)) return;
  const why = more && more !== what ? `${what}\n${more}` : what;
  const stranger = connection.facts.auth && !connection.facts.signIn && byId('state').dataset.state !== 'connected';
  showNotice(stranger ? `${why}\nThis server asks clients who they are ([auth] plugins), and the page has nothing to show.` : why);
}

async function onToggle() {
  const { state } = byId('state').dataset;
  if (state === 'reconnecting') await connection.hurry();
  else if (connection.wanted) await connection.stop();
  else connection.start();
}

// ---- signing in

function showWelcome(problem = '') {
  document.body.dataset.view = 'welcome';
  showState('offline', 'Not signed in');
  byId('welcome').hidden = false;
  byId('name').value = recall('plugboard.name') || '';
  byId('name-problem').textContent = problem;
  byId('name').focus();
  byId('name').select();
}

function showAccount() {
  byId('account').hidden = byId('sign-out').hidden = connection.user === null;
  byId('account-name').textContent = connection.user || '';
  if (connection.user) dressAvatar(byId('account-avatar'), connection.user);
}

async function enter(name) {
  try {
    await connection.signIn(name);
  } catch (error) {
    showWelcome(error instanceof SignInRefused ? error.message : `The server cannot be reached (${error.message}).`);
    return;
  }
  remember('plugboard.name', name);
  remember('plugboard.user', name, thisTab);
  showAccount();
  talk();
}

function onSignInRefused(error) {
  leaveRooms().then(() => showWelcome(error.message));
}

async function leaveRooms() {
  remember('plugboard.user', null, thisTab);
  await connection.signOut();
  wasConnected = false;
  conversations.clear();
  showAccount();
}

// ---- rooms and topics

function rememberPlaces() {
  const of = (kind, what) => [...conversations.all.values()].filter((one) => one.channel.kind === kind).map(what);
  remember('plugboard.topics', JSON.stringify(of('topic', (one) => one.channel.key)));
  if (hasRooms()) remember('plugboard.rooms', JSON.stringify(of('room', (one) => one.channel.label)));
}

function recallPlaces(key, problemWith) {
  try {
    return JSON.parse(recall(key)).filter((name) => typeof name === 'string' && !problemWith(name));
  } catch {
    return [];
  }
}

const addTopic = (destination) => conversations.add(topicChannel(destination, tab));
const addRoom = (name) => conversations.add(roomChannel(name, connection.facts.room, connection.user));

function join(one) {
  byId('add').close();
  conversations.select(one);
  rememberPlaces();
  byId('text').focus();
}

// Everything that a name is needed for is there.
function talk() {
  document.body.dataset.view = 'talk';
  byId('welcome').hidden = true;
  byId('rooms-part').hidden = byId('add-room').hidden = byId('help-rooms').hidden = !hasRooms();
  byId('nick-field').hidden = connection.user !== null;
  byId('snippet-url').textContent = connection.url || '';
  if (hasRooms()) for (const name of new Set([HOME_ROOM, ...recallPlaces('plugboard.rooms', problemWithRoom)])) addRoom(name);
  for (const destination of [HOME_TOPIC, ...recallPlaces('plugboard.topics', problemWithTopic)]) addTopic(destination);
  conversations.select(conversations.ordered()[0]);
  byId('text').focus();
  if (!connection.url) {
    showState('offline', 'Offline');
    byId('toggle').disabled = true;
    showNotice('There is no endpoint with WebSocket: every [endpoint] says websocket = off.');
    return;
  }
  connection.start();
}

// ---- what the person does

function onForm(form, field, problem, read, act) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    const { value, fault } = read(byId(field).value.trim());
    byId(problem).textContent = fault;
    byId(field).toggleAttribute('aria-invalid', fault !== '');
    if (fault) return;
    byId(field).value = '';
    act(value);
  });
  byId(field).addEventListener('input', () => {
    byId(problem).textContent = '';
    byId(field).removeAttribute('aria-invalid');
  });
}

function guestName() {
  return `guest-${100 + (crypto.getRandomValues(new Uint16Array(1))[0] % 900)}`;
}

function onSay(event) {
  event.preventDefault();
  const text = byId('text').value.trim();
  const name = connection.user || byId('nick').value.trim();
  if (text === '' || !connection.online || !name) return;
  conversations.say(name, connection.user || tab, text);
  byId('text').value = '';
  byId('text').focus();
}

function onKey(event) {
  const open = document.querySelector('dialog[open]');
  if (!event.altKey || open || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
  event.preventDefault();
  conversations.step(event.key === 'ArrowDown' ? 1 : -1);
}

function listenToPlaces(event) {
  const button = event.target.closest('button.place');
  if (!button) return;
  for (const one of conversations.all.values()) if (one.button === button) conversations.select(one);
  byId('text').focus();
}

function listenToDialogs() {
  const openers = { 'open-help': 'help', 'open-more': 'more', 'open-people': 'who', 'open-add': 'add' };
  for (const [opener, dialog] of Object.entries(openers)) byId(opener).addEventListener('click', () => byId(dialog).showModal());
  byId('more-help').addEventListener('click', () => { byId('more').close(); byId('help').showModal(); });
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
  }
}

function listen() {
  byId('composer').addEventListener('submit', onSay);
  byId('nick').addEventListener('change', () => {
    byId('nick').value = byId('nick').value.trim() || guestName();
    remember('plugboard.nick', byId('nick').value);
  });
  byId('sign-in').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = byId('name').value.trim().replace(/\s+/g, ' ');
    if (name) enter(name);
  });
  byId('name').addEventListener('input', () => { byId('name-problem').textContent = ''; });
  byId('sign-out').addEventListener('click', async () => {
    byId('more').close();
    await leaveRooms();
    showWelcome();
  });
  onForm('add-room', 'new-room', 'room-problem', (value) => ({ value, fault: problemWithRoom(value) }), (name) => join(addRoom(name)));
  onForm('add-topic', 'new-topic', 'topic-problem',
         (typed) => ({ value: topicDestination(typed), fault: problemWithTopic(topicDestination(typed)) }),
         (destination) => join(addTopic(destination)));
  byId('nav').addEventListener('click', listenToPlaces);
  byId('nav').addEventListener('scroll', showStripEnds, { passive: true });
  byId('leave').addEventListener('click', () => {
    if (conversations.all.size > 1) conversations.remove(conversations.selected);
    rememberPlaces();
  });
  byId('toggle').addEventListener('click', onToggle);
  byId('notice-close').addEventListener('click', () => { byId('notice').hidden = true; byId('text').focus(); });
  listenToDialogs();
  narrow.addEventListener('change', arrange);
  wide.addEventListener('change', arrange);
  window.addEventListener('resize', showStripEnds);
  document.addEventListener('visibilitychange', () => conversations.clearUnread(conversations.selected));
  document.addEventListener('keydown', onKey);
}

async function start() {
  byId('nick').value = recall('plugboard.nick') || guestName();
  remember('plugboard.nick', byId('nick').value);
  arrange();
  listen();
  if (!window.StompJs) {
    document.body.dataset.view = 'talk';
    showState('offline', 'Offline');
    byId('toggle').disabled = true;
    showNotice('The STOMP client library is missing: there is no stomp.umd.min.js in the server\'s [http] web-dir.\n'
        + '"./dev build" puts it there.');
    return;
  }
  connection.makeClient();
  try {
    await connection.learn();
  } catch { /* the connection will tell */ }
  if (!connection.facts.signIn) {
    talk();
    return;
  }
  const name = recall('plugboard.user', thisTab);
  if (name) await enter(name);
  else showWelcome();
}

start();
