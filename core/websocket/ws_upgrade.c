#include "websocket/ws_upgrade.h"

/* The EVP functions ask for an engine under a lock of the whole process and make a state anew,
 * which takes twice as long as the hash itself, for each connection. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/str.h"
#include "websocket/ws_deflate.h"

bool ws_upgrade_wanted(const struct http_head *head)
{
  return head->counts[HTTP_UPGRADE] != 0;
}

/* The base64 of 16 bytes: 22 characters and "==". Four bits of the last one are spare; what they
 * are is not looked at, as elsewhere. */
static bool is_key(struct plug_str key)
{
  if (key.len != WS_KEY_LEN || key.ptr[22] != '=' || key.ptr[23] != '=')
    return false;
  for (size_t i = 0; i < 22; i++) {
    char c = key.ptr[i];
    bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                 c == '+' || c == '/';
    if (!digit)
      return false;
  }
  return true;
}

/* The first of the client's list that is known here. What is no STOMP is left aside: RFC 6455 4.2.2
 * answers a list without a known name with a handshake that names none, and so do others. */
static struct plug_str choose_protocol(const struct http_head *head)
{
  static const struct plug_str known[] = {{"v12.stomp", 9}, {"v11.stomp", 9}, {"v10.stomp", 9}};
  for (size_t i = 0; i < head->n_fields; i++) {
    if (head->fields[i].id != HTTP_SEC_WEBSOCKET_PROTOCOL)
      continue;
    struct plug_str rest = head->fields[i].value, member;
    while (http_list_next(&rest, &member))
      for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (str_eq(member, known[k]))
          return known[k];
  }
  return STR("");
}

static struct plug_str value_of(const struct http_head *head, enum http_name name)
{
  return head->counts[name] == 1 ? http_head_field(head, name)->value : STR("");
}

static bool refuse(struct http_fault *fault, uint16_t status, const char *text, const char *header)
{
  *fault = (struct http_fault){.status = status, .text = text, .header = header};
  return false;
}

bool ws_upgrade_judge(const struct http_head *head, struct ws_upgrade *upgrade,
                      struct http_fault *fault)
{
  if (head->method != HTTP_GET)
    return refuse(fault, 405, "A WebSocket handshake is a GET request.", "allow: GET\r\n");
  if (!http_head_lists(head, HTTP_UPGRADE, STR("websocket")))
    return refuse(fault, 400, "Can \"Upgrade\" only to \"WebSocket\".", NULL);
  if (head->minor == 0)
    return refuse(fault, 400, "A WebSocket handshake needs HTTP/1.1.", NULL);
  if (!head->wants_upgrade)
    return refuse(fault, 400, "The Connection header does not name \"Upgrade\".", NULL);
  if (!str_eq(value_of(head, HTTP_SEC_WEBSOCKET_VERSION), STR("13")))
    return refuse(fault, 426, "Only version 13 of the WebSocket protocol is spoken here.",
                  "sec-websocket-version: 13\r\n");
  upgrade->key = value_of(head, HTTP_SEC_WEBSOCKET_KEY);
  if (!is_key(upgrade->key))
    return refuse(fault, 400, "The Sec-WebSocket-Key header is missing or bad.", NULL);
  if (head->framing != HTTP_NO_BODY && (head->framing == HTTP_CHUNKED || head->content_length))
    return refuse(fault, 400, "A WebSocket handshake has no body.", NULL);
  upgrade->protocol = choose_protocol(head);
  return true;
}

bool ws_upgrade_accept(struct plug_str key, char out[WS_ACCEPT_LEN + 1])
{
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
  char text[WS_KEY_LEN + sizeof guid - 1];
  unsigned char hash[SHA_DIGEST_LENGTH];
  SHA_CTX context;
  if (key.len != WS_KEY_LEN)
    return false;
  memcpy(text, key.ptr, WS_KEY_LEN);
  memcpy(text + WS_KEY_LEN, guid, sizeof guid - 1);
  if (SHA1_Init(&context) != 1 || SHA1_Update(&context, text, sizeof text) != 1 ||
      SHA1_Final(hash, &context) != 1)
    return false;
  EVP_EncodeBlock((unsigned char *)out, hash, (int)sizeof hash);
  return true;
}

void ws_upgrade_put_answer(struct buf *out, const struct ws_upgrade *upgrade)
{
  char accept[WS_ACCEPT_LEN + 1];
  if (!ws_upgrade_accept(upgrade->key, accept)) {
    out->failed = true;
    return;
  }
  buf_put_str(out, STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: "));
  buf_put(out, accept, WS_ACCEPT_LEN);
  if (upgrade->protocol.len) {
    buf_put_str(out, STR("\r\nSec-WebSocket-Protocol: "));
    buf_put_str(out, upgrade->protocol);
  }
  if (upgrade->deflate)
    buf_put_str(out, STR("\r\nSec-WebSocket-Extensions: " WS_DEFLATE_ANSWER));
  buf_put_str(out, STR("\r\n\r\n"));
}
