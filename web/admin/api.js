// The admin API: the token, requests, and streams. Knows nothing of the page.

const TOKEN_KEY = 'plugboard-admin-token';
let token = '';
try { token = sessionStorage.getItem(TOKEN_KEY) ?? ''; } catch { /* asks again after a reload */ }

// status: 0 when the server could not be reached.
export class ApiError extends Error {
  constructor(status, body) {
    super(body.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? '';
    this.faults = body.faults ?? [];
  }
}

export const hasToken = () => token !== '';

export function setToken(value) {
  token = value;
  try {
    if (value) sessionStorage.setItem(TOKEN_KEY, value);
    else sessionStorage.removeItem(TOKEN_KEY);
  } catch { /* forgets */ }
}

async function send(path, options = {}) {
  const headers = { authorization: `Bearer ${token}` };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(`api/${path}`, { ...options, headers, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { message: 'The server cannot be reached.' });
  }
}

async function failure(response) {
  let body = {};
  try { body = await response.json(); } catch { /* a proxy, perhaps: the status has to do */ }
  return new ApiError(response.status, body);
}

export async function get(path, signal) {
  const response = await send(path, { signal });
  if (!response.ok) throw await failure(response);
  return response.json();
}

export async function post(path, body = {}) {
  const response = await send(path, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw await failure(response);
  const text = await response.text();
  return text ? JSON.parse(text) : {};
}

// Calls on({event, data}) for each event of a text/event-stream until it ends or is aborted.
// EventSource could not show the token.
export async function stream(path, on, signal) {
  const response = await send(path, { signal });
  if (!response.ok) throw await failure(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
      const event = { event: 'message', data: '' };
      for (const line of rest.slice(0, end).split('\n')) {
        if (line.startsWith('event:')) event.event = line.slice(6).trim();
        else if (line.startsWith('data:')) event.data += `${event.data ? '\n' : ''}${line.slice(5).replace(/^ /, '')}`;
      }
      if (event.data) on(event);
    }
  }
}
