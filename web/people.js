// Who is in a room, as the messages of its watch destination tell it: the whole list when one
// subscribes, then every JOIN and LEAVE with the count after it. Counts are the server's own. Where
// several changes came as one message, or the list does not agree with the count, it is to be asked
// for again.

export class People {
  // user: who is signed in here, and needs not be told of oneself.
  constructor(user) {
    this.user = user;
    this.forget();
  }

  forget() {
    this.members = new Map(); // userId -> name
    this.count = null; // not known
    this.listed = false; // the whole list has come
    this.isShort = false; // and had a part of the members only
    this.missed = false; // changes that have no message of their own
  }

  // Takes one message; returns lines for the log.
  take(body) {
    let told;
    try { told = JSON.parse(body); } catch { return []; }
    if (told === null || typeof told !== 'object' || !Number.isSafeInteger(told.count)) return [];
    this.count = told.count;
    if (told.type === 'MEMBERS' && Array.isArray(told.members)) {
      this.members.clear();
      for (const member of told.members) this.add(member);
      this.listed = true;
      this.missed = false;
      this.isShort = this.members.size < this.count;
      return [];
    }
    if (typeof told.userId !== 'string') return [];
    if (told.merged > 1) this.missed = true;
    if (told.type === 'JOIN') {
      const known = this.members.has(told.userId);
      this.add(told);
      return known || told.userId === this.user ? [] : [`${this.members.get(told.userId)} joined`];
    }
    if (told.type === 'LEAVE') {
      const name = this.members.get(told.userId) || this.nameOf(told);
      return this.members.delete(told.userId) ? [`${name} left`] : [];
    }
    return [];
  }

  // The list is not what the count says.
  get isDoubtful() {
    return this.count !== null && (!this.listed || this.missed || (!this.isShort && this.members.size !== this.count));
  }

  nameOf(member) {
    return typeof member.name === 'string' && member.name ? member.name : member.userId;
  }

  add(member) {
    if (member && typeof member.userId === 'string') this.members.set(member.userId, this.nameOf(member));
  }
}
