#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "config/fault.h"
#include "config/option.h"
#include "plugin/image_judge.h"

#define SPEAKS_(major, minor)  #major "." #minor
#define SPEAKS_X(major, minor) SPEAKS_(major, minor)
#define SPEAKS                 SPEAKS_X(PLUG_ABI_MAJOR, PLUG_ABI_MINOR)

/* Since this minor every table has only grown at its tail; tests/abi/frozen-* has plugins of each.
 */
#define OLDEST_MINOR 1
#define OLDEST       SPEAKS_X(PLUG_ABI_MAJOR, OLDEST_MINOR)

/* How much of a table a plugin of that minor must have: all that the table had then. */
#define AUTH_LEAST(minor) \
  ((minor) < 2 ? offsetof(struct plug_auth, credentials) : sizeof(struct plug_auth))
#define APP_SINCE 3

/* The part of the descriptor that is the same in every major. */
struct head {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t size, flags;
};
_Static_assert(sizeof(struct head) == 16, "the head of a descriptor is frozen");

/* More are a miscompiled or hostile table rather than a plugin. */
#define OPTIONS_MAX 256u

static plug_status refuse_function(const struct plugin_image *image, const char *name,
                                   const char *table, struct plug_err *err)
{
  return fault_at(err, image->base, 0, "required function '%s' is missing%s", name, table);
}

static plug_status judge_head(const struct plugin_image *image, const void *entry, size_t size,
                              struct plug_err *err)
{
  struct head head = {0};
  memcpy(&head, entry, size < sizeof head ? size : sizeof head);
  if (size < sizeof head)
    return fault_at(err, image->base, 0,
                    "descriptor is %zu bytes, at least %zu needed for ABI " SPEAKS
                    "; the plugin was miscompiled",
                    size, sizeof(struct plug_plugin));
  if (head.magic != PLUG_MAGIC)
    return fault_at(err, image->base, 0, "not a plugin for this server: bad magic 0x%08x",
                    head.magic);
  if (head.major != PLUG_ABI_MAJOR)
    return fault_at(err, image->base, 0,
                    "built for plugin ABI %u, this server speaks " SPEAKS
                    "; rebuild it against the headers of this server",
                    head.major);
  if (head.minor < OLDEST_MINOR || head.minor > PLUG_ABI_MINOR)
    return fault_at(err, image->base, 0,
                    "built for plugin ABI %u.%u, this server speaks " SPEAKS
                    " and loads plugins from " OLDEST " on; rebuild it",
                    head.major, head.minor);
  if (head.size < sizeof(struct plug_plugin))
    return fault_at(err, image->base, 0,
                    "descriptor is %u bytes, at least %zu needed for ABI " SPEAKS
                    "; the plugin was miscompiled",
                    head.size, sizeof(struct plug_plugin));
  if (head.size > size)
    return fault_at(err, image->base, 0,
                    "descriptor says that it is %u bytes, but it has %zu; the plugin was "
                    "miscompiled",
                    head.size, size);
  if (head.flags)
    return fault_at(err, image->base, 0, "unknown flags 0x%08x in its descriptor", head.flags);
  return PLUG_OK;
}

/* Copies a table that starts with its size over the zeroes of ours. least: of its minor. */
static plug_status judge_table(const struct plugin_image *image, const char *name,
                               const void *theirs, void *ours, size_t size, size_t least,
                               struct plug_err *err)
{
  uint32_t their_size;
  memcpy(&their_size, theirs, sizeof their_size);
  if (their_size < least)
    return fault_at(err, image->base, 0, "%s table is %u bytes, at least %zu needed for ABI %u.%u",
                    name, their_size, least, image->entry.abi_major, image->entry.abi_minor);
  memset(ours, 0, size);
  memcpy(ours, theirs, their_size < size ? their_size : size);
  return PLUG_OK;
}

#define CAPS_KNOWN                                                                            \
  (PLUG_CAP_CROSS_NODE | PLUG_CAP_ECHO | PLUG_CAP_PATTERN | PLUG_CAP_ORDERED | PLUG_CAP_ACK | \
   PLUG_CAP_NO_GAPS | PLUG_CAP_PUBLISH_ANY | PLUG_CAP_DIRECT)

static plug_status judge_broker(struct plugin_image *image, struct plug_err *err)
{
  struct plug_broker *broker = &image->broker;
  plug_status status = judge_table(image, "broker", image->entry.broker, broker, sizeof *broker,
                                   sizeof *broker, err);
  if (status)
    return status;
  image->entry.broker = broker;
  const char *missing = !broker->subscribe     ? "subscribe"
                        : !broker->unsubscribe ? "unsubscribe"
                        : !broker->publish     ? "publish"
                        : !broker->health      ? "health"
                                               : NULL;
  if (missing)
    return refuse_function(image, missing, " in its broker table", err);
  uint32_t unknown = broker->caps & ~CAPS_KNOWN;
  if (unknown)
    return fault_at(err, image->base, 0,
                    "unknown capabilities 0x%08x in its broker table, which ABI " SPEAKS
                    " does not know",
                    unknown);
  uint32_t needed = PLUG_CAP_ECHO | PLUG_CAP_PUBLISH_ANY;
  if (broker->caps & PLUG_CAP_DIRECT &&
      ((broker->caps & needed) != needed || broker->caps & PLUG_CAP_CROSS_NODE))
    return fault_at(err, image->base, 0,
                    "capability 'direct' takes 'echo', 'publish-any' and no 'cross-node'");
  return PLUG_OK;
}

static plug_status judge_auth(struct plugin_image *image, struct plug_err *err)
{
  struct plug_auth *auth = &image->auth;
  plug_status status = judge_table(image, "auth", image->entry.auth, auth, sizeof *auth,
                                   AUTH_LEAST(image->entry.abi_minor), err);
  if (status)
    return status;
  image->entry.auth = auth;
  if (auth->flags & ~PLUG_AUTHORIZE_ANY)
    return fault_at(err, image->base, 0,
                    "unknown flags 0x%08x in its auth table, which ABI " SPEAKS " does not know",
                    auth->flags & ~PLUG_AUTHORIZE_ANY);
  const char *missing = !auth->authenticate ? "authenticate"
                        : !auth->authorize  ? "authorize"
                                            : NULL;
  return missing ? refuse_function(image, missing, " in its auth table", err) : PLUG_OK;
}

static plug_status judge_app(struct plugin_image *image, struct plug_err *err)
{
  struct plug_app *app = &image->app;
  if (image->entry.abi_minor < APP_SINCE)
    return fault_at(err, image->base, 0, "has an app table, which ABI %u.%u does not know",
                    image->entry.abi_major, image->entry.abi_minor);
  plug_status status =
      judge_table(image, "app", image->entry.app, app, sizeof *app, sizeof *app, err);
  if (status)
    return status;
  image->entry.app = app;
  if (app->flags & ~PLUG_APP_ANY)
    return fault_at(err, image->base, 0,
                    "unknown flags 0x%08x in its app table, which ABI " SPEAKS " does not know",
                    app->flags & ~PLUG_APP_ANY);
  return app->claims ? PLUG_OK : refuse_function(image, "claims", " in its app table", err);
}

static plug_status judge_id(const struct plugin_image *image, struct plug_err *err)
{
  const char *id = image->entry.id;
  if (!id)
    return fault_at(err, image->base, 0, "its id is missing");
  size_t len = strnlen(id, PLUG_ID_MAX + 1);
  if (!len)
    return fault_at(err, image->base, 0, "its id is empty");
  if (len > PLUG_ID_MAX)
    return fault_at(err, image->base, 0, "its id is longer than %d bytes", PLUG_ID_MAX);
  struct fault_quote quote;
  if (strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
    return fault_at(err, image->base, 0,
                    "its id %s has characters other than a-z, 0-9, '.' and '-'",
                    fault_quote(&quote, str_of(id)));
  return PLUG_OK;
}

static plug_status judge_options(const struct plugin_image *image, struct plug_err *err)
{
  struct option_table table = {image->entry.options, image->entry.n_options};
  if (!table.n)
    return PLUG_OK;
  if (!table.options)
    return fault_at(err, image->base, 0, "has %zu options, but no option table", table.n);
  if (table.n > OPTIONS_MAX)
    return fault_at(err, image->base, 0, "has %zu options, at most %u are possible", table.n,
                    OPTIONS_MAX);
  struct plug_err said;
  if (option_table_check(&table, false, &said))
    return fault_at(err, image->base, 0, "%s", said.text);
  return PLUG_OK;
}

plug_status image_judge(struct plugin_image *image, const void *entry, size_t size,
                        struct plug_err *err)
{
  plug_status status = judge_head(image, entry, size, err);
  if (status)
    return status;
  struct plug_plugin *mine = &image->entry;
  memcpy(mine, entry, sizeof *mine);
  mine->size = sizeof *mine;
  if (!mine->broker && !mine->auth && !mine->app)
    return fault_at(err, image->base, 0, "offers neither a broker nor an auth nor an app table");
  if (!mine->create)
    return refuse_function(image, "create", "", err);
  if (!mine->destroy)
    return refuse_function(image, "destroy", "", err);
  if (mine->broker && (status = judge_broker(image, err)))
    return status;
  if (mine->auth && (status = judge_auth(image, err)))
    return status;
  if (mine->app && (status = judge_app(image, err)))
    return status;
  if ((status = judge_id(image, err)))
    return status;
  if (!mine->version)
    return fault_at(err, image->base, 0, "its version string is missing");
  if (!mine->summary)
    return fault_at(err, image->base, 0, "its summary string is missing");
  return judge_options(image, err);
}

static void put_word(struct buf *out, bool given, const char *word, bool *any)
{
  if (!given)
    return;
  buf_putf(out, "%s%s", *any ? "," : "", word);
  *any = true;
}

static const char *type_name(uint32_t type)
{
  static const char *const names[] = {
      [PLUG_OPT_STRING] = "string",     [PLUG_OPT_INTEGER] = "integer",
      [PLUG_OPT_BOOL] = "bool",         [PLUG_OPT_DURATION] = "duration",
      [PLUG_OPT_BYTES] = "bytes",       [PLUG_OPT_PATH] = "path",
      [PLUG_OPT_HOSTPORT] = "hostport", [PLUG_OPT_LIST] = "list",
      [PLUG_OPT_SECRET] = "secret",     [PLUG_OPT_CHOICE] = "choice",
  };
  return type < sizeof names / sizeof names[0] && names[type] ? names[type] : "unknown";
}

static void put_caps(struct buf *out, uint32_t caps)
{
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {
      {PLUG_CAP_CROSS_NODE, "cross-node"},
      {PLUG_CAP_ECHO, "echo"},
      {PLUG_CAP_PATTERN, "pattern"},
      {PLUG_CAP_ORDERED, "ordered"},
      {PLUG_CAP_ACK, "ack"},
      {PLUG_CAP_NO_GAPS, "no-gaps"},
      {PLUG_CAP_PUBLISH_ANY, "publish-any"},
      {PLUG_CAP_DIRECT, "direct"},
  };
  bool any = false;
  buf_putf(out, "broker.capabilities=");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    put_word(out, caps & names[i].bit, names[i].name, &any);
  buf_put_char(out, '\n');
}

static void put_info(struct buf *out, const struct plugin_image *image)
{
  const struct plug_plugin *entry = &image->entry;
  bool any = false;
  buf_putf(out, "file=%s\nid=%s\nversion=%s\nsummary=%s\nbuild=%s\nabi=%u.%u\nkinds=", image->path,
           entry->id, entry->version, entry->summary, entry->build ? entry->build : "",
           entry->abi_major, entry->abi_minor);
  put_word(out, entry->broker, "broker", &any);
  put_word(out, entry->auth, "auth", &any);
  put_word(out, entry->app, "app", &any);
  any = false;
  buf_putf(out, "\noptional-functions=");
  put_word(out, entry->start, "start", &any);
  put_word(out, entry->drain, "drain", &any);
  put_word(out, entry->stop, "stop", &any);
  put_word(out, entry->cancel, "cancel", &any);
  put_word(out, entry->extension, "extension", &any);
  put_word(out, entry->broker && entry->broker->flow, "flow", &any);
  put_word(out, entry->auth && entry->auth->session_end, "session_end", &any);
  put_word(out, entry->auth && entry->auth->credentials, "credentials", &any);
  put_word(out, entry->app && entry->app->request, "request", &any);
  put_word(out, entry->app && entry->app->event, "event", &any);
  buf_put_char(out, '\n');
  if (entry->broker) {
    put_caps(out, entry->broker->caps);
    buf_putf(out, "broker.max-payload=%llu\n", (unsigned long long)entry->broker->max_payload);
  }
  for (size_t i = 0; i < entry->n_options; i++) {
    const struct plug_option *option = &entry->options[i];
    const char *def = option->type == PLUG_OPT_SECRET && option->def ? "(hidden)" : option->def;
    buf_putf(out, "option.%s=%s%s%s%s%s%s\n", option->name, type_name(option->type),
             option->flags & PLUG_OPT_REQUIRED ? ", required" : "", def ? ", default " : "",
             def ? def : "", option->range ? ", range " : "", option->range ? option->range : "");
  }
}

void image_put_info(struct buf *out, const struct plugin_image *image)
{
  struct buf raw = {0};
  put_info(&raw, image);
  out->failed |= raw.failed;
  text_put_shown(out, str_from(raw.data, raw.len), TEXT_LINES);
  buf_free(&raw);
}
