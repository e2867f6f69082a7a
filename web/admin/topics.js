// What is subscribed to on this node.

import { afterPause, byId, cell, element, number, rate } from './dom.js';
import { Listing } from './listing.js';

let listing;

function row(topic) {
  const made = element('tr');
  const follow = element('td', 'number');
  const link = element('a', 'quiet button', 'Follow');
  link.href = `#/tail=${encodeURIComponent(topic.topic)}`;
  link.setAttribute('aria-label', `Follow ${topic.topic}`);
  follow.append(link);
  made.append(cell(topic.topic, 'mono'), cell(number(topic.subscribers), 'number'), cell(rate(topic.per_s), 'number'), follow);
  return made;
}

export const refreshTopics = () => listing.refresh();

export function startTopics(report) {
  listing = new Listing('topics', 'topic-search', 'topic', row);
  byId('topic-search').addEventListener('input', afterPause(() => listing.refresh().catch(report)));
}
