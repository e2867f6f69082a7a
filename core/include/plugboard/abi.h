/* SPDX-License-Identifier: MIT
 *
 * plugboard/abi.h: the vocabulary that every other public header is written in.
 *
 * Numbers of the plugin ABI, status codes, strings, and the two rules that let tables grow:
 *
 *   THE READER COPIES THE SMALLER SIZE OVER ZEROES.   Every table starts with its size; whoever
 *   reads one zeroes a table of its own, copies min(their size, our size) and looks only at that.
 *
 *   TABLES GROW AT THE TAIL, AND ONLY IN A MINOR.     Nothing is reordered, retyped or reused.
 *   Structs passed in arrays (plug_str, plug_kv, plug_interest, plug_option) never grow.
 *
 * No enum, bool, bit-field, variadic function or third-party type crosses this border. Strings are
 * pointer and length, UTF-8, not NUL-terminated, unless a member says "C string". Times are
 * milliseconds on the monotonic clock unless the name says Unix.
 */
#ifndef PLUGBOARD_ABI_H
#define PLUGBOARD_ABI_H

#include <stddef.h>
#include <stdint.h>

/* A server loads plugins of its own minor and of older ones, as far back as its tables only grew
 * since. While the major is 0 that may end with any minor. */
#define PLUG_ABI_MAJOR 0
#define PLUG_ABI_MINOR 4 /* newest minor that these headers describe */

/* The oldest server minor that the plugin agrees to run on. What tables have got since is not seen
 * then, so that it cannot be used by accident; what is seen is there on every server that takes the
 * plugin. */
#ifndef PLUG_TARGET_MINOR
#define PLUG_TARGET_MINOR PLUG_ABI_MINOR
#endif
#if PLUG_TARGET_MINOR > PLUG_ABI_MINOR
#error "PLUG_TARGET_MINOR is newer than these headers"
#endif

#define PLUG_MAGIC 0x31424C50u /* the bytes "PLB1" in memory on a little-endian machine */

#if defined(__cplusplus) && __cplusplus >= 201703L
#define PLUG_NOEXCEPT noexcept /* nothing may be thrown across the border */
#else
#define PLUG_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct plug_str {
  const char *ptr; /* may be NULL when len is 0 */
  size_t len;      /* bytes */
};

struct plug_kv {
  struct plug_str key, value;
};

/* Filled by the callee, owned by the caller. text is NUL-terminated, for the operator's eyes. */
struct plug_err {
  int32_t code;
  char text[252];
};

/* 0 is success, negatives are failures. Unknown negatives are to be treated as PLUG_EINTERNAL. */
typedef int32_t plug_status;
#define PLUG_OK        0
#define PLUG_PENDING   1 /* the operation was taken and will be completed exactly once */
#define PLUG_ALLOW     2
#define PLUG_DENY      3
#define PLUG_DEFER     4    /* no opinion, ask the next plugin */
#define PLUG_EAGAIN    (-1) /* accepted, but slow down */
#define PLUG_EINVAL    (-2)
#define PLUG_ENOMEM    (-3)
#define PLUG_ENOTSUP   (-4)
#define PLUG_ESTATE    (-5) /* not now: wrong state */
#define PLUG_ETIMEDOUT (-6)
#define PLUG_ECANCELED (-7)
#define PLUG_EUNAVAIL  (-8) /* the backend cannot be reached */
#define PLUG_ETOOBIG   (-9)
#define PLUG_EDENIED   (-10) /* the backend refused us */
#define PLUG_EINTERNAL (-11)

/* True if table t, as long as it says it is, holds member m and m is set. */
#define PLUG_HAS(t, m)                                                                  \
  ((t)->size >= (size_t)((const char *)&(t)->m - (const char *)(t)) + sizeof((t)->m) && \
   (t)->m != NULL)

#ifdef __cplusplus
}
#endif
#endif
