// The conversations that the page is in: one log element each, of which the selected one is shown,
// with what becomes of each message of ours. Knows nothing of the network but the client it is given.

import { avatar, clockTime, element, hueOf, milliseconds, randomId } from './dom.js';
import { People } from './people.js';

const KEPT_MESSAGES = 500; // per conversation; older ones leave the page
const GROUP_MS = 2 * 60 * 1000;
const DOUBT_MS = 500; // how long a list of people may disagree with its count
const ANSWER_MS = 15000; // after that a message without an answer says so

// parts: { lists: { room, topic }, scroller }; hooks: onChange(conversation), onLatency(ms),
// isOnline(), client().
export class Conversations {
  constructor(parts, hooks) {
    this.parts = parts;
    this.hooks = hooks;
    this.all = new Map(); // key -> conversation
    this.pending = new Map(); // receipt -> a message of ours
    this.selected = null;
  }

  ordered() {
    return [...this.all.values()].sort((a, b) => (a.channel.kind > b.channel.kind) - (a.channel.kind < b.channel.kind));
  }

  add(channel) {
    if (this.all.has(channel.key)) return this.all.get(channel.key);
    const made = {
      channel,
      item: element('li'), button: element('button', 'place'), badge: element('span', 'badge'),
      badgeWords: element('span', 'visually-hidden'),
      log: element('ol', 'log'),
      unread: 0, joined: false, refused: '', subscriptions: [],
      people: channel.watch ? new People(channel.user) : null, asking: null,
      lastFrom: null, lastAt: 0,
    };
    made.button.type = 'button';
    made.button.dataset[channel.kind] = channel.kind === 'room' ? channel.label : channel.key;
    made.button.append(element('span', 'sign', channel.kind === 'room' ? '#' : '/'),
                       element('span', 'name', channel.label), made.badge, made.badgeWords);
    made.button.firstChild.setAttribute('aria-hidden', 'true');
    made.badge.setAttribute('aria-hidden', 'true');
    made.item.append(made.button);
    made.log.setAttribute('role', 'log');
    made.log.setAttribute('aria-label', `Messages in ${channel.title}`);
    made.log.append(element('li', 'empty', channel.kind === 'room'
      ? 'Nothing said here yet. Write something, or open this page in a second window and sign in as somebody else.'
      : 'Nothing said here yet. Write something, or open this page in a second tab and answer yourself.'));
    made.log.hidden = true;
    this.all.set(channel.key, made);
    this.parts.lists[channel.kind].append(made.item);
    this.parts.scroller.append(made.log);
    this.showUnread(made);
    this.subscribe(made);
    return made;
  }

  remove(one) {
    this.unsubscribe(one);
    for (const [receipt, sent] of this.pending) if (sent.one === one) this.forget(receipt);
    const order = this.ordered();
    const next = order[order.indexOf(one) + 1] || order[order.indexOf(one) - 1] || null;
    this.all.delete(one.channel.key);
    one.item.remove();
    one.log.remove();
    if (this.selected === one) this.selected = null;
    if (next) this.select(next);
  }

  clear() {
    for (const one of this.all.values()) {
      one.item.remove();
      one.log.remove();
    }
    this.all.clear();
    for (const receipt of [...this.pending.keys()]) this.forget(receipt);
    this.selected = null;
  }

  select(one) {
    for (const other of this.all.values()) {
      other.log.hidden = other !== one;
      if (other === one) other.button.setAttribute('aria-current', 'true');
      else other.button.removeAttribute('aria-current');
    }
    this.selected = one;
    one.item.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.scrollToEnd();
    this.clearUnread(one);
    this.hooks.onChange(one);
  }

  step(by) {
    const order = this.ordered();
    if (order.length) this.select(order[(order.indexOf(this.selected) + by + order.length) % order.length]);
  }

  // ---- what is unread

  showUnread(one) {
    one.badge.hidden = one.unread === 0;
    one.badge.textContent = one.unread > 99 ? '99+' : String(one.unread);
    one.badgeWords.textContent = one.unread === 0 ? '' : `, ${one.unread} unread`;
    let all = 0;
    for (const each of this.all.values()) all += each.unread;
    document.title = all === 0 ? 'Plugboard' : `(${all}) Plugboard`;
  }

  clearUnread(one) {
    if (document.hidden || !one) return;
    one.unread = 0;
    this.showUnread(one);
  }

  // ---- the log

  atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.parts.scroller;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  scrollToEnd() {
    this.parts.scroller.scrollTop = this.parts.scroller.scrollHeight;
  }

  append(one, row) {
    const follow = this.atEnd() || row.classList.contains('own');
    one.log.append(row);
    while (one.log.childElementCount > KEPT_MESSAGES + 1) one.log.children[1].remove();
    if (one === this.selected && follow) this.scrollToEnd();
  }

  appendEvent(one, text) {
    one.lastFrom = null;
    this.append(one, element('li', 'event', text));
  }

  appendMessage(one, { from, name, text, at, own }) {
    const told = at ? new Date(at) : new Date();
    const when = Number.isNaN(told.getTime()) ? new Date() : told;
    const author = `${from}/${name}`;
    const follows = one.lastFrom === author && when - one.lastAt < GROUP_MS;
    one.lastFrom = author;
    one.lastAt = when;

    const row = element('li', 'message');
    row.classList.toggle('own', own);
    row.classList.toggle('follows', follows);
    const who = element('p', 'who');
    const shown = element('span', 'name', own ? 'You' : name);
    shown.dataset.hue = hueOf(name);
    const time = element('time', '', clockTime(when));
    time.dateTime = when.toISOString();
    who.append(shown, time);
    if (!own) row.append(avatar(name));
    const said = element('div', 'said');
    said.append(who, element('p', 'body', text));
    row.append(said);
    this.append(one, row);
    return row;
  }

  setFate(row, text) {
    const follow = this.atEnd(); // the row may grow
    let fate = row.querySelector('.fate');
    if (!fate) {
      fate = element('p', 'fate');
      row.querySelector('.said').append(fate);
    }
    fate.textContent = text;
    if (follow) this.scrollToEnd();
  }

  // ---- hearing

  subscribe(one) {
    one.joined = false;
    one.refused = '';
    if (!this.hooks.isOnline()) return;
    const client = this.hooks.client();
    const { listen, watch } = one.channel;
    const joined = `joined-${randomId()}`;
    one.joining = joined;
    client.watchForReceipt(joined, () => {
      one.joined = true;
      one.button.dataset.joined = 'true';
      this.hooks.onChange(one);
    });
    one.subscriptions = [client.subscribe(listen, (message) => this.receive(one, message), { receipt: joined })];
    if (watch) one.subscriptions.push(client.subscribe(watch, (message) => this.receivePresence(one, message)));
  }

  unsubscribe(one) {
    if (this.hooks.isOnline()) for (const subscription of one.subscriptions) subscription.unsubscribe();
    one.subscriptions = [];
  }

  receive(one, message) {
    const arrived = performance.now();
    const { channel } = one;
    const said = channel.read(message.body);
    const own = channel.isOwn(said);
    if (own) {
      for (const [receipt, sent] of this.pending) {
        if (sent.one !== one || !channel.isEcho(said, sent) || sent.heard) continue;
        sent.heard = true;
        sent.row.classList.remove('pending');
        this.setFate(sent.row, milliseconds(arrived - sent.at));
        this.hooks.onLatency(arrived - sent.at);
        if (sent.taken) this.forget(receipt);
        return;
      }
      if (channel.kind === 'topic') return; // given up before
    }
    this.appendMessage(one, { ...said, own });
    if (!own && (one !== this.selected || document.hidden)) {
      one.unread += 1;
      this.showUnread(one);
    }
  }

  receivePresence(one, message) {
    for (const text of one.people.take(message.body)) this.appendEvent(one, text);
    this.hooks.onChange(one);
    if (one.people.isDoubtful && one.channel.members && !one.asking) {
      one.asking = setTimeout(() => this.askWhoIsHere(one), DOUBT_MS); // the list may be on its way
    }
  }

  // An application answers a SUBSCRIBE to its destination once, and that was it.
  askWhoIsHere(one) {
    one.asking = null;
    if (!one.people.isDoubtful || !this.hooks.isOnline() || !this.all.has(one.channel.key)) return;
    this.hooks.client().subscribe(one.channel.members, (message) => this.receivePresence(one, message));
  }

  // ---- saying

  say(name, from, text) {
    const one = this.selected;
    const receipt = `said-${randomId()}`;
    const row = this.appendMessage(one, { from, name, text, own: true });
    row.classList.add('pending');
    this.setFate(row, 'sending…');
    const sent = { one, row, text, id: receipt, at: performance.now(), taken: false, heard: false };
    sent.timer = setTimeout(() => this.onSilence(receipt), ANSWER_MS);
    this.pending.set(receipt, sent);
    const client = this.hooks.client();
    client.watchForReceipt(receipt, () => this.onTaken(receipt));
    client.publish({
      destination: one.channel.send,
      headers: { 'content-type': 'application/json', receipt },
      body: one.channel.write({ id: receipt, name, text }),
    });
  }

  forget(receipt) {
    const sent = this.pending.get(receipt);
    if (sent) clearTimeout(sent.timer);
    this.pending.delete(receipt);
  }

  onTaken(receipt) {
    const sent = this.pending.get(receipt);
    if (!sent) return;
    sent.taken = true;
    sent.row.classList.remove('pending');
    if (sent.heard) this.forget(receipt);
    else this.setFate(sent.row, 'sent');
  }

  onSilence(receipt) {
    const sent = this.pending.get(receipt);
    if (sent && !sent.taken && !sent.heard) this.setFate(sent.row, 'no answer from the server yet');
    else this.forget(receipt);
  }

  lose(sent, text) {
    sent.row.classList.remove('pending');
    sent.row.classList.add('lost');
    this.setFate(sent.row, text);
  }

  // An ERROR that answers something of ours; false: it does not.
  refuse(receipt, why) {
    const sent = this.pending.get(receipt);
    if (sent) {
      this.forget(receipt);
      this.lose(sent, `Not sent: ${why}`);
      return true;
    }
    for (const one of this.all.values()) {
      if (one.joining !== receipt) continue;
      one.refused = why;
      this.appendEvent(one, `Not joined: ${why}`);
      this.hooks.onChange(one);
      return true;
    }
    return false;
  }

  // ---- the connection

  online(again) {
    for (const one of this.all.values()) {
      if (again) this.appendEvent(one, 'Connected again. What was said in between is not shown.');
      this.subscribe(one);
    }
  }

  offline() {
    for (const [receipt, sent] of this.pending) {
      if (!sent.taken && !sent.heard) this.lose(sent, 'connection lost before it came back');
      this.forget(receipt);
    }
    for (const one of this.all.values()) {
      one.joined = false;
      one.subscriptions = [];
      if (one.people) one.people.forget();
      delete one.button.dataset.joined;
    }
  }
}
