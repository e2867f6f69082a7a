/* Two kinds of assertion (bare assert() is for tests only). invariant() holds or the program is
 * wrong: always on, aborts. debug_invariant() is for hot paths: debug builds only. Neither may have
 * side effects. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

_Noreturn void invariant_failed(const char *file, int line, const char *condition);

#define invariant(condition) \
  ((condition) ? (void)0 : invariant_failed(__FILE__, __LINE__, #condition))

#ifdef PLUG_DEBUG
#define debug_invariant(condition) invariant(condition)
#else
#define debug_invariant(condition) ((void)sizeof(condition))
#endif

#endif
