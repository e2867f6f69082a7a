/* What the readers of request bodies share: an object whose members are known by name, and values
 * of the type that is expected, with faults that name the field. For core/api and the operators'
 * API (core/ops). No I/O; owns nothing but what it returns. Any thread. */
#ifndef API_API_JSON_H
#define API_API_JSON_H

#include <jansson.h>

#include "api/api_fault.h"

/* The body as an object, for json_decref; NULL with a fault. */
json_t *api_json_read(struct plug_str body, struct api_fault *fault);

/* How much of a name %.*s is to show, at most max bytes. */
int api_json_cut(const char *name, size_t max);

/* As api_refuse, about a field: "messages[3].destination" for item 3, "destination" for item -1. */
bool api_json_refuse(struct api_fault *fault, uint16_t status, const char *code, long item,
                     const char *name, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* A member that is a string, neither longer than max bytes nor empty. Absent: *out is empty, and
 * that is no fault. */
bool api_json_text(const json_t *object, long item, const char *name, size_t max,
                   struct plug_str *out, struct api_fault *fault);

/* Has it members that are not among names? The fault names the first. */
bool api_json_known(const json_t *object, long item, const char *const *names, size_t n_names,
                    struct api_fault *fault);

static inline struct plug_str api_json_str(const json_t *string)
{
  return (struct plug_str){json_string_value(string), json_string_length(string)};
}

#endif
