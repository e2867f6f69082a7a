/* What a proxy says of the request that it passes on: how the client sees the server. To be asked
 * for requests of known proxies only: anybody can write these headers. No I/O. Owns nothing. Any
 * thread. */
#ifndef HTTP_HTTP_FORWARDED_H
#define HTTP_HTTP_FORWARDED_H

#include "http/http_head.h"

struct http_forwarded {
  struct plug_str scheme; /* "http" or "https"; empty: the proxy does not say */
  struct plug_str host;   /* host[:port]; likewise */
};

/* Forwarded (RFC 7239) goes before X-Forwarded-Proto and X-Forwarded-Host. Of several proxies the
 * one nearest to the client counts, which comes first. ws and wss are http and https. */
void http_forwarded_read(const struct http_head *head, struct http_forwarded *forwarded);

/* Who the client is, by X-Forwarded-For: the last address that is not one of a known proxy, since
 * each proxy adds the one that it sees and what stands before may be made up. is_known: is it?
 * False, and address as it was, when the proxies say nothing that can be read. */
bool http_forwarded_client(const struct http_head *head,
                           bool (*is_known)(const void *ctx, const uint8_t address[16]),
                           const void *ctx, uint8_t address[16]);

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" as an IPv6 address, IPv4 as
 * ::ffff:a.b.c.d; false for anything else. */
bool http_forwarded_address(struct plug_str text, uint8_t address[16]);

#endif
