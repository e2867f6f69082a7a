// A searched list that comes in pages: what clients and topics have in common.

import { get } from './api.js';
import { byId, fillRows, number } from './dom.js';

const PAGE = 100;

export class Listing {
  // name: of the API and of the elements ("clients"); key: the member that tells items apart; row(item): a <tr>.
  constructor(name, searchId, key, row) {
    this.name = name;
    this.key = key;
    this.search = byId(searchId);
    this.row = row;
    this.limit = PAGE;
    this.asked = 0;
    byId(`${name}-more`).addEventListener('click', () => {
      this.limit += PAGE;
      this.refresh().catch(() => {}); // the next round says why
    });
  }

  // All pages that are open, anew: rows keep their order by name.
  async refresh() {
    const number_of_this = ++this.asked;
    const items = [];
    let answer;
    let after = '';
    do {
      const query = new URLSearchParams({ limit: String(Math.min(PAGE, this.limit - items.length)) });
      if (this.search.value.trim()) query.set('search', this.search.value.trim());
      if (after) query.set('after', after);
      answer = await get(`${this.name}?${query}`);
      if (number_of_this !== this.asked) return; // somebody has typed on
      items.push(...answer[this.name]);
      after = answer.next ?? '';
    } while (after && items.length < this.limit);
    fillRows(byId(this.name), items.map((item) => {
      const made = this.row(item);
      made.dataset.key = item[this.key];
      return made;
    }));
    byId(`${this.name}-total`).textContent = answer.total > items.length
      ? `${number(items.length)} of ${number(answer.total)}` : number(answer.total);
    byId(`${this.name}-empty`).hidden = items.length > 0;
    byId(`${this.name}-more`).hidden = !after;
  }
}
