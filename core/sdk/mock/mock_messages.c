/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, when compiled with -std=c11 */
#endif
#include "mock_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Messages ---- */

/* Binary is what is not UTF-8: overlong forms, surrogates and what is past U+10FFFF are not. */
static int is_utf8(struct plug_str s)
{
  for (size_t i = 0; i < s.len;) {
    unsigned char c = (unsigned char)s.ptr[i];
    size_t more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    unsigned long code = more == 0 ? c : (unsigned long)(c & (0x3F >> more));
    if ((c >= 0x80 && c < 0xC2) || c > 0xF4 || s.len - i <= more)
      return 0;
    for (size_t k = 1; k <= more; k++) {
      unsigned char next = (unsigned char)s.ptr[i + k];
      if ((next & 0xC0) != 0x80)
        return 0;
      code = code << 6 | (next & 0x3F);
    }
    if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10FFFF)) ||
        (code >= 0xD800 && code <= 0xDFFF))
      return 0;
    i += more + 1;
  }
  return 1;
}

static struct plug_str put(char **at, struct plug_str s)
{
  struct plug_str copy = {*at, s.len};
  if (s.len)
    memcpy(*at, s.ptr, s.len);
  *at += s.len;
  return copy;
}

/* Zeroed, with head bytes before it that the plugin does not see. */
static void *lend(struct plug_mock *mock, size_t head, size_t size, const char *what)
{
  return mock->kit ? mock->kit->lend(mock, head, size, what)
                   : mock_must(calloc(1, head + (size ? size : 1)));
}

const struct plug_msg *mock_make_msg(struct plug_mock *mock, const struct plug_msg_init *init,
                                     struct plug_str origin, uint64_t id)
{
  static const char *const ours[] = {"destination", "message-id",   "subscription",
                                     "ack",         "content-type", "content-length"};
  size_t total = init->topic.len + init->content_type.len + init->payload.len + origin.len;
  int good = init->topic.len > 0;
  for (size_t i = 0; i < init->n_headers; i++) {
    struct plug_str key = init->headers[i].key;
    total += key.len + init->headers[i].value.len;
    good = good && key.len > 0;
    for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
      good = good && !plug_mock_is(key, ours[k]);
  }
  if (!good) {
    pthread_mutex_lock(&mock->lock);
    mock_append_log(
        mock, "warn",
        plug_mock_str("a message without a topic, or with a header that only the server writes"));
    pthread_mutex_unlock(&mock->lock);
    return NULL;
  }
  size_t n_headers = init->n_headers;
  struct mock_msg *m = (struct mock_msg *)lend(
      mock, sizeof *m, sizeof(struct plug_msg) + n_headers * sizeof(struct plug_kv) + total + 1,
      "a message");
  struct plug_msg *msg = mock_msg_seen(m);
  struct plug_kv *headers = (struct plug_kv *)(msg + 1);
  char *at = (char *)(headers + n_headers);
  msg->size = (uint32_t)sizeof *msg;
  msg->flags = is_utf8(init->payload) ? 0 : PLUG_MSG_BINARY;
  msg->topic = put(&at, init->topic);
  msg->content_type = put(&at, init->content_type);
  msg->payload = put(&at, init->payload);
  msg->origin = put(&at, origin);
  for (size_t i = 0; i < n_headers; i++) {
    headers[i].key = put(&at, init->headers[i].key);
    headers[i].value = put(&at, init->headers[i].value);
  }
  msg->headers = headers;
  msg->n_headers = n_headers;
  msg->pos = init->pos;
  m->mock = mock;
  m->refs = 1;
  pthread_mutex_lock(&mock->lock);
  msg->id = id ? id : ++mock->next_id;
  m->next = mock->msgs;
  mock->msgs = m;
  pthread_mutex_unlock(&mock->lock);
  return msg;
}

static const struct plug_msg *host_msg_make(const struct plug_host *host,
                                            const struct plug_msg_init *init) PLUG_NOEXCEPT
{
  if (mock_used(mock_of(host), "msg_make", 1))
    return NULL;
  return mock_make_msg(mock_of(host), init, plug_mock_str(host->node), 0);
}

/* The wire format: "MOCK", id, how many headers, and each string with its length before it. The
 * server's is another, which plugins must not know. */
static void put_str(char **at, struct plug_str s)
{
  uint32_t len = (uint32_t)s.len;
  memcpy(*at, &len, sizeof len);
  *at += sizeof len;
  put(at, s);
}

static struct plug_str host_msg_encode(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct mock_msg *m = mock_msg_of(msg);
  struct plug_str strings[4] = {msg->topic, msg->content_type, msg->payload, msg->origin};
  if (mock_used(m->mock, "msg_encode", 1)) {
    strings[0].len = 0;
    return strings[0];
  }
  pthread_mutex_lock(&m->mock->lock);
  if (!m->wire) {
    uint32_t n_headers = (uint32_t)msg->n_headers;
    size_t len = 4 + sizeof msg->id + sizeof n_headers;
    for (size_t i = 0; i < 4; i++)
      len += 4 + strings[i].len;
    for (size_t i = 0; i < n_headers; i++)
      len += 8 + msg->headers[i].key.len + msg->headers[i].value.len;
    char *at = m->wire = (char *)lend(m->mock, 0, len, "the wire format of a message");
    m->wire_len = len;
    put(&at, plug_mock_str("MOCK"));
    memcpy(at, &msg->id, sizeof msg->id);
    at += sizeof msg->id;
    memcpy(at, &n_headers, sizeof n_headers);
    at += sizeof n_headers;
    for (size_t i = 0; i < 4; i++)
      put_str(&at, strings[i]);
    for (size_t i = 0; i < n_headers; i++) {
      put_str(&at, msg->headers[i].key);
      put_str(&at, msg->headers[i].value);
    }
  }
  struct plug_str wire = {m->wire, m->wire_len};
  pthread_mutex_unlock(&m->mock->lock);
  return wire;
}

static int get_bytes(struct plug_str *from, void *out, size_t len)
{
  if (from->len < len)
    return 0;
  memcpy(out, from->ptr, len);
  from->ptr += len;
  from->len -= len;
  return 1;
}

static int get_str(struct plug_str *from, struct plug_str *out)
{
  uint32_t len;
  if (!get_bytes(from, &len, sizeof len) || from->len < len)
    return 0;
  out->ptr = from->ptr;
  out->len = len;
  from->ptr += len;
  from->len -= len;
  return 1;
}

static const struct plug_msg *host_msg_decode(const struct plug_host *host,
                                              struct plug_str wire) PLUG_NOEXCEPT
{
  struct plug_msg_init init;
  struct plug_str origin;
  char mark[4];
  uint64_t id;
  uint32_t n_headers;
  if (mock_used(mock_of(host), "msg_decode", 1))
    return NULL;
  memset(&init, 0, sizeof init);
  if (!get_bytes(&wire, mark, 4) || memcmp(mark, "MOCK", 4) != 0 ||
      !get_bytes(&wire, &id, sizeof id) || !get_bytes(&wire, &n_headers, sizeof n_headers) ||
      !get_str(&wire, &init.topic) || !get_str(&wire, &init.content_type) ||
      !get_str(&wire, &init.payload) || !get_str(&wire, &origin) || n_headers > wire.len / 8)
    return NULL;
  struct plug_kv *headers =
      (struct plug_kv *)mock_must(calloc((size_t)n_headers + 1, sizeof *headers));
  int good = 1;
  for (uint32_t i = 0; good && i < n_headers; i++)
    good = get_str(&wire, &headers[i].key) && get_str(&wire, &headers[i].value);
  init.size = (uint32_t)sizeof init;
  init.headers = headers;
  init.n_headers = n_headers;
  const struct plug_msg *msg =
      good && wire.len == 0 ? mock_make_msg(mock_of(host), &init, origin, id) : NULL;
  free(headers);
  return msg;
}

static void host_msg_ref(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct mock_msg *m = mock_msg_of(msg);
  mock_used(m->mock, "msg_ref", 0);
  pthread_mutex_lock(&m->mock->lock);
  if (m->refs == 0)
    mock_breach_locked(m->mock, MOCK_USE, "msg_ref of a message that is gone");
  else
    m->refs++;
  pthread_mutex_unlock(&m->mock->lock);
}

/* A message is freed with the mock, so that one reference too many given back is seen. */
void mock_unref_locked(const struct plug_msg *msg)
{
  struct mock_msg *m = mock_msg_of(msg);
  struct plug_mock *mock = m->mock;
  if (m->refs <= m->kept)
    mock_breach_locked(mock, MOCK_USE, "msg_unref without a reference");
  else if (--m->refs == 0 && mock->kit) {
    mock->kit->take_back(mock, m);
    if (m->wire)
      mock->kit->take_back(mock, m->wire);
  }
}

static void host_msg_unref(const struct plug_msg *msg) PLUG_NOEXCEPT
{
  struct plug_mock *mock = mock_msg_of(msg)->mock;
  pthread_mutex_lock(&mock->lock);
  mock_unref_locked(msg);
  pthread_mutex_unlock(&mock->lock);
}

void mock_fill_messages(struct plug_host *host)
{
  host->msg_make = host_msg_make;
  host->msg_decode = host_msg_decode;
  host->msg_encode = host_msg_encode;
  host->msg_ref = host_msg_ref;
  host->msg_unref = host_msg_unref;
}
