// Who is in a room: the members as the server tells them, by the messages of the room's watch
// destination. Counts are the server's own; the list is what the page has heard.

export class People {
  constructor() {
    this.forget();
  }

  forget() {
    this.members = new Map(); // userId -> name
    this.count = null; // not known
  }

  // Takes one message; returns lines for the log.
  take(body) {
    let told;
    try { told = JSON.parse(body); } catch { return []; }
    if (told === null || typeof told !== 'object') return [];
    if (Number.isSafeInteger(told.watcherCount)) this.count = told.watcherCount;
    if (Array.isArray(told.members)) {
      this.members.clear();
      for (const member of told.members) this.add(member);
      return [];
    }
    const watcher = told.watchingSession ? told.watchingSession.watcher : null;
    if (!watcher || typeof watcher.userId !== 'string') return [];
    if (told.type === 'JOIN') {
      const known = this.members.has(watcher.userId);
      this.add(watcher);
      return known ? [] : [`${this.members.get(watcher.userId)} joined`];
    }
    if (told.type === 'LEAVE') {
      const name = this.members.get(watcher.userId) || watcher.name || watcher.userId;
      return this.members.delete(watcher.userId) ? [`${name} left`] : [];
    }
    return [];
  }

  add(member) {
    if (!member || typeof member.userId !== 'string') return;
    const named = typeof member.name === 'string' && member.name;
    this.members.set(member.userId, named || member.userId);
  }
}
