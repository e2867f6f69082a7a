/* Judges descriptors whose head, sizes, strings and option tables are the fuzzer's. Pointers are
 * set or NULL as the input says, never wild: those of a loaded image are as trusted as its code. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/image.h"

struct input {
  const uint8_t *bytes;
  size_t left;
};

static uint8_t take_byte(struct input *in)
{
  if (!in->left)
    return 0;
  in->left--;
  return *in->bytes++;
}

static void take(struct input *in, void *out, size_t n)
{
  uint8_t *to = out;
  for (size_t i = 0; i < n; i++)
    to[i] = take_byte(in);
}

/* A C string of its own allocation, so that reading past its end is seen; or NULL. */
static char *take_string(struct input *in)
{
  uint8_t len = take_byte(in);
  if (len == 255)
    return NULL;
  char *s = malloc((size_t)len + 1);
  if (!s)
    abort();
  take(in, s, len);
  s[len] = '\0';
  return s;
}

static plug_status a_create(const struct plug_host *host, void **self, struct plug_err *err)
{
  (void)host, (void)self, (void)err;
  return PLUG_OK;
}

static void a_destroy(void *self)
{
  (void)self;
}

static plug_status an_interest(void *self, const struct plug_interest *v, size_t n,
                               struct plug_op *op)
{
  (void)self, (void)v, (void)n, (void)op;
  return PLUG_OK;
}

static plug_status a_publish(void *self, const struct plug_msg *msg, struct plug_op *op)
{
  (void)self, (void)msg, (void)op;
  return PLUG_OK;
}

static void a_health(void *self, struct plug_health *out)
{
  (void)self, (void)out;
}

#define OPTIONS 4

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct input in = {bytes, size};
  uint8_t head[16], sizes = take_byte(&in), functions = take_byte(&in), kinds = take_byte(&in);
  struct plug_plugin good = {PLUG_PLUGIN_HEAD, .create = a_create, .destroy = a_destroy};
  struct plug_broker broker = {.size = sizeof broker,
                               .subscribe = an_interest,
                               .unsubscribe = an_interest,
                               .publish = a_publish,
                               .health = a_health};
  struct plug_auth auth = {.size = sizeof auth};

  /* What follows the head is only of use behind a good one, so that half of the inputs have it. */
  take(&in, head, sizeof head);
  if (sizes & 1)
    memcpy(&good, head, sizeof head);
  if (sizes & 2)
    take(&in, &broker.size, sizeof broker.size);
  if (sizes & 4)
    take(&in, &auth.size, sizeof auth.size);
  size_t readable = sizes & 8 ? take_byte(&in) : sizeof good;
  if (readable > sizeof good)
    readable = sizeof good;

  if (functions & 1)
    good.create = NULL;
  if (functions & 2)
    good.destroy = NULL;
  if (functions & 4)
    broker.subscribe = NULL;
  if (functions & 8)
    broker.publish = NULL;
  if (functions & 16)
    broker.health = NULL;
  if (!(kinds & 1))
    good.broker = &broker;
  if (kinds & 2)
    good.auth = &auth;

  char *id = take_string(&in), *version = take_string(&in), *summary = take_string(&in);
  good.id = id;
  good.version = version;
  good.summary = summary;
  char *texts[OPTIONS][4];
  struct plug_option options[OPTIONS];
  for (size_t i = 0; i < OPTIONS; i++) {
    for (size_t k = 0; k < 4; k++)
      texts[i][k] = take_string(&in);
    options[i] = (struct plug_option){texts[i][0], take_byte(&in) % 13u, take_byte(&in) % 4u,
                                      texts[i][1], texts[i][2],          texts[i][3]};
  }
  good.options = kinds & 4 ? NULL : options;
  good.n_options = kinds & 8 ? SIZE_MAX : take_byte(&in) % (OPTIONS + 1u);

  /* Exactly as many bytes as are said to be readable. */
  void *entry = malloc(readable ? readable : 1);
  if (!entry)
    abort();
  memcpy(entry, &good, readable);
  char path[] = "/fuzz/broker-x.so", base[] = "broker-x.so";
  struct plugin_image image = {.path = path, .base = base};
  struct plug_err err;
  memset(&err, 'x', sizeof err);
  plug_status status = image_judge(&image, entry, readable, &err);
  if (status == PLUG_OK) {
    struct buf info = {0};
    image_put_info(&info, &image);
    buf_free(&info);
  } else if (!memchr(err.text, '\0', sizeof err.text) || strncmp(err.text, base, strlen(base))) {
    abort(); /* a refusal names the file, in one terminated text */
  }

  free(entry);
  free(id);
  free(version);
  free(summary);
  for (size_t i = 0; i < OPTIONS; i++)
    for (size_t k = 0; k < 4; k++)
      free(texts[i][k]);
  return 0;
}
