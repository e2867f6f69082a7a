// The configuration in force, without secrets.

import { get } from './api.js';
import { byId, element, fill } from './dom.js';

function filter() {
  const wanted = byId('config-filter').value.trim().toLowerCase();
  let any = false;
  for (const section of byId('config').children) {
    let some = false;
    const whole = section.dataset.name.includes(wanted);
    for (const row of section.querySelectorAll('.key')) {
      row.hidden = !(whole || row.dataset.name.includes(wanted));
      some ||= !row.hidden;
    }
    section.hidden = !some;
    any ||= some;
  }
  byId('config-empty').hidden = any;
}

export async function refreshConfig() {
  const { sections } = await get('config');
  fill(byId('config'), Object.entries(sections).map(([name, keys]) => {
    const section = element('section');
    section.dataset.name = `[${name.toLowerCase()}]`;
    section.append(element('h3', 'mono', `[${name}]`));
    for (const [key, value] of Object.entries(keys)) {
      const row = element('p', 'key mono');
      row.dataset.name = key.toLowerCase();
      row.append(element('span', 'key-name', key), element('span', value === '' ? 'soft' : '', value === '' ? 'empty' : String(value)));
      section.append(row);
    }
    return section;
  }));
  filter();
}

export function startConfig() {
  byId('config-filter').addEventListener('input', filter);
}
