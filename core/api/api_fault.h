/* Why a request of the HTTP API is refused, and how that is written: a status, and a JSON object
 * with a code for programs, a message for people, and the field that is meant. Plain data, owns
 * nothing. Any thread. */
#ifndef API_API_FAULT_H
#define API_API_FAULT_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/buf.h"

struct api_fault {
  uint16_t status;   /* of HTTP */
  const char *code;  /* static: "bad-value" */
  char message[256]; /* UTF-8 */
  char field[96];    /* "messages[3].destination"; empty: none */
};

/* Fills fault; returns false for the caller to pass on. field may be NULL. What is filled in is
 * UTF-8, whole characters: who shortens it does so by utf8_cut. */
bool api_refuse(struct api_fault *fault, uint16_t status, const char *code, const char *field,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

bool api_refuse_with(struct api_fault *fault, uint16_t status, const char *code, const char *field,
                     const char *format, va_list args);

/* About a request that the reader of HTTP has refused, before anybody could look into it. */
void api_refuse_http(struct api_fault *fault, uint16_t status, const char *text);

/* {"code":...,"message":...,"field":...} */
void api_fault_put(const struct api_fault *fault, struct buf *out);

/* text as a JSON string; of what is not UTF-8 nothing. */
void api_put_string(struct buf *out, struct plug_str text);

#endif
