#include "nats_exit.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>

/* Once libnats (3.4 to 3.10) has made a context for TLS, and it does so for any server that is
 * given by name, it frees OpenSSL's list of compression methods at exit. Where OpenSSL was in use
 * before libnats, its own cleanup comes after that, and frees the list a second time. So the list
 * is out of reach for as long as libnats cleans up. Functions run at exit in the opposite order of
 * their registration:
 *
 *   hide (after nats_Open)   libnats' own (nats_Open)   show (before it)   OPENSSL_cleanup (before)
 */
static STACK_OF(SSL_COMP) * hidden;

static void hide(void)
{
  hidden = SSL_COMP_set0_compression_methods(NULL);
}

static void show(void)
{
  (void)SSL_COMP_set0_compression_methods(hidden);
  hidden = NULL;
}

static bool before, after;

void nats_exit_before_open(void)
{
  if (before || OPENSSL_init_ssl(0, NULL) != 1)
    return;
  before = atexit(show) == 0;
}

void nats_exit_after_open(void)
{
  if (after || !before)
    return;
  after = atexit(hide) == 0;
}
