/* GET /admin/api/clients, and one of them: who is connected, on all workers. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/day.h"
#include "base/str.h"
#include "net/conn.h"
#include "ops/admin_list.h"
#include "session/admission.h"

/* --- a client ------------------------------------------------------------------------------ */

/* It has been let in, and is one of STOMP. */
static bool is_client(const struct session *session)
{
  return session->version != STOMP_NONE && session->state != SESSION_CLOSED;
}

static struct plug_str user_of(const struct session *session)
{
  const struct plug_identity *who = admission_who(session);
  return who ? who->user : STR("");
}

static json_t *client_json(const struct conn *conn)
{
  const struct session *session = &conn->session;
  char id[SESSION_ID_TEXT], address[NET_PEER_TEXT_MAX], since[DAY_TEXT_SIZE];
  struct plug_str user = user_of(session), text = session_id_text(session, id);
  uint64_t age_ms = conn->env->now_ms - session->opened_ms;
  net_peer_text(&conn->peer, address);
  const char *door = session->terms->door;
  return json_pack(
      "{s:o, s:o*, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "session",
      admin_string(text), "user", user.len ? admin_string(user) : NULL, "address", address,
      "endpoint", door[0] == '/' ? door : "tcp", "transport", conn_transport(conn), "stomp",
      stomp_version_text(session->version), "connected_at", day_text(day_now_ms() - age_ms, since),
      "queue_bytes", (json_int_t)session->out.bytes, "queue_messages",
      (json_int_t)session->out.messages, "subscriptions", (json_int_t)session->n_subscriptions,
      "in", (json_int_t)session->n_frames, "out", (json_int_t)conn->n_sent);
}

/* --- all ----------------------------------------------------------------------------------- */

struct clients {
  struct admin_list list;
  struct conn_scan scan;
};

static bool matches(const struct conn *conn, struct plug_str id, struct plug_str search)
{
  char address[NET_PEER_TEXT_MAX];
  if (!search.len || admin_text_has(id, search) || admin_text_has(user_of(&conn->session), search))
    return true;
  size_t len = net_peer_text(&conn->peer, address);
  return admin_text_has(str_from(address, len), search);
}

static void see(struct clients *clients, const struct conn *conn)
{
  char text[SESSION_ID_TEXT];
  struct plug_str id = session_id_text(&conn->session, text);
  if (!is_client(&conn->session) || !matches(conn, id, str_of(clients->list.page.search.data)))
    return;
  clients->list.total++;
  struct top_row *row = admin_list_row(&clients->list, id);
  if (row && !row->value)
    row->value = client_json(conn);
}

/* How many are looked at between two looks at the clock. */
#define BETWEEN_LOOKS 32

static bool on_step(struct gather *gather, struct net_env *env)
{
  struct clients *clients = container_of(gather, struct clients, list.gather);
  uint64_t end_us = admin_step_end_us(clients->list.admin);
  if (!clients->list.walking)
    conn_scan_begin(&clients->scan, env);
  clients->list.walking = true;
  do {
    for (int i = 0; i < BETWEEN_LOOKS; i++) {
      const struct conn *conn = conn_scan_next(&clients->scan, env);
      if (!conn) {
        clients->list.walking = false;
        return true;
      }
      see(clients, conn);
    }
  } while (clock_now_us() < end_us);
  return false;
}

static void free_clients(struct admin_list *list)
{
  free(container_of(list, struct clients, list));
}

void admin_clients(struct admin *admin, struct mount_request *request)
{
  struct clients *clients = calloc(1, sizeof *clients);
  if (!clients) {
    admin_no_memory(request);
    return;
  }
  clients->list =
      (struct admin_list){.gather = {.step = on_step}, .name = "clients", .free = free_clients};
  if (!admin_list_start(&clients->list, admin, request))
    free(clients);
}

/* --- one ----------------------------------------------------------------------------------- */

struct client {
  struct gather gather;
  struct admin *admin;
  struct mount_request *request; /* NULL: its client has left */
  struct conn_scan scan;
  bool walking, found;
  json_t *json; /* what was found */
  size_t id_len;
  char id[SESSION_ID_TEXT];
};

/* What is listed of one session's subscriptions: building more would keep its worker from others.
 */
#define LISTED_MAX 1000

static json_t *subscriptions_json(const struct session *session)
{
  static const char *const acks[] = {
      [ACK_AUTO] = "auto", [ACK_CLIENT] = "client", [ACK_CLIENT_INDIVIDUAL] = "client-individual"};
  json_t *list = json_array();
  size_t n = 0;
  const struct list *head = &session->subscriptions;
  for (const struct list *at = head->next; list && at != head && n < LISTED_MAX;
       at = at->next, n++) {
    const struct subscription *sub = container_of(at, struct subscription, link);
    (void)json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "id",
                                                admin_string(subscription_id(sub)), "destination",
                                                admin_string(subscription_topic(sub)), "ack",
                                                acks[subscription_ack_mode(sub)]));
  }
  return list;
}

static bool see_one(struct client *client, const struct conn *conn)
{
  char text[SESSION_ID_TEXT];
  if (!is_client(&conn->session) ||
      !str_eq(session_id_text(&conn->session, text), str_from(client->id, client->id_len)))
    return false;
  client->found = true;
  client->json = client_json(conn);
  if (client->json)
    (void)json_object_set_new(client->json, "subscription_list",
                              subscriptions_json(&conn->session));
  return true;
}

static bool on_step_one(struct gather *gather, struct net_env *env)
{
  struct client *client = container_of(gather, struct client, gather);
  uint64_t end_us = admin_step_end_us(client->admin);
  if (client->found)
    return true;
  if (!client->walking)
    conn_scan_begin(&client->scan, env);
  client->walking = true;
  do {
    for (int i = 0; i < BETWEEN_LOOKS; i++) {
      const struct conn *conn = conn_scan_next(&client->scan, env);
      if (conn && !see_one(client, conn))
        continue;
      if (conn)
        conn_scan_end(&client->scan);
      client->walking = false;
      return true;
    }
  } while (clock_now_us() < end_us);
  return false;
}

static void on_done_one(struct gather *gather, struct net_env *env)
{
  struct client *client = container_of(gather, struct client, gather);
  (void)env;
  if (client->request && client->found)
    admin_answer(client->request, 200, json_incref(client->json));
  else if (client->request)
    admin_refuse_with(client->request, 404, "not-found", "there is no such session on this node");
  json_decref(client->json);
  admin_walk_end(client->admin);
  free(client);
}

static void on_gone(void *arg)
{
  struct client *client = arg;
  client->request = NULL;
}

void admin_client(struct admin *admin, struct mount_request *request, struct plug_str session)
{
  if (session.len > SESSION_ID_TEXT) {
    admin_refuse_with(request, 404, "not-found", "there is no such session on this node");
    return;
  }
  struct client *client = calloc(1, sizeof *client);
  if (!client) {
    admin_no_memory(request);
    return;
  }
  client->admin = admin;
  admin_walk_begin(admin);
  client->gather.step = on_step_one;
  client->gather.done = on_done_one;
  client->id_len = session.len;
  memcpy(client->id, session.ptr, session.len);
  if (!gather_start(&client->gather, request->env)) {
    admin_walk_end(admin);
    free(client);
    admin_no_memory(request);
    return;
  }
  client->request = request;
  mount_wait(request, on_gone, client);
}
