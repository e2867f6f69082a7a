// The connection to the server that this page came from: what the server says of itself, signing
// in, the STOMP client, and what to tell when any of these fails.

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 8000;
const FACTS = 'try-page.json';

const here = (path) => new URL(path.replace(/^\//, ''), document.baseURI);

// The answer to a sign-in that failed for what was asked, not for the network.
export class SignInRefused extends Error {}

export class Connection {
  // hooks: onState(state, text), onConnect(frame), onLost(), onError(frame), onNotice(text),
  // onRefused(SignInRefused)
  constructor(hooks) {
    this.hooks = hooks;
    this.facts = { node: '', endpoint: '/ws', signIn: null, room: null, auth: false };
    this.user = null; // who is signed in
    this.token = null;
    this.client = null; // stays null when the library is missing
    this.wanted = false;
    this.retryMs = FIRST_RETRY_MS; // in step with the client's own exponential delay
    this.countdown = null;
    this.opened = false;
    this.told = false; // why handshakes are refused, since the last one that was not
  }

  get online() {
    return this.client !== null && this.client.connected;
  }

  get url() {
    if (!this.facts.endpoint) return null;
    const url = here(this.facts.endpoint);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
  }

  // What the server is like now; it may have been restarted with other settings. A server that does
  // not say leaves what was known.
  async learn() {
    const answer = await fetch(here(FACTS), { cache: 'no-store' });
    if (answer.ok) this.facts = await answer.json();
  }

  // A token of now: it does not outlive the server that made it.
  async signIn(name) {
    const url = here(this.facts.signIn);
    url.searchParams.set('name', name);
    const answer = await fetch(url, { method: 'POST', cache: 'no-store' });
    if (answer.status === 400 || answer.status === 403) throw new SignInRefused((await answer.text()).trim());
    if (!answer.ok) throw new Error(`signing in was answered with ${answer.status}`);
    this.token = (await answer.json()).token;
    this.user = name;
  }

  signOut() {
    this.user = null;
    this.token = null;
    return this.stop();
  }

  makeClient() {
    const { Client, ReconnectionTimeMode } = window.StompJs;
    this.client = new Client({
      webSocketFactory: () => this.openSocket(),
      connectionTimeout: 10000,
      reconnectDelay: FIRST_RETRY_MS,
      maxReconnectDelay: LONGEST_RETRY_MS,
      reconnectTimeMode: ReconnectionTimeMode.EXPONENTIAL,
      heartbeatIncoming: 10000,
      // Browsers run the timers of a hidden tab about once a minute; promising more often than
      // that would have the server take a hidden tab for dead.
      heartbeatOutgoing: 60000,
      beforeConnect: () => this.prepare(),
      onConnect: (frame) => {
        this.stopCountdown();
        this.retryMs = FIRST_RETRY_MS;
        this.told = false;
        this.hooks.onState('connected', 'Connected');
        this.hooks.onConnect(frame);
      },
      onWebSocketClose: () => this.onClose(),
      onStompError: (frame) => this.hooks.onError(frame),
    });
  }

  openSocket() {
    const socket = new WebSocket(this.url, ['v12.stomp', 'v11.stomp', 'v10.stomp']);
    socket.addEventListener('open', () => { this.opened = true; });
    return socket;
  }

  async prepare() {
    this.opened = false;
    try {
      await this.learn();
      if (this.user !== null && this.facts.signIn) await this.signIn(this.user);
    } catch (error) {
      if (!(error instanceof SignInRefused)) return; // the WebSocket will tell
      this.hooks.onRefused(error);
    }
    this.client.connectHeaders = this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  start() {
    this.wanted = true;
    this.retryMs = FIRST_RETRY_MS;
    this.hooks.onState('connecting', 'Connecting');
    this.client.activate();
  }

  async stop() {
    this.wanted = false;
    this.stopCountdown();
    await this.client.deactivate();
    this.hooks.onState('offline', 'Offline');
  }

  // At once, where the client waits to try again.
  async hurry() {
    this.wanted = true;
    this.stopCountdown();
    await this.client.deactivate();
    this.start();
  }

  onClose() {
    const refused = !this.opened;
    this.hooks.onLost();
    if (!this.wanted) {
      this.hooks.onState('offline', 'Offline');
      return;
    }
    this.startCountdown();
    if (refused) this.explain();
  }

  // A browser does not tell a page why a handshake failed. A server that answers other requests has
  // refused it.
  async explain() {
    if (this.told) return;
    let ready;
    try { ready = await fetch(here('ready'), { cache: 'no-store' }); } catch { return; }
    const said = (await ready.text()).trim();
    if (this.online || !this.wanted || this.told) return;
    this.told = true;
    if (!ready.ok) {
      if (said.startsWith('not ready')) this.hooks.onNotice(`The server is there, but ${said}.`);
      return; // a proxy without a server behind it
    }
    this.hooks.onNotice(`The server answers, but refuses the WebSocket handshake at ${this.url}.\n`
        + 'Its log says why: look for a line with "origin" or "handshake". Behind a proxy, the proxy has to pass '
        + 'Upgrade and Host on, and one that ends TLS has to be in [http] trusted-proxies.');
  }

  startCountdown() {
    this.stopCountdown();
    const until = performance.now() + this.retryMs;
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
    const tick = () => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      this.hooks.onState('reconnecting', seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting');
      if (seconds <= 0) this.stopCountdown();
    };
    this.countdown = setInterval(tick, 250);
    tick();
  }

  stopCountdown() {
    clearInterval(this.countdown);
    this.countdown = null;
  }
}
