// The try page: a chat on topics, over the STOMP endpoint /ws of the server this page came from.
// Everything that came over the network is put into the page as text, never as markup.
'use strict';

(() => {
  const HOME_TOPIC = '/topic/lobby';
  const PREFIX = '/topic/';
  const KEPT_MESSAGES = 500; // per topic; older ones leave the page
  const GROUP_MS = 2 * 60 * 1000;
  const FIRST_RETRY_MS = 1000;
  const LONGEST_RETRY_MS = 8000;
  const PROTOCOL_NAMES = { '1.0': 'STOMP 1.0', '1.1': 'STOMP 1.1', '1.2': 'STOMP 1.2' };

  const byId = (id) => document.getElementById(id);
  const page = {
    state: byId('state'), stateText: byId('state-text'), toggle: byId('toggle'),
    topics: byId('topics'), addTopic: byId('add-topic'), newTopic: byId('new-topic'),
    topicProblem: byId('topic-problem'),
    factServer: byId('fact-server'), factProtocol: byId('fact-protocol'),
    factHeartbeat: byId('fact-heartbeat'), factLatency: byId('fact-latency'),
    roomTitle: byId('room-title'), roomNote: byId('room-note'), leave: byId('leave'),
    notice: byId('notice'), noticeText: byId('notice-text'), noticeClose: byId('notice-close'),
    scroller: byId('scroller'), composer: byId('composer'), nick: byId('nick'), text: byId('text'),
    send: byId('send'), help: byId('help'), openHelp: byId('open-help'), closeHelp: byId('close-help'),
    snippetUrl: byId('snippet-url'),
  };

  const timeFormat = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });

  // ---- small helpers

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // crypto.randomUUID exists only on pages from https or localhost; this page may be on neither.
  function randomId() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  // Storage may be switched off in the browser; the page then simply forgets.
  function recall(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  }
  function remember(key, value) {
    try { localStorage.setItem(key, value); } catch { /* forgets */ }
  }

  function milliseconds(ms) {
    return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
  }

  function hueOf(name) {
    let sum = 0;
    for (const char of name) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
    return sum % 6;
  }

  function socketUrl() {
    const url = new URL('ws', document.baseURI);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
  }

  function showNotice(text) {
    page.noticeText.textContent = text;
    page.notice.hidden = false;
  }

  // ---- topics: one log element each, of which the selected one is in the page

  const topics = new Map();
  const pending = new Map(); // id of a message of ours -> where it is and when it left
  const me = randomId();     // tells our own messages from those of a namesake in another tab
  let selected = null;
  let client = null; // stays null when the library is missing

  const isOnline = () => client !== null && client.connected;

  function addTopic(destination) {
    if (topics.has(destination)) return topics.get(destination);
    const topic = {
      destination,
      item: element('li'), button: element('button'), badge: element('span', 'badge'),
      badgeWords: element('span', 'visually-hidden'),
      log: element('ol', 'log'),
      unread: 0, joined: false, subscription: null,
      lastFrom: null, lastAt: 0,
    };
    topic.button.type = 'button';
    topic.button.dataset.topic = destination;
    topic.button.append(element('span', 'name', destination.slice(PREFIX.length)), topic.badge,
                        topic.badgeWords);
    topic.button.addEventListener('click', () => { selectTopic(topic); page.text.focus(); });
    topic.item.append(topic.button);
    topic.log.setAttribute('role', 'log');
    topic.log.setAttribute('aria-label', `Messages in ${destination}`);
    topic.log.append(element('li', 'empty',
        'Nothing said here yet. Write something, or open this page in a second tab and answer yourself.'));
    topics.set(destination, topic);
    page.topics.append(topic.item);
    topic.log.hidden = true;
    page.scroller.append(topic.log);
    showUnread(topic);
    subscribe(topic);
    rememberTopics();
    return topic;
  }

  function leaveTopic(topic) {
    if (topics.size === 1) return;
    if (isOnline() && topic.subscription) topic.subscription.unsubscribe();
    for (const [id, sent] of pending) if (sent.topic === topic) pending.delete(id);
    const order = [...topics.values()];
    const next = order[order.indexOf(topic) + 1] || order[order.indexOf(topic) - 1];
    topics.delete(topic.destination);
    topic.item.remove();
    topic.log.remove();
    selectTopic(next);
    rememberTopics();
  }

  function selectTopic(topic) {
    for (const other of topics.values()) {
      other.log.hidden = other !== topic;
      if (other === topic) other.button.setAttribute('aria-current', 'true');
      else other.button.removeAttribute('aria-current');
    }
    selected = topic;
    page.roomTitle.textContent = topic.destination;
    page.leave.disabled = topics.size === 1;
    page.leave.setAttribute('aria-label', `Leave ${topic.destination}`);
    topic.item.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    scrollToEnd();
    clearUnread(topic);
    showRoomNote();
  }

  function rememberTopics() {
    remember('plugboard.topics', JSON.stringify([...topics.keys()]));
  }

  function recallTopics() {
    try {
      const kept = JSON.parse(recall('plugboard.topics'));
      return kept.filter((name) => typeof name === 'string' && !problemWith(name));
    } catch {
      return [];
    }
  }

  function problemWith(destination) {
    const name = destination.slice(PREFIX.length);
    if (!destination.startsWith(PREFIX) || name === '') return 'A topic needs a name, such as news.';
    if (/[^\p{L}\p{N}._/-]/u.test(name)) return 'Please use letters, digits and . _ - / only.';
    if (/^\/|\/\/|\/$/.test(name)) return 'A slash needs a name on both sides.';
    return '';
  }

  function showUnread(topic) {
    topic.badge.hidden = topic.unread === 0;
    topic.badge.textContent = topic.unread > 99 ? '99+' : String(topic.unread);
    topic.badge.setAttribute('aria-hidden', 'true');
    topic.badgeWords.textContent = topic.unread === 0 ? '' : `, ${topic.unread} unread`;
    let all = 0;
    for (const each of topics.values()) all += each.unread;
    document.title = all === 0 ? 'Plugboard' : `(${all}) Plugboard`;
  }

  function clearUnread(topic) {
    if (document.hidden) return;
    topic.unread = 0;
    showUnread(topic);
  }

  function showRoomNote() {
    page.roomNote.textContent = isOnline() && !selected.joined ? 'Joining…' : '';
    page.send.disabled = !isOnline();
  }

  // ---- messages

  function atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = page.scroller;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  function scrollToEnd() {
    page.scroller.scrollTop = page.scroller.scrollHeight;
  }

  function append(topic, row) {
    const follow = atEnd() || row.classList.contains('own');
    topic.log.append(row);
    while (topic.log.childElementCount > KEPT_MESSAGES + 1) topic.log.children[1].remove();
    if (topic === selected && follow) scrollToEnd();
  }

  function appendEvent(topic, text) {
    topic.lastFrom = null;
    append(topic, element('li', 'event', text));
  }

  function appendMessage(topic, { from, nick, text, own }) {
    const now = new Date();
    const author = `${from}/${nick}`;
    const follows = topic.lastFrom === author && now - topic.lastAt < GROUP_MS;
    topic.lastFrom = author;
    topic.lastAt = now;

    const row = element('li', 'message');
    row.classList.toggle('own', own);
    row.classList.toggle('follows', follows);
    const who = element('p', 'who');
    const name = element('span', 'name', own ? `${nick} (you)` : nick);
    name.dataset.hue = hueOf(nick);
    const time = element('time', '', timeFormat.format(now));
    time.dateTime = now.toISOString();
    who.append(name, time);
    row.append(who, element('p', 'body', text));
    append(topic, row);
    return row;
  }

  function setFate(row, text) {
    const follow = atEnd(); // the row may grow
    let fate = row.querySelector('.fate');
    if (!fate) {
      fate = element('p', 'fate');
      row.append(fate);
    }
    fate.textContent = text;
    if (follow) scrollToEnd();
  }

  function receive(topic, message) {
    const arrived = performance.now();
    const said = readBody(message.body);
    if (said.from === me) {
      const sent = pending.get(said.id);
      if (!sent) return;
      pending.delete(said.id);
      sent.row.classList.remove('pending');
      setFate(sent.row, milliseconds(arrived - sent.at));
      page.factLatency.textContent = milliseconds(arrived - sent.at);
      return;
    }
    appendMessage(topic, { ...said, own: false });
    if (topic !== selected || document.hidden) {
      topic.unread += 1;
      showUnread(topic);
    }
  }

  // Other clients may send anything to a topic: what is not ours is shown as it is.
  function readBody(body) {
    try {
      const said = JSON.parse(body);
      if (typeof said.text === 'string') {
        const nick = typeof said.nick === 'string' && said.nick.trim() ? said.nick.trim().slice(0, 32) : 'somebody';
        return { id: String(said.id), from: String(said.from), nick, text: said.text };
      }
    } catch { /* shown as it is */ }
    return { id: '', from: '', nick: 'another client', text: body };
  }

  function say(text) {
    const topic = selected;
    const id = randomId();
    const nick = page.nick.value.trim();
    const row = appendMessage(topic, { from: me, nick, text, own: true });
    row.classList.add('pending');
    setFate(row, 'sending…');
    pending.set(id, { topic, row, at: performance.now() });
    client.publish({
      destination: topic.destination,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, from: me, nick, text }),
    });
  }

  function losePending() {
    for (const { row } of pending.values()) {
      row.classList.replace('pending', 'lost');
      setFate(row, 'connection lost before it came back');
    }
    pending.clear();
  }

  // ---- connection

  let retryMs = FIRST_RETRY_MS; // in step with the client's own exponential delay
  let countdown = null;
  let wasConnected = false;
  let wantsConnection = true;

  function showState(state, text) {
    page.state.dataset.state = state;
    if (page.stateText.textContent !== text) page.stateText.textContent = text;
    page.toggle.textContent = { connected: 'Disconnect', connecting: 'Disconnect', reconnecting: 'Connect now' }[state]
        || 'Connect';
    if (state !== 'connected') {
      page.factServer.textContent = page.factProtocol.textContent = page.factHeartbeat.textContent = '–';
    }
    if (selected) showRoomNote();
  }

  function subscribe(topic) {
    topic.joined = false;
    if (!isOnline()) return;
    const receipt = `joined-${randomId()}`;
    client.watchForReceipt(receipt, () => {
      topic.joined = true;
      topic.button.dataset.joined = 'true';
      if (topic === selected) showRoomNote();
    });
    topic.subscription = client.subscribe(topic.destination, (message) => receive(topic, message), { receipt });
  }

  function onConnect(frame) {
    stopCountdown();
    retryMs = FIRST_RETRY_MS;
    const { server, version } = frame.headers;
    const beats = (frame.headers['heart-beat'] || '0,0').split(',').map(Number);
    showState('connected', 'Connected');
    page.factServer.textContent = server || 'does not say';
    page.factProtocol.textContent = PROTOCOL_NAMES[version] || 'STOMP';
    page.factHeartbeat.textContent = beats[0] === 0 ? 'none' : `every ${beats[0] / 1000} s`;
    for (const topic of topics.values()) {
      if (wasConnected) appendEvent(topic, 'Connected again. What was said in between is not shown.');
      subscribe(topic);
    }
    wasConnected = true;
  }

  function onClose() {
    losePending();
    for (const topic of topics.values()) {
      topic.joined = false;
      topic.subscription = null;
      delete topic.button.dataset.joined;
    }
    if (wantsConnection) startCountdown();
    else showState('offline', 'Offline');
  }

  function startCountdown() {
    stopCountdown();
    const until = performance.now() + retryMs;
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    const tick = () => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      showState('reconnecting', seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting');
      if (seconds <= 0) stopCountdown();
    };
    countdown = setInterval(tick, 250);
    tick();
  }

  function stopCountdown() {
    clearInterval(countdown);
    countdown = null;
  }

  function connect() {
    wantsConnection = true;
    retryMs = FIRST_RETRY_MS;
    showState('connecting', 'Connecting');
    client.activate();
  }

  async function onToggle() {
    const again = page.state.dataset.state === 'reconnecting' || !wantsConnection;
    wantsConnection = again;
    stopCountdown();
    await client.deactivate();
    if (!wantsConnection) showState('offline', 'Offline');
    else if (again) connect();
  }

  function makeClient() {
    const { Client, ReconnectionTimeMode } = window.StompJs;
    return new Client({
      brokerURL: socketUrl(),
      connectionTimeout: 10000,
      reconnectDelay: FIRST_RETRY_MS,
      maxReconnectDelay: LONGEST_RETRY_MS,
      reconnectTimeMode: ReconnectionTimeMode.EXPONENTIAL,
      heartbeatIncoming: 10000,
      // Browsers run the timers of a hidden tab about once a minute; promising more often than
      // that would have the server take a hidden tab for dead.
      heartbeatOutgoing: 60000,
      onConnect,
      onWebSocketClose: onClose,
      onStompError: (frame) => {
        const what = frame.headers.message || 'The server reported an error.';
        showNotice(frame.body.trim() ? `${what}\n${frame.body.trim()}` : what);
      },
    });
  }

  // ---- what the person does

  function listen() {
    page.composer.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = page.text.value.trim();
      if (text === '' || !isOnline() || !page.nick.value.trim()) return;
      say(text);
      page.text.value = '';
      page.text.focus();
    });

    page.nick.addEventListener('change', () => {
      page.nick.value = page.nick.value.trim() || guestName();
      remember('plugboard.nick', page.nick.value);
    });

    page.addTopic.addEventListener('submit', (event) => {
      event.preventDefault();
      const typed = page.newTopic.value.trim();
      const destination = typed.startsWith(PREFIX) ? typed : PREFIX + typed;
      const problem = problemWith(destination);
      page.topicProblem.textContent = problem;
      page.newTopic.toggleAttribute('aria-invalid', problem !== '');
      if (problem) return;
      page.newTopic.value = '';
      selectTopic(addTopic(destination));
      page.text.focus();
    });
    page.newTopic.addEventListener('input', () => {
      page.topicProblem.textContent = '';
      page.newTopic.removeAttribute('aria-invalid');
    });

    page.leave.addEventListener('click', () => leaveTopic(selected));
    page.toggle.addEventListener('click', onToggle);
    page.noticeClose.addEventListener('click', () => { page.notice.hidden = true; page.text.focus(); });
    page.openHelp.addEventListener('click', () => page.help.showModal());
    page.closeHelp.addEventListener('click', () => page.help.close());
    page.help.addEventListener('click', (event) => { if (event.target === page.help) page.help.close(); });

    document.addEventListener('visibilitychange', () => clearUnread(selected));
    document.addEventListener('keydown', (event) => {
      if (!event.altKey || page.help.open || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
      event.preventDefault();
      const order = [...topics.values()];
      const step = event.key === 'ArrowDown' ? 1 : order.length - 1;
      selectTopic(order[(order.indexOf(selected) + step) % order.length]);
    });
  }

  function guestName() {
    return `guest-${100 + (crypto.getRandomValues(new Uint16Array(1))[0] % 900)}`;
  }

  function start() {
    page.nick.value = recall('plugboard.nick') || guestName();
    remember('plugboard.nick', page.nick.value);
    page.snippetUrl.textContent = socketUrl();
    for (const destination of [HOME_TOPIC, ...recallTopics()]) addTopic(destination);
    selectTopic(topics.get(HOME_TOPIC));
    listen();
    if (!window.StompJs) {
      showState('offline', 'Offline');
      page.toggle.disabled = true;
      showNotice('The STOMP client library is missing: stomp.umd.min.js was not there when this server was built.\n'
          + 'Run "npm ci" in the source directory and build again; "./dev run" does both.');
      return;
    }
    client = makeClient();
    connect();
  }

  start();
})();
