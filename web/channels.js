// What the page can talk on: topics, which are written to directly, and rooms, which belong to an
// application. A channel knows its destinations and the form of what is said there.

const PREFIX = '/topic/';

// ---- topics

export function topicDestination(typed) {
  return typed.startsWith('/') ? typed : PREFIX + typed;
}

export function problemWithTopic(destination) {
  if (destination === PREFIX || destination === '/') return 'A topic needs a name, such as news.';
  if (/[\s\p{C}]/u.test(destination)) return 'A destination has neither blanks nor control characters.';
  if (/\/\/|\/$/.test(destination)) return 'A slash needs a name on both sides.';
  return '';
}

// Other clients may send anything to a topic: what is not ours is shown as it is.
function readTopic(body) {
  try {
    const said = JSON.parse(body);
    if (typeof said.text === 'string') {
      const nick = typeof said.nick === 'string' && said.nick.trim() ? said.nick.trim().slice(0, 32) : 'somebody';
      return { id: String(said.id), from: String(said.from), name: nick, text: said.text };
    }
  } catch { /* shown as it is */ }
  return { id: '', from: '', name: 'another client', text: body };
}

// tab: tells our own messages from those of a namesake in another tab.
export function topicChannel(destination, tab) {
  return {
    kind: 'topic',
    key: destination,
    title: destination,
    label: destination.startsWith(PREFIX) ? destination.slice(PREFIX.length) : destination,
    listen: destination,
    send: destination,
    watch: null,
    members: null,
    write: ({ id, name, text }) => JSON.stringify({ id, from: tab, nick: name, text }),
    read: readTopic,
    isOwn: (said) => said.from === tab,
    isEcho: (said, sent) => said.id === sent.id,
  };
}

// ---- rooms

export function problemWithRoom(name) {
  if (name === '') return 'A room needs a name, such as kitchen.';
  return /^[A-Za-z0-9_-]+$/.test(name) ? '' : 'Please use letters, digits, - and _ only.';
}

function readRoom(body) {
  try {
    const said = JSON.parse(body);
    if (typeof said.content === 'string' && typeof said.sender.userId === 'string') {
      const { userId, name } = said.sender;
      return { from: userId, name: typeof name === 'string' && name ? name : userId, text: said.content, at: said.at };
    }
  } catch { /* shown as it is */ }
  return { from: '', name: 'another client', text: body };
}

// room: the destinations that the server has told. user: who is signed in.
export function roomChannel(name, room, user) {
  const of = (destination) => (destination ? destination.replace('{room}', name) : null);
  return {
    kind: 'room',
    user,
    key: `room:${name}`,
    title: `# ${name}`,
    label: name,
    listen: of(room.messages),
    send: of(room.send),
    watch: of(room.watch),
    members: of(room.members),
    write: ({ text }) => JSON.stringify({ content: text }),
    read: readRoom,
    isOwn: (said) => said.from === user,
    isEcho: (said, sent) => said.text === sent.text, // in the order in which they were sent
  };
}
