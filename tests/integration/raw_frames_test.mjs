// The STOMP parser and session at the byte level: a table of what comes in and what must come out,
// over WebSocket and over TCP, whole and in pieces. Limits are configured small.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { sleep, slowness, start, until } from './lib/server.mjs';
import { decode, open, stomp } from './lib/stomp.mjs';
import { BINARY, CLOSE, CONTINUATION, TEXT, Wire } from './lib/wire.mjs';

const LIMITS = {
  'max-frame-size': '1k', 'max-headers': 8, 'max-header-size': 128, 'max-subscriptions': 4,
  'max-destination-length': 32, 'max-transactions': 2, 'max-transaction-size': '1k', 'max-unacked': 3,
};

const CONNECT = { '1.0': 'CONNECT\naccept-version:1.0\n\n\0', 1.1: 'CONNECT\naccept-version:1.1\nhost:h\n\n\0', 1.2: 'CONNECT\naccept-version:1.2\nhost:h\n\n\0' };
const FENCE = 'UNSUBSCRIBE\nid:none\nreceipt:fence\n\n\0';
const HINTS = / (Use|UNSUBSCRIBE first|The first frame|Two numbers|Supported|\[destinations\]|Acknowledge)/;

// Rows: name, version that is connected first ('' for none), bytes, expected frames. '@' stands for
// digits that are the row's own. An ERROR is written as { error, code, receipt }; it is the last.
const rows = [];
const latin1 = (text) => Buffer.from(text, 'latin1');

function row(name, version, bytes, ...expected) {
  rows.push({ name, version, bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), expected });
}

function fault(name, version, bytes, error, more = {}) {
  row(name, version, bytes, { error, ...more });
}

// What comes back to the one subscriber sub:s of /topic/@ for a SEND with these further header lines.
function echo(name, version, headLines, headersBack, body = '', bodyBack = body) {
  const send = Buffer.concat([Buffer.from(`SUBSCRIBE\nid:s\ndestination:/topic/@\n\n\0SEND\ndestination:/topic/@\n${headLines}\n`),
    Buffer.from(body), Buffer.from('\0')]);
  row(name, version, send, `MESSAGE subscription=s destination=/topic/@ message-id=* ${headersBack}${headersBack ? ' ' : ''}` +
    `content-length=${Buffer.byteLength(bodyBack)}|${bodyBack}`);
}

const VERSIONS = ['1.0', '1.1', '1.2'];
const COMMANDS = ['SEND', 'SUBSCRIBE', 'UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT', 'DISCONNECT'];
const SERVER_COMMANDS = ['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR'];

// --- connecting

const connected = (version, beats = '0,0') => `CONNECTED version=${version} heart-beat=${beats} session=* server=*|`;
for (const command of ['CONNECT', 'STOMP']) {
  for (const [accept, version] of [['1.0', '1.0'], ['1.1', '1.1'], ['1.2', '1.2'], ['1.0,1.1,1.2', '1.2'],
    ['1.2,1.1,1.0', '1.2'], ['1.0,1.1', '1.1'], ['1.1, 1.2', '1.2'], [' 1.0 ', '1.0'], ['2.0,1.1', '1.1'],
    ['1.3,1.2', '1.2'], ['1.1,1.1', '1.1'], [',1.1,', '1.1'], ['x,1.0', '1.0']]) {
    row(`${command} accept-version:${accept}`, '', `${command}\naccept-version:${accept}\nhost:h\n\n\0`, connected(version));
  }
  row(`${command} without accept-version is 1.0`, '', `${command}\n\n\0`, connected('1.0'));
  row(`${command}: the first accept-version counts`, '', `${command}\naccept-version:1.1\naccept-version:1.2\n\n\0`, connected('1.1'));
  row(`${command} with login and passcode`, '', `${command}\nlogin:a\npasscode:b\naccept-version:1.2\n\n\0`, connected('1.2'));
  row(`${command} is not unescaped`, '', `${command}\naccept-version:1.2\nlogin:a\\tb\\\n\n\0`, connected('1.2'));
  row(`${command} with CR LF`, '', `${command}\r\naccept-version:1.2\r\nhost:h\r\n\r\n\0`, connected('1.2'));
  for (const accept of ['', '1.3', '2.0', '1', '1.2.0', '01.2', '1.2;1.1', '1.0 1.1', '1,2', 'x', '1.١']) {
    fault(`${command} accept-version:${accept}`, '', `${command}\naccept-version:${accept}\n\n\0`,
      `no supported version in accept-version '${accept}'`, { versions: true });
  }
  for (const [beat, told] of [['0,0', '0,0'], ['1,1', '10000,10000'], ['10000,10000', '10000,10000'], [' 5 , 6 ', '10000,10000'],
    ['0,4294967296', '10000,0'], ['9999999999999,0', '0,10000']]) {
    row(`${command} heart-beat:${beat}`, '', `${command}\naccept-version:1.2\nheart-beat:${beat}\n\n\0`, connected('1.2', told));
  }
  row(`${command} heart-beat:9,9 in 1.0`, '', `${command}\naccept-version:1.0\nheart-beat:9,9\n\n\0`, connected('1.0'));
  for (const beat of ['', '5', ',', '1,', ',1', '1,2,3', 'a,b', '-1,0', '1.5,2', '0x1,0', '+1,1', '99999999999999999999,0']) {
    fault(`${command} heart-beat:${beat}`, '', `${command}\naccept-version:1.2\nheart-beat:${beat}\n\n\0`,
      `heart-beat '${beat}' is not of the form <cx>,<cy>`);
  }
  fault(`a second ${command}`, '1.2', `${command}\naccept-version:1.2\n\n\0`, 'the session is connected already');
  fault(`a second ${command} with a receipt`, '1.2', `${command}\nreceipt:r\naccept-version:1.2\n\n\0`,
    'the session is connected already', { receipt: 'r' });
  fault(`${command} with a body`, '', `${command}\naccept-version:1.2\n\nbody\0`, `${command} frames have no body`);
}
row('heart-beats before CONNECT', '', '\n\r\n\nCONNECT\naccept-version:1.2\n\n\0', connected('1.2'));
row('stray NULs before CONNECT', '', '\0\0CONNECT\naccept-version:1.2\n\n\0', connected('1.2'));
for (const command of COMMANDS) {
  fault(`${command} before CONNECT`, '', `${command}\nid:a\ndestination:/topic/@\ntransaction:t\n\n\0`, `${command} before CONNECT`);
  fault(`${command} with a receipt before CONNECT`, '', `${command}\nreceipt:r 1\n\n\0`, `${command} before CONNECT`, { receipt: 'r 1' });
}
for (const command of SERVER_COMMANDS) {
  for (const version of ['', ...VERSIONS]) {
    fault(`${command} from a client, ${version || 'not connected'}`, version, `${command}\ndestination:/topic/@\n\n\0`,
      `${command} frames are sent by servers only`);
  }
}

// --- commands

for (const command of ['send', 'SEND ', ' SEND', 'Send', 'SENDS', 'SEN', 'FOO', 'SUBSCRIBER', 'GET', '\u00e9', 'S\tND', 'BEGIN:', ':', '"']) {
  fault(`command ${JSON.stringify(command)}`, '1.2', `${command}\n\n\0`, `unknown command '${command.replace('\t', '\\x09')}'`);
}
fault('a long command', '1.2', `${'A'.repeat(12)}\n\n\0`, "unknown command 'AAAAAAAAAAAA...'");
fault('a very long command', '1.2', 'A'.repeat(5000), "unknown command 'AAAAAAAAAAAA...'");
fault('HTTP instead of STOMP', '1.2', 'GET / HTTP/1.1\r\n\r\n', "unknown command 'GET / HTTP/1...'");
fault('a NUL in the command', '1.2', 'SE\0ND\n\n\0', "unknown command 'SE\\x00'");
fault('a CR in the command', '1.2', 'SE\rND\n\n\0', "CR is not followed by LF after 'SE'");
fault('bytes above ASCII in the command', '1.2', latin1('S\xff\xfeD\n\n\0'), "unknown command 'S\\xFF\\xFED'");
fault('an unknown command ends the frame loop', '1.2', 'FOO\n\n\0BAR\n\n\0SEND\n\n\0', "unknown command 'FOO'");
fault('a frame, then a fault', '1.2', `BEGIN\ntransaction:t\nreceipt:ok\n\n\0FOO\n\n\0`, "unknown command 'FOO'", { before: ['RECEIPT receipt-id=ok|'] });

// --- between frames

for (const [name, between] of [['LF', '\n'], ['three LF', '\n\n\n'], ['CR LF', '\r\n'], ['NUL', '\0'], ['NULs and EOLs', '\0\n\0\0\r\n\n\0'], ['nothing', '']]) {
  row(`${name} between frames`, '1.2', `${between}BEGIN\ntransaction:t\nreceipt:a\n\n\0${between}ABORT\ntransaction:t\nreceipt:b\n\n\0${between}`,
    'RECEIPT receipt-id=a|', 'RECEIPT receipt-id=b|');
}
for (const junk of ['\rX', '\r\r\n', '\r\0', '\n\r\rBEGIN']) {
  fault(`${JSON.stringify(junk)} between frames`, '1.2', junk, 'CR between frames is not followed by LF');
}

// --- headers

for (const version of VERSIONS) {
  echo(`blanks are kept in ${version}`, version, ' a : b \n', ' a = b ');
  echo(`tabs are kept in ${version}`, version, 'k:\tv\t\n', 'k=\tv\t');
  echo(`an empty value in ${version}`, version, 'k:\n', 'k=');
  echo(`header names are case-sensitive in ${version}`, version, 'Destination:/topic/other\n', 'Destination=/topic/other');
  echo(`CR LF ends lines in ${version}`, version, 'k:v\r\n', 'k=v');
  echo(`unicode in ${version}`, version, 'ключ:\u{1F600}\n', 'ключ=\u{1F600}');
  echo(`a repeated header keeps all values in ${version}`, version, 'k:1\nk:2\nk:1\n', 'k=1 k=2 k=1');
  echo(`the content-type moves to its place in ${version}`, version, 'k:v\ncontent-type:text/plain\n', 'content-type=text/plain k=v', 'x');
  echo(`what is the server's to write is dropped in ${version}`, version, 'subscription:x\nmessage-id:x\nack:x\ndestination:/topic/x\nk:v\n', 'k=v');
  echo(`what is private is dropped in ${version}`, version, 'login:x\npasscode:x\nAuthorization:x\nauthorization:x\nk:v\n', 'k=v');
  fault(`no colon in ${version}`, version, 'SEND\nnocolon\n\n\0', "header 'nocolon' has no ':'");
  fault(`no name in ${version}`, version, 'SEND\n:value\n\n\0', "header ':value' has no name");
  fault(`a NUL in a header in ${version}`, version, 'SEND\nk:a\0b\n\n\0', "NUL in the headers after 'k:a'");
  fault(`no empty line in ${version}`, version, 'SEND\nk:v\n\0', 'no empty line between the headers and the NUL');
  fault(`a CR within a header in ${version}`, version, 'SEND\nk:a\rb\n\n\0', "CR is not followed by LF after 'k:a'");
  fault(`two CRs at the end of a line in ${version}`, version, 'SEND\nk:a\r\r\n\n\0', "CR is not followed by LF after 'k:a'");
  fault(`a header that is not UTF-8 in ${version}`, version, latin1('SEND\nk:\xff\n\n\0'), "header 'k:\\xFF' is not valid UTF-8");
  fault(`a name that is not UTF-8 in ${version}`, version, latin1('SEND\n\xc3:v\n\n\0'), "header '\\xC3:v' is not valid UTF-8");
  fault(`an overlong UTF-8 form in ${version}`, version, latin1('SEND\nk:\xc0\xaf\n\n\0'), "header 'k:\\xC0\\xAF' is not valid UTF-8");
  fault(`a surrogate in ${version}`, version, latin1('SEND\nk:\xed\xa0\x80\n\n\0'), "header 'k:\\xED\\xA0\\x80' is not valid UTF-8");
  fault(`control characters are shown as codes in ${version}`, version, 'SEND\n\x1b[2J\x07\n\n\0', "header '\\x1B[2J\\x07' has no ':'");
}
fault('only the command and a NUL', '1.2', 'SEND\n\0', 'no empty line between the headers and the NUL');
fault('the receipt read before the fault is answered', '1.2', 'SEND\nreceipt:r\\c1\nbad\n\n\0', "header 'bad' has no ':'", { receipt: 'r:1' });
fault('a receipt after the fault is not', '1.2', 'SEND\nbad\nreceipt:r\n\n\0', "header 'bad' has no ':'");
fault('long texts are cut in messages', '1.2', `SEND\n${'x'.repeat(100)}\n\n\0`, `header '${'x'.repeat(60)}...' has no ':'`);

// --- escapes

const ESCAPES = [['\\n', '\n'], ['\\c', ':'], ['\\\\', '\\'], ['a\\\\\\nb', 'a\\\nb'], ['\\\\n', '\\n'], ['\\\\c\\c', '\\c:']];
for (const version of ['1.1', '1.2']) {
  for (const [wire, text] of [...ESCAPES, ...(version === '1.2' ? [['\\r', '\r'], ['\\r\\n', '\r\n']] : [])]) {
    echo(`value ${wire} in ${version}`, version, `k:${wire}\n`, `k=${text}`);
    echo(`name ${wire} in ${version}`, version, `${wire}k:v\n`, `${text}k=v`);
  }
  echo(`a second colon belongs to the value in ${version}`, version, 'k:a:b\n', 'k=a:b');
  for (const bad of ['\\t', '\\', 'a\\', '\\C', '\\N', '\\0', '\\:', '\\ ', '\\\u00e9', '\\\u{1F600}']) {
    const at = bad.indexOf('\\');
    fault(`value ${bad} in ${version}`, version, `SEND\nk:${bad}\n\n\0`, `illegal escape '${bad.slice(at)}' in header 'k'`);
  }
  fault(`name with an illegal escape in ${version}`, version, 'SEND\nk\\t:v\n\n\0', "illegal escape '\\t' in header 'k\\t'");
}
fault('\\r in 1.1', '1.1', 'SEND\nk:\\r\n\n\0', "illegal escape '\\r' in header 'k'");
for (const text of ['\\n', '\\', 'a\\tb', '\\c', 'a:b']) echo(`1.0 knows no escapes: ${text}`, '1.0', `k:${text}\n`, `k=${text}`);
row('a receipt id is escaped', '1.2', 'BEGIN\ntransaction:t\nreceipt:a\\cb\\nc\\\\\n\n\0', 'RECEIPT receipt-id=a:b\nc\\|');
row('a receipt id in 1.0', '1.0', 'BEGIN\ntransaction:t\nreceipt:a\\cb:c\n\n\0', 'RECEIPT receipt-id=a\\cb:c|');
echo('an escaped header name is looked at unescaped', '1.2', 'content-typ\\e:x\n'.replace('\\e', 'e'), 'content-type=x');

// --- bodies

for (const version of VERSIONS) {
  echo(`a body up to the NUL in ${version}`, version, '', '', 'hello');
  echo(`a body with content-length in ${version}`, version, 'content-length:5\n', '', 'a\0b\0c');
  echo(`a body of NULs in ${version}`, version, 'content-length:3\n', '', '\0\0\0');
  echo(`content-length:0 in ${version}`, version, 'content-length:0\n', '', '');
  echo(`lines in a body in ${version}`, version, '', '', '\n\r\nSEND\n\n');
  for (const bad of ['', 'abc', '-1', '+5', '5x', ' 5', '5 ', '0x5', '1e1', '5.0', '٥']) {
    echo(`content-length:${bad} is none in ${version}`, version, `content-length:${bad}\n`, '', 'hello');
  }
  echo(`zeros before a content-length in ${version}`, version, 'content-length:0005\n', '', 'a\0b\0c');
  echo(`the first content-length counts in ${version}`, version, 'content-length:5\ncontent-length:1\n', '', 'a\0b\0c');
  for (const [length, body] of [['3', 'abcd'], ['0', 'x'], ['4', 'abcde\0']]) {
    fault(`content-length:${length} before ${JSON.stringify(body)} in ${version}`, version,
      `SEND\ndestination:/topic/@\ncontent-length:${length}\n\n${body}\0`, `no NUL after the ${length} bytes that content-length promised`);
  }
}
for (const command of COMMANDS.filter((c) => c !== 'SEND')) {
  fault(`${command} with a body`, '1.2', `${command}\nid:a\ndestination:/topic/@\n\nbody\0`, `${command} frames have no body`);
  fault(`${command} with a content-length`, '1.2', `${command}\nid:a\ncontent-length:4\n\nbody\0`, `${command} frames have no body`);
}
row('line ends for a body where there is none', '', 'CONNECT\naccept-version:1.2\n\n\n\0BEGIN\ntransaction:t\nreceipt:r\n\n\r\n\n\0', connected('1.2'), 'RECEIPT receipt-id=r|');
row('line ends counted as a body where there is none', '1.2', 'BEGIN\ntransaction:t\ncontent-length:2\nreceipt:r\n\n\r\n\0', 'RECEIPT receipt-id=r|');
row('content-length:0 where no body may be', '1.2', 'BEGIN\ntransaction:t\ncontent-length:0\nreceipt:r\n\n\0', 'RECEIPT receipt-id=r|');

// --- limits: at them and over them

const TOO_LARGE = 'frame is larger than max-frame-size (1024 bytes)';
const bigSend = (n) => {
  const head = 'SEND\ndestination:/topic/@@@@@\n\n';
  return `${head}${'x'.repeat(n - head.length - 1)}\0`;
};
row('a frame of max-frame-size', '1.2', bigSend(1024));
fault('a frame one byte over max-frame-size', '1.2', bigSend(1025), TOO_LARGE, { code: 1009 });
fault('a body without end', '1.2', `SEND\ndestination:/topic/@\n\n${'x'.repeat(3000)}`, TOO_LARGE, { code: 1009 });
const announce = (n) => `SEND\ndestination:/topic/@@@@@\ncontent-length:${n}\n\n`;
row('the largest content-length that fits', '1.2', `${announce(973)}${'x'.repeat(1024 - announce(973).length - 1)}\0`.length === 1024
  ? `${announce(973)}${'x'.repeat(1024 - announce(973).length - 1)}\0` : 'the row is wrong');
for (const n of [974, 1024, 4294967296, '18446744073709551615', '99999999999999999999999']) {
  fault(`content-length:${n} is refused at once`, '1.2', announce(n), TOO_LARGE, { code: 1009 });
}
fault('headers without end', '1.2', `SEND\n${'k:v\n'.repeat(9)}`, 'more than max-headers (8) headers');
echo('max-headers headers', '1.2', 'k:1\n'.repeat(7), Array(7).fill('k=1').join(' '));
fault('one header over max-headers', '1.2', `SEND\ndestination:/topic/@\n${'k:1\n'.repeat(8)}\n\0`, 'more than max-headers (8) headers');
echo('a header of max-header-size', '1.2', `k:${'x'.repeat(126)}\n`, `k=${'x'.repeat(126)}`);
echo('a header of max-header-size with CR LF', '1.2', `k:${'x'.repeat(126)}\r\n`, `k=${'x'.repeat(126)}`);
fault('a header one byte over max-header-size', '1.2', `SEND\nk:${'x'.repeat(127)}\n\n\0`, 'header is longer than max-header-size (128 bytes)');
fault('a header without end', '1.2', `SEND\nk:${'x'.repeat(500)}`, 'header is longer than max-header-size (128 bytes)');
fault('a header without end or colon', '1.2', `SEND\n${'x'.repeat(500)}`, 'header is longer than max-header-size (128 bytes)');
const dest = (n) => `/topic/@@@@@${'d'.repeat(n - 12)}`;
row('a destination of max-destination-length', '1.2', `SUBSCRIBE\nid:s\ndestination:${dest(32)}\nreceipt:r\n\n\0`, 'RECEIPT receipt-id=r|');
fault('a destination over max-destination-length', '1.2', `SUBSCRIBE\nid:s\ndestination:${dest(33)}\n\n\0`, `SUBSCRIBE: bad destination '${dest(33)}': The destination is too long`);
fault('SEND to a destination over the limit', '1.2', `SEND\ndestination:${dest(33)}\n\n\0`, `SEND: bad destination '${dest(33)}': The destination is too long`);
const subscribe = (id, more = '') => `SUBSCRIBE\nid:${id}\ndestination:/topic/@\n${more}\n\0`;
row('max-subscriptions', '1.2', `${[1, 2, 3].map((i) => subscribe(i)).join('')}${subscribe(4, 'receipt:r\n')}`, 'RECEIPT receipt-id=r|');
fault('one over max-subscriptions', '1.2', `${[1, 2, 3, 4].map((i) => subscribe(i)).join('')}${subscribe(5, 'receipt:r\n')}`,
  'SUBSCRIBE: more than max-subscriptions (4)', { receipt: 'r' });
row('a subscription that ended makes room', '1.2', `${[1, 2, 3, 4].map((i) => subscribe(i)).join('')}UNSUBSCRIBE\nid:2\n\n\0${subscribe(5, 'receipt:r\n')}`, 'RECEIPT receipt-id=r|');
const begin = (id) => `BEGIN\ntransaction:${id}\n\n\0`;
row('max-transactions', '1.2', `${begin(1)}BEGIN\ntransaction:2\nreceipt:r\n\n\0`, 'RECEIPT receipt-id=r|');
fault('one over max-transactions', '1.2', begin(1) + begin(2) + begin(3), 'BEGIN: more than max-transactions (2) are open');
row('a transaction that ended makes room', '1.2', `${begin(1)}${begin(2)}COMMIT\ntransaction:1\n\n\0ABORT\ntransaction:2\n\n\0${begin(3)}${begin(4)}ABORT\ntransaction:4\nreceipt:r\n\n\0`, 'RECEIPT receipt-id=r|');
const held = (n) => `SEND\ndestination:/topic/@\ntransaction:t\n\n${'x'.repeat(n)}\0`;
fault('over max-transaction-size', '1.2', begin('t') + held(400) + held(400) + held(400), 'open transactions hold more than max-transaction-size (1024 bytes)');
const unacked = `${subscribe('s', 'ack:client\n')}${'SEND\ndestination:/topic/@\n\n\0'.repeat(3)}`;
const waiting = 'MESSAGE subscription=s ack=*/s destination=/topic/@ message-id=* content-length=0|';
row('max-unacked', '1.2', unacked, waiting, waiting, waiting);

// --- destinations

for (const [destination, why] of [['', 'The destination is empty'], ['topic/x', 'A destination starts with a slash'],
  ['topic', 'A destination starts with a slash'], [' /topic/x', 'A destination starts with a slash'],
  ['/topic/a\tb', 'A destination contains no control characters'], ['/topic/\x7f', 'A destination contains no control characters'],
  ['/topic/\u0085', 'A destination contains no control characters']]) {
  for (const command of ['SEND', 'SUBSCRIBE']) {
    const sent = destination.replace(/[\t\x7f\u0085]/g, (c) => c);
    fault(`${command} to ${JSON.stringify(destination)}`, '1.2', `${command}\nid:s\ndestination:${sent}\n\n\0`,
      new RegExp(`^${command}: bad destination '.*': ${why}$`, 's'));
  }
}
fault('a destination with an escaped line feed', '1.2', 'SEND\ndestination:/topic/a\\nb\n\n\0', /^SEND: bad destination '.*': A destination contains no control characters$/s);
for (const destination of ['/', '/topics/a', '/topi', '/other/x', '/users/queue/x', '/Topic/x', '//topic/x']) {
  for (const command of ['SEND', 'SUBSCRIBE']) {
    fault(`${command} to ${destination}`, '1.2', `${command}\nid:s\ndestination:${destination}\n\n\0`,
      `${command}: destination '${destination}' is outside every prefix; there are /topic, /queue, /sub`);
  }
}
for (const destination of ['/queue/a', '/sub/a', '/sub']) {
  fault(`SEND to ${destination}`, '1.2', `SEND\ndestination:${destination}\nreceipt:r\n\nx\0`, `clients may not SEND to '${destination}'; they may to /topic`, { receipt: 'r' });
  row(`SUBSCRIBE to ${destination}`, '1.2', `SUBSCRIBE\nid:s\ndestination:${destination}\nreceipt:r\n\n\0`, 'RECEIPT receipt-id=r|');
}
for (const pattern of ['/topic/*', '/topic/**', '/topic/a?', '/topic/{id}', '/topic/*/x']) {
  fault(`patterns are off: ${pattern}`, '1.2', `SUBSCRIBE\nid:s\ndestination:${pattern}\n\n\0`, `SUBSCRIBE: pattern subscriptions are switched off: '${pattern}'`);
}

// --- missing headers, wrong ones

for (const version of VERSIONS) {
  fault(`SEND without destination in ${version}`, version, 'SEND\nk:v\n\nx\0', "SEND without a 'destination' header");
  fault(`SUBSCRIBE without destination in ${version}`, version, 'SUBSCRIBE\nid:s\n\n\0', "SUBSCRIBE without a 'destination' header");
  for (const command of ['BEGIN', 'COMMIT', 'ABORT']) {
    fault(`${command} without transaction in ${version}`, version, `${command}\nreceipt:r\n\n\0`, `${command} without a 'transaction' header`, { receipt: 'r' });
  }
  for (const command of ['COMMIT', 'ABORT']) {
    fault(`${command} of an unknown transaction in ${version}`, version, `${command}\ntransaction:t\n\n\0`, `${command}: no transaction 't' is open`);
  }
  for (const command of ['ACK', 'NACK']) {
    const id = version === '1.2' ? 'id' : 'message-id';
    fault(`${command} without ${id} in ${version}`, version, `${command}\nsubscription:s\nreceipt:r\n\n\0`, `${command} without a '${id}' header`, { receipt: 'r' });
    fault(`${command} of nothing in ${version}`, version, `${command}\n${id}:x/s\nsubscription:s\n\n\0`, `${command}: no message 'x/s' waits for it`);
    fault(`${command} in an unknown transaction in ${version}`, version, `${command}\n${id}:x\nsubscription:s\ntransaction:t\n\n\0`, `${command}: no transaction 't' is open`);
  }
  fault(`SEND in an unknown transaction in ${version}`, version, 'SEND\ndestination:/topic/@\ntransaction:t\n\n\0', "SEND: no transaction 't' is open");
  fault(`BEGIN twice in ${version}`, version, begin('t') + begin('t'), "BEGIN: transaction 't' is open already");
  fault(`an unknown ack mode in ${version}`, version, subscribe('s', 'ack:Auto\n'), "SUBSCRIBE: unknown ack mode 'Auto'");
  fault(`an id twice in ${version}`, version, subscribe('s') + subscribe('s', 'receipt:r\n'), "SUBSCRIBE: the id 's' is in use", { receipt: 'r' });
  row(`an id again after UNSUBSCRIBE in ${version}`, version, `${subscribe('s')}UNSUBSCRIBE\nid:s\n\n\0${subscribe('s', 'receipt:r\n')}`, 'RECEIPT receipt-id=r|');
  row(`UNSUBSCRIBE of an unknown id in ${version}`, version, 'UNSUBSCRIBE\nid:x\nreceipt:r\n\n\0', 'RECEIPT receipt-id=r|');
  row(`DISCONNECT with a receipt in ${version}`, version, `${subscribe('s')}DISCONNECT\nreceipt:bye\n\n\0`, 'RECEIPT receipt-id=bye|', { close: 1000 });
  row(`DISCONNECT without a receipt in ${version}`, version, 'DISCONNECT\n\n\0', { close: 1000 });
  row(`frames behind DISCONNECT do not count in ${version}`, version, 'DISCONNECT\nreceipt:bye\n\n\0FOO\n\n\0', 'RECEIPT receipt-id=bye|', { close: 1000 });
}
for (const version of ['1.1', '1.2']) {
  fault(`SUBSCRIBE without id in ${version}`, version, 'SUBSCRIBE\ndestination:/topic/@\n\n\0', "SUBSCRIBE without a 'id' header");
  fault(`UNSUBSCRIBE without id in ${version}`, version, 'UNSUBSCRIBE\ndestination:/topic/@\n\n\0', "UNSUBSCRIBE without a 'id' header");
}
fault('UNSUBSCRIBE without anything in 1.0', '1.0', 'UNSUBSCRIBE\n\n\0', "UNSUBSCRIBE without a 'id' header");
fault('ACK without subscription in 1.1', '1.1', 'ACK\nmessage-id:m\n\n\0', "ACK: no message 'm' waits for it");
row('SUBSCRIBE twice without ids in 1.0: the first stays', '1.0', 'SUBSCRIBE\ndestination:/topic/@\n\n\0SUBSCRIBE\ndestination:/topic/@\nreceipt:r\n\n\0SEND\ndestination:/topic/@\n\nx\0',
  'RECEIPT receipt-id=r|', 'MESSAGE subscription=/topic/@ destination=/topic/@ message-id=* content-length=1|x');
row('SUBSCRIBE without id in 1.0: the destination names it', '1.0', 'SUBSCRIBE\ndestination:/topic/@\n\n\0SEND\ndestination:/topic/@\n\nx\0',
  'MESSAGE subscription=/topic/@ destination=/topic/@ message-id=* content-length=1|x');
row('UNSUBSCRIBE by destination in 1.0', '1.0', 'SUBSCRIBE\ndestination:/topic/@\n\n\0UNSUBSCRIBE\ndestination:/topic/@\nreceipt:r\n\n\0SEND\ndestination:/topic/@\n\nx\0',
  'RECEIPT receipt-id=r|');
fault('an ACK without a slash', '1.2', 'ACK\nid:abc\n\n\0', "ACK: no message 'abc' waits for it");

// --- receipts and order

row('each request is answered, in order', '1.2', `${subscribe('s', 'receipt:1\n')}SEND\ndestination:/topic/@\nreceipt:2\n\n\0BEGIN\ntransaction:t\nreceipt:3\n\n\0` +
  'SEND\ndestination:/topic/@\ntransaction:t\nreceipt:4\n\nheld\0COMMIT\ntransaction:t\nreceipt:5\n\n\0UNSUBSCRIBE\nid:other\nreceipt:6\n\n\0',
  'RECEIPT receipt-id=1|', 'RECEIPT receipt-id=2|', 'RECEIPT receipt-id=3|', 'RECEIPT receipt-id=4|', 'RECEIPT receipt-id=5|', 'RECEIPT receipt-id=6|',
  'MESSAGE subscription=s destination=/topic/@ message-id=* content-length=0|', 'MESSAGE subscription=s destination=/topic/@ message-id=* content-length=4|held');
row('an empty receipt id', '1.2', 'BEGIN\ntransaction:t\nreceipt:\n\n\0', 'RECEIPT receipt-id=|');
row('an empty subscription id', '1.2', 'SUBSCRIBE\nid:\ndestination:/topic/@\n\n\0SEND\ndestination:/topic/@\n\nx\0', 'MESSAGE subscription= destination=/topic/@ message-id=* content-length=1|x');
row('a subscription id that needs escapes', '1.2', 'SUBSCRIBE\nid:a\\cb\\n\\\\\ndestination:/topic/@\n\n\0SEND\ndestination:/topic/@\n\nx\0', 'MESSAGE subscription=a:b\n\\ destination=/topic/@ message-id=* content-length=1|x');
row('a destination with a colon', '1.2', 'SUBSCRIBE\nid:s\ndestination:/topic/@\\cx\n\n\0SEND\ndestination:/topic/@:x\n\nx\0', 'MESSAGE subscription=s destination=/topic/@:x message-id=* content-length=1|x');

// --- running the table

function render(frame, version) {
  // Nothing is escaped in 1.0.
  const pairs = version === '1.0' ? frame.lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]) : frame.pairs;
  const headers = pairs.map(([name, value]) => {
    if (name === 'message-id' || name === 'session' || name === 'server') return `${name}=*`;
    if (name === 'ack') return `ack=*/${value.slice(value.indexOf('/') + 1)}`;
    return `${name}=${value}`;
  });
  return `${frame.command} ${headers.join(' ')}|${frame.body}`;
}

const isMessage = (text) => text.startsWith('MESSAGE');

let server;
let watcher;
let counter = 10000;

async function check(each, how) {
  counter += 1;
  const own = Buffer.from(String(counter));
  const fill = (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('@@@@@', String(counter)).replaceAll('@', String(counter)), 'latin1');
  const fillText = (text) => text.replaceAll('@@@@@', own.toString()).replaceAll('@', own.toString());
  const expected = each.expected.filter((e) => typeof e === 'string').map(fillText);
  const error = each.expected.find((e) => e.error !== undefined);
  const close = each.expected.find((e) => e.close !== undefined)?.close;
  if (error?.before) expected.unshift(...error.before);
  if (each.version) expected.unshift(connected(each.version));
  const fence = !error && !close;
  const bytes = Buffer.concat([Buffer.from(each.version ? CONNECT[each.version] : ''), fill(each.bytes), Buffer.from(fence ? FENCE : '')]);

  const connection = await how.open();
  try {
    await how.send(connection, bytes);
    const got = [];
    const wanted = expected.length + (fence ? 1 : 0);
    while (got.length < wanted) {
      const frame = await connection.next();
      if (frame.command === 'ERROR' && got.length < wanted) assert.fail(`ERROR ${JSON.stringify(frame.headers)} after ${JSON.stringify(got)}`);
      got.push(render(frame, each.version));
    }
    if (fence) expected.push('RECEIPT receipt-id=fence|');
    // Messages come in the order of the SENDs, CONNECTED before everything else. How messages and
    // receipts mix is open, as is the order of receipts: those for SUBSCRIBE wait for the broker.
    assert.deepEqual(got.filter(isMessage), expected.filter(isMessage));
    assert.deepEqual(got.filter((text) => !isMessage(text)).sort(), expected.filter((text) => !isMessage(text)).sort());
    if (each.version) assert.equal(got[0], expected[0]);
    if (error) {
      const frame = await connection.next();
      assert.equal(frame.command, 'ERROR');
      const { headers } = frame;
      if (error.error instanceof RegExp) assert.match(headers.message, error.error);
      else assert.equal(headers.message, fillText(error.error));
      assert.equal(headers['receipt-id'], error.receipt);
      assert.equal(headers.version, error.versions ? '1.0,1.1,1.2' : undefined);
      assert.equal(headers.recoverable, undefined);
      assert.equal(headers['content-type'], 'text/plain;charset=UTF-8');
      assert.equal(headers['content-length'], String(frame.bytes.length));
      const rest = frame.body.slice(0, headers.message.length + 1);
      assert.equal(rest, `${headers.message}.`);
      if (frame.body.length > rest.length + 1) assert.match(frame.body, HINTS);
    }
    if (error || close) {
      const end = await connection.waitForClose();
      assert.deepEqual(connection.frames, []);
      if (how.codes) assert.equal(end.code, error ? error.code ?? 1002 : close);
    }
  } finally {
    connection.terminate();
  }
}

const isText = (bytes) => Buffer.from(bytes.toString()).equals(bytes);

// A WebSocket whose messages are fragmented at will.
async function openFragmenting() {
  const wire = await Wire.upgrade(server);
  const client = {
    frames: [],
    stomp: Buffer.alloc(0),
    async next() {
      for (;;) {
        const { frame, used } = decode(this.stomp);
        this.stomp = this.stomp.subarray(used);
        if (frame) return frame;
        const piece = await wire.frame();
        assert.notEqual(piece.opcode, CLOSE, `closed with ${piece.payload.length ? piece.payload.readUInt16BE() : 'no code'}`);
        this.stomp = Buffer.concat([this.stomp, piece.payload]);
      }
    },
    waitForClose: () => wire.closeFrame(),
    terminate: () => wire.destroy(),
    wire,
  };
  return client;
}

function fragments(bytes, size) {
  const opcode = isText(bytes) ? TEXT : BINARY;
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) {
    pieces.push([bytes.subarray(at, at + size), { opcode: at ? CONTINUATION : opcode, fin: at + size >= bytes.length }]);
  }
  return pieces;
}

const WAYS = {
  'one WebSocket message': {
    codes: true,
    open: () => open(server),
    send: (client, bytes) => client.raw(isText(bytes) ? bytes.toString() : bytes, { binary: !isText(bytes) }),
  },
  'binary WebSocket messages of one byte': {
    codes: true,
    open: () => open(server),
    send: (client, bytes) => { for (const byte of bytes) client.raw(Buffer.from([byte]), { binary: true }); },
  },
  'binary WebSocket messages of seven bytes': {
    codes: true,
    open: () => open(server),
    send: (client, bytes) => { for (let i = 0; i < bytes.length; i += 7) client.raw(bytes.subarray(i, i + 7), { binary: true }); },
  },
  'a WebSocket message in fragments of three bytes': {
    codes: true,
    open: openFragmenting,
    send: (client, bytes) => { for (const [piece, options] of fragments(bytes, 3)) client.wire.ws(piece, options); },
  },
  TCP: {
    open: () => open(server, { transport: 'tcp' }),
    send: (client, bytes) => client.raw(bytes),
  },
  'TCP in three pieces': {
    open: () => open(server, { transport: 'tcp' }),
    send: async (client, bytes) => {
      const third = Math.ceil(bytes.length / 3);
      for (let at = 0; at < bytes.length; at += third) {
        client.raw(bytes.subarray(at, at + third));
        await sleep(2);
      }
    },
  },
};

before(async () => {
  // TCP has terms of its own; here they are those of all.
  const tcp = [`tcp.max-frame-size=${LIMITS['max-frame-size']}`, 'tcp.client-send=/topic'];
  server = await start({ tcp: true, set: [...tcp, ...Object.entries(LIMITS).map(([key, value]) => `limits.${key}=${value}`)] });
  watcher = await stomp(server);
  await watcher.subscribe('/topic/watch');
});
after(() => server?.stop());

// The server still works, for clients that were there all the time and for new ones.
async function stillWorks() {
  const fresh = await stomp(server, { transport: 'tcp' });
  await fresh.request('SEND', { destination: '/topic/watch' }, 'hello');
  await watcher.expect('MESSAGE', { destination: '/topic/watch' });
  fresh.terminate();
}

// Everything that the table's connections had is gone; what is left is the watcher's.
async function nothingLeaked() {
  await until(async () => (await server.stats()).connections === 1, 'one connection', 8000);
  const stats = await server.stats();
  assert.deepEqual({ sessions: stats.sessions, subscriptions: stats.subscriptions }, { sessions: 1, subscriptions: 1 });
}

describe('raw frames', () => {
  test('the table is large and its names are unique', (t) => {
    t.diagnostic(`${rows.length} rows`);
    assert.ok(rows.length >= 400);
    const names = rows.map((r) => r.name);
    assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
  });

  for (const [name, how] of Object.entries(WAYS)) {
    test(`the table over ${name}`, async () => {
      const failures = [];
      const queue = [...rows];
      const errorsBefore = (await server.stats()).errors_out;
      await Promise.all(Array.from({ length: 8 }, async () => {
        for (let each = queue.shift(); each; each = queue.shift()) {
          try {
            await check(each, how);
          } catch (error) {
            failures.push(`${each.name}: ${error.message}`);
          }
        }
      }));
      assert.equal(failures.length, 0, `${failures.length} rows failed:\n\n${failures.slice(0, 20).join('\n\n')}`);
      const faults = rows.filter((r) => r.expected.some((e) => e.error !== undefined)).length;
      assert.equal((await server.stats()).errors_out - errorsBefore, faults);
      await stillWorks();
      await nothingLeaked();
    });
  }

  test('a frame split in two at every place', async () => {
    const whole = Buffer.from('SUBSCRIBE\r\nid:s\\c\nreceipt:s\ndestination:/topic/cut\n\n\0\nSEND\ndestination:/topic/cut\ncontent-length:6\nk:€\\n\n\né\0\r\nx\0');
    const sequence = Buffer.concat([Buffer.from(CONNECT['1.2']), whole]);
    for (let cut = 1; cut < sequence.length; cut++) {
      const client = await open(server, { transport: cut % 2 ? 'ws' : 'tcp' });
      client.raw(sequence.subarray(0, cut), { binary: true });
      if (cut % 2 === 0) await sleep(1);
      client.raw(sequence.subarray(cut), { binary: true });
      await client.expect('CONNECTED');
      await client.receipt('s');
      const message = await client.expect('MESSAGE', { subscription: 's:', k: '€\n' });
      assert.equal(message.body, 'é\0\r\nx');
      client.send('/topic/nowhere');
      await client.request('UNSUBSCRIBE', { id: 's:' });
      client.terminate();
    }
    await nothingLeaked();
  });

  test('unfinished frames are dropped with the connection', async () => {
    const pieces = ['S', 'SEND', 'SEND\n', 'SEND\nk', 'SEND\nk:v\\', 'SEND\ndestination:/topic/watch\n\nbo', 'SEND\ndestination:/topic/watch\ncontent-length:4\n\nbody', '\r'];
    for (const piece of pieces) {
      for (const transport of ['ws', 'tcp']) {
        const client = await stomp(server, { transport });
        client.raw(piece);
        await sleep(5);
        assert.deepEqual(client.frames, []);
        client.close();
        await client.waitForClose();
      }
    }
    await stillWorks();
    await nothingLeaked();
  });

  test('the second client never notices what the first one does', async () => {
    const client = await stomp(server);
    const other = await stomp(server);
    await other.subscribe('/topic/quiet');
    client.raw('FOO\n\n\0');
    await client.expectError(/unknown command 'FOO'/);
    await other.request('SEND', { destination: '/topic/quiet' }, 'x');
    await other.expect('MESSAGE');
    assert.equal(other.closed, null);
    other.terminate();
    await nothingLeaked();
  });

  test('a subscriber over max-unacked gets an ERROR, the publisher does not', async () => {
    const subscriber = await stomp(server);
    await subscriber.subscribe('/topic/unacked', { ack: 'client-individual' });
    const publisher = await stomp(server, { transport: 'tcp' });
    for (let i = 0; i < 4; i++) await publisher.request('SEND', { destination: '/topic/unacked' }, String(i));
    const messages = await subscriber.messages(4);
    assert.deepEqual(messages.map((m) => m.body), ['0', '1', '2', '3']);
    await subscriber.expectError(/^more than max-unacked \(3\) messages wait for an ACK$/m);
    assert.equal(subscriber.closed.code, 1002);
    await publisher.request('SEND', { destination: '/topic/unacked' }, 'x');
    publisher.terminate();
    await nothingLeaked();
  });

  test('random bytes never do harm', async () => {
    // A fixed seed, so that a failure can be repeated.
    let seed = 20240229;
    const random = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return (seed >>> 8) % n; };
    const words = ['SEND', 'CONNECT', 'SUBSCRIBE', 'ACK', 'COMMIT', '\n', '\n\n', '\0', '\r\n', '\r', ':', '\\', '\\n', 'destination', '/topic/fuzz',
      'id', 'receipt', 'content-length', '5', '0', 'transaction', 'ack', 'client', 'accept-version', '1.2', '\u00e9'];
    const runs = slowness > 1 ? 150 : 400;
    for (let i = 0; i < runs; i++) {
      const client = await open(server, { transport: i % 2 ? 'ws' : 'tcp' });
      let bytes = i % 3 ? CONNECT['1.2'] : '';
      for (let n = random(30); n >= 0; n--) bytes += words[random(words.length)];
      client.raw(Buffer.from(bytes), { binary: true });
      if (i % 5 === 0) await sleep(1);
      if (random(2)) client.terminate();
      else client.close();
    }
    await stillWorks();
    await nothingLeaked();
  });

  test('at the end all gauges are back to zero', async () => {
    watcher.close();
    await watcher.waitForClose();
    await until(async () => (await server.stats()).connections === 0, 'no connections');
    const stats = await server.stats();
    assert.equal(stats.sessions, 0);
    assert.equal(stats.subscriptions, 0);
    assert.equal(stats.dropped_queue, 0);
    assert.equal(stats.dropped_congested, 0);
  });
});
