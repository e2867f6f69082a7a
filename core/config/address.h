/* host:port and [v6]:port as text. Owns nothing. Any thread. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>

#include <plugboard/abi.h>

/* The host comes without brackets and points into text; names are not resolved. False if text is
 * no address. Port 0 is one. */
bool address_parse(struct plug_str text, struct plug_str *host, uint16_t *port);

#endif
