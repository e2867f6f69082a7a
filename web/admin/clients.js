// Who is connected, and the dialog of one client.

import { ApiError, get, post } from './api.js';
import { afterPause, byId, bytes, cell, element, fill, fillFacts, number, when } from './dom.js';
import { Listing } from './listing.js';

let listing;
let shown; // the client in the dialog

const waiting = (client) => (client.queue_bytes ? bytes(client.queue_bytes) : '–');

function row(client) {
  const made = element('tr');
  const show = cell('', 'number');
  const open = element('button', 'quiet', 'Show');
  open.type = 'button';
  open.setAttribute('aria-label', `Show ${client.user || 'the client'} of session ${client.session}`);
  open.addEventListener('click', () => openClient(client.session));
  show.append(open);
  made.append(cell(client.user || 'nobody signed in', client.user ? 'strong' : 'soft'), cell(client.address), cell(client.transport), cell(when(client.connected_at)),
    cell(number(client.subscriptions), 'number'), cell(number(client.in), 'number'), cell(number(client.out), 'number'),
    cell(waiting(client), 'number'), cell(client.session, 'mono'), show);
  made.dataset.session = client.session;
  return made;
}

async function openClient(session) {
  byId('kick-result').textContent = '';
  byId('kick').reset();
  try {
    show(await get(`clients/${encodeURIComponent(session)}`));
    byId('client-dialog').showModal();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    await listing.refresh(); // it has gone meanwhile
  }
}

function show(client) {
  shown = client;
  byId('client-dialog-title').textContent = client.user || 'Client';
  fillFacts(byId('client-facts'), [
    ['Session', client.session],
    ['Address', client.address],
    ['Came in by', client.endpoint],
    ['Transport', client.transport],
    ['STOMP', client.stomp],
    ['Connected', when(client.connected_at)],
    ['Frames from it', number(client.in)],
    ['Messages to it', number(client.out)],
    ['Waiting', `${number(client.queue_messages)} messages, ${bytes(client.queue_bytes)}`],
  ]);
  fill(byId('client-subscriptions'), client.subscription_list.map((one) => {
    const made = element('tr');
    made.append(cell(one.destination, 'mono'), cell(one.id), cell(one.ack));
    return made;
  }));
  byId('kick-user').hidden = !client.user;
}

async function kick(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const order = form.get('scope') === 'user'
    ? { user: shown.user, for_s: Number(form.get('for_s')) } : { session: shown.session };
  if (form.get('message')) order.message = form.get('message');
  try {
    await post('kick', order);
    byId('kick-result').textContent = 'Disconnected.';
    byId('kick-result').classList.remove('bad');
    await listing.refresh();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    byId('kick-result').textContent = error.message;
    byId('kick-result').classList.add('bad');
  }
}

export const refreshClients = () => listing.refresh();

export function startClients(report) {
  listing = new Listing('clients', 'client-search', 'session', row);
  byId('client-search').addEventListener('input', afterPause(() => listing.refresh().catch(report)));
  byId('kick').addEventListener('submit', kick);
}
