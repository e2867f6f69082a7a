#include "isolate/said.h"

#include "base/str.h"

#define METRICS_MAX  1024u
#define AREA_MAX     128u
/* id, status, state and the like are numbers; these are the least bytes of an item. */
#define METRIC_LEAST (3 * sizeof(uint32_t))
#define OPTION_LEAST (8 * sizeof(uint32_t))

static const char *read_state(struct wire_reader *r, struct said *said)
{
  said->state = (int32_t)wire_u32(r);
  said->flags = wire_u32(r);
  said->text = wire_str(r);
  if (said->state < PLUG_STATE_UP || said->state > PLUG_STATE_STARTING)
    return "a state that there is not";
  return said->flags & ~PLUG_INTERESTS_LOST ? "unknown flags of a state" : NULL;
}

static const char *read_health(struct wire_reader *r, struct said *said)
{
  said->state = (int32_t)wire_u32(r);
  said->flags = wire_u32(r);
  said->since_ms = wire_u64(r);
  said->proven_ms = wire_u64(r);
  said->text = wire_str(r);
  return NULL;
}

static const char *read_change(struct wire_reader *r, struct said *said)
{
  struct plug_presence_change *change = &said->change;
  change->size = sizeof *change;
  change->kind = wire_u32(r);
  change->users = wire_u64(r);
  change->pos.offset = wire_u64(r);
  change->pos.epoch = wire_u64(r);
  change->topic = wire_str(r);
  change->user = wire_str(r);
  change->info = wire_str(r);
  return change->kind == PLUG_PRESENCE_JOINED || change->kind == PLUG_PRESENCE_LEFT
             ? NULL
             : "a change of presence that there is not";
}

static const char *read_log(struct wire_reader *r, struct said *said)
{
  said->flags = wire_u32(r);
  said->area = wire_str(r);
  said->text = wire_str(r);
  if (said->flags > PLUG_LOG_VIOLATION)
    return "a level of the log that there is not";
  return said->area.len && said->area.len <= AREA_MAX ? NULL : "a line of the log of nobody";
}

static const char *read_body(struct wire_reader *r, struct said *said)
{
  switch (said->kind) {
  case WIRE_FAILED:
    said->status = (plug_status)wire_u32(r);
    said->text = wire_str(r);
    return said->status < 0 ? NULL : "a failure that is none";
  case WIRE_DONE:
    said->id = wire_u64(r);
    said->status = (plug_status)wire_u32(r);
    said->text = wire_str(r);
    return said->status <= PLUG_OK ? NULL : "a result that is none";
  case WIRE_DELIVER:
    said->interest = wire_u64(r);
    said->area = wire_str(r);
    return NULL;
  case WIRE_STATE:
    return read_state(r, said);
  case WIRE_HEALTH:
    return read_health(r, said);
  case WIRE_PONG:
    said->id = wire_u64(r);
    return NULL;
  case WIRE_LOG:
    return read_log(r, said);
  case WIRE_HANGS:
    said->text = wire_str(r);
    return NULL;
  case WIRE_USER:
    said->id = wire_u64(r);
    said->members = wire_u64(r);
    said->user = wire_str(r);
    said->info = wire_str(r);
    return NULL;
  case WIRE_TOTAL:
    said->id = wire_u64(r);
    said->users = wire_u64(r);
    said->members = wire_u64(r);
    said->pos.offset = wire_u64(r);
    said->pos.epoch = wire_u64(r);
    return NULL;
  case WIRE_CHANGED:
    return read_change(r, said);
  case WIRE_LOST:
    return NULL;
  default:
    return "a kind of frame that there is not";
  }
}

const char *said_read(const struct wire_frame *frame, struct said *said)
{
  struct wire_reader r = {frame->body, false};
  *said = (struct said){.kind = (enum wire_kind)frame->kind};
  switch (said->kind) {
  case WIRE_DESCRIPTION:
    return NULL;
  case WIRE_CREATED:
    said->flags = wire_u32(&r);
    said->n = wire_count(&r, METRIC_LEAST);
    if (said->n > METRICS_MAX || said->flags > (SAID_PROOF | SAID_PRESENCE))
      r.bad = true;
    said->items = r;
    return r.bad ? "a frame that is cut off" : NULL;
  case WIRE_METRICS:
    said->n = wire_count(&r, sizeof(uint64_t));
    said->items = r;
    return r.bad || r.rest.len != said->n * sizeof(uint64_t) ? "a frame that is cut off" : NULL;
  default:
    break;
  }
  const char *why = read_body(&r, said);
  if (!why && !wire_is_done(&r))
    why = "a frame that is cut off";
  return why;
}

const char *said_read_echo(const struct wire_frame *frame, struct said_echo *echo)
{
  struct wire_reader r = {frame->body, false};
  echo->interest = wire_u64(&r);
  echo->id = wire_u64(&r);
  echo->done = wire_u32(&r) != 0;
  echo->status = (plug_status)wire_u32(&r);
  if (!wire_is_done(&r))
    return "a frame that is cut off";
  return echo->status <= PLUG_OK ? NULL : "a result that is none";
}

bool said_next_metric(struct wire_reader *items, struct said_metric *metric)
{
  metric->is_gauge = wire_u32(items) != 0;
  metric->name = wire_str(items);
  metric->help = wire_str(items);
  return !items->bad;
}

const char *said_read_description(const struct wire_frame *frame, struct said_description *out)
{
  struct wire_reader r = {frame->body, false};
  out->abi = wire_u32(&r);
  out->caps = wire_u32(&r);
  out->kinds = wire_u32(&r);
  out->max_payload = wire_u64(&r);
  out->id = wire_str(&r);
  out->version = wire_str(&r);
  out->summary = wire_str(&r);
  out->build = wire_str(&r);
  out->n_options = wire_count(&r, OPTION_LEAST);
  out->options = r;
  return r.bad ? "a description that is cut off" : NULL;
}

bool said_next_option(struct wire_reader *options, struct said_option *option)
{
  option->type = wire_u32(options);
  option->flags = wire_u32(options);
  option->has_def = wire_u32(options) != 0;
  option->has_range = wire_u32(options) != 0;
  option->name = wire_str(options);
  option->def = wire_str(options);
  option->range = wire_str(options);
  option->help = wire_str(options);
  return !options->bad;
}

void said_put_description(struct buf *out, const struct plug_plugin *entry)
{
  const struct plug_broker *broker = entry->broker;
  wire_put_u32(out, (uint32_t)entry->abi_major << 16 | entry->abi_minor);
  wire_put_u32(out, broker ? broker->caps : 0);
  wire_put_u32(out, (entry->auth ? SAID_IS_AUTH : 0) | (entry->app ? SAID_IS_APP : 0));
  wire_put_u64(out, broker ? broker->max_payload : 0);
  wire_put_str(out, str_of(entry->id));
  wire_put_str(out, str_of(entry->version));
  wire_put_str(out, str_of(entry->summary));
  wire_put_str(out, str_of(entry->build));
  wire_put_u32(out, (uint32_t)entry->n_options);
  for (size_t i = 0; i < entry->n_options; i++) {
    const struct plug_option *option = &entry->options[i];
    wire_put_u32(out, option->type);
    wire_put_u32(out, option->flags);
    wire_put_u32(out, option->def != NULL);
    wire_put_u32(out, option->range != NULL);
    wire_put_str(out, str_of(option->name));
    wire_put_str(out, str_of(option->def));
    wire_put_str(out, str_of(option->range));
    wire_put_str(out, str_of(option->help));
  }
}
