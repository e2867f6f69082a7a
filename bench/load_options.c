#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_conn.h"

static const char help[] =
    "plugload --port N [options]: puts load on a server at 127.0.0.1, prints JSON\n"
    "  --publish-port N  publishers connect there, to another node (default --port)\n"
    "  --protocol NAME   stomp (default), stomp-chat, stomp-app, mqtt, nats, nchan,\n"
    "                    centrifugo, socketio\n"
    "  --carrier NAME    of all but publishers: websocket (default), deflate (compressed),\n"
    "                    xhr-streaming (of SockJS)\n"
    "  --tls             TLS 1.3, with a whole handshake for each connection; certificates are\n"
    "                    not looked at\n"
    "  --path PATH       of the WebSocket endpoint (default /ws)\n"
    "  --login, --passcode TEXT\n"
    "  --tokens FILE     one on each line, shown in CONNECT as Authorization: Bearer (STOMP "
    "only);\n"
    "                    connections take them in turn\n"
    "  --topic NAME      prefix of topic names (default load)\n"
    "  --subscribers N   in total, spread over the topics (default 1000)\n"
    "  --topics N        (default 1)\n"
    "  --publishers N    (default 1)\n"
    "  --idle N          connections subscribed to topics nobody publishes on (default 0)\n"
    "  --idle-topics N   (default 1)\n"
    "  --silent          idle connections are opened and say nothing, not even a request\n"
    "  --in-flight N     messages per burst (default 1)\n"
    "  --bulk            publish to nobody: every publisher sends ready-made blocks of "
    "--in-flight\n"
    "                    messages, two of them unanswered, and does no work per message\n"
    "  --pause US        closed loop: sleep that long before each burst, so that the server falls "
    "asleep,\n"
    "                    too, as one with little to do does\n"
    "  --subscribe-pairs with --bulk: not messages but subscriptions, each ended at once; topics\n"
    "                    in turn (STOMP only)\n"
    "  --rate N          open loop: messages per second instead of bursts\n"
    "  --storm N         with --rate: N more connections are cut off after a quarter of the "
    "duration and\n"
    "                    come back at once; latencies meanwhile stand by themselves\n"
    "  --heart-beat MS   offered and sent both ways by all connections that subscribe (STOMP "
    "only)\n"
    "  --hold S          watch the open connections for that long before anything is published\n"
    "  --late            messages may come late, at most 1,024 behind others: they are counted\n"
    "  --body BYTES      at least 28 (default 120)\n"
    "  --json            bodies are JSON behind their stamp, instead of one letter repeated\n"
    "  --duration S, --warmup S, --stall S   (defaults 2, 0.5, 5)\n"
    "  --parallel N      connections being opened at a time (default 256)\n"
    "  --sources N       source addresses 127.0.0.1 .. N (default 4)\n"
    "  --pid N           the server's process, for its CPU time and memory; repeatable\n"
    "  --busy            poll without sleeping, so that waking the generator costs the server\n"
    "                    nothing\n";

static double number(const char *option, const char *text, double least, double most)
{
  char *end;
  errno = 0;
  double v = strtod(text, &end);
  if (errno || end == text || *end || !(v >= least && v <= most))
    load_fail("--%s: '%s' is not a number from %.0f to %.0f", option, text, least, most);
  return v;
}

void options_parse(int argc, char **argv, struct options *o)
{
  static const struct option longs[] = {{"port", 1, NULL, 'p'},
                                        {"publish-port", 1, NULL, 'Q'},
                                        {"protocol", 1, NULL, 'P'},
                                        {"path", 1, NULL, 'u'},
                                        {"login", 1, NULL, 'l'},
                                        {"passcode", 1, NULL, 'L'},
                                        {"topic", 1, NULL, 't'},
                                        {"subscribers", 1, NULL, 's'},
                                        {"topics", 1, NULL, 'T'},
                                        {"publishers", 1, NULL, 'k'},
                                        {"idle", 1, NULL, 'i'},
                                        {"idle-topics", 1, NULL, 'I'},
                                        {"in-flight", 1, NULL, 'f'},
                                        {"bulk", 0, NULL, 'z'},
                                        {"heart-beat", 1, NULL, 'H'},
                                        {"hold", 1, NULL, 'o'},
                                        {"rate", 1, NULL, 'r'},
                                        {"body", 1, NULL, 'b'},
                                        {"duration", 1, NULL, 'd'},
                                        {"warmup", 1, NULL, 'w'},
                                        {"stall", 1, NULL, 'S'},
                                        {"parallel", 1, NULL, 'c'},
                                        {"sources", 1, NULL, 'a'},
                                        {"pid", 1, NULL, 'x'},
                                        {"busy", 0, NULL, 'B'},
                                        {"silent", 0, NULL, 'N'},
                                        {"tokens", 1, NULL, 'K'},
                                        {"storm", 1, NULL, 'M'},
                                        {"carrier", 1, NULL, 'C'},
                                        {"json", 0, NULL, 'j'},
                                        {"tls", 0, NULL, 'e'},
                                        {"pause", 1, NULL, 'q'},
                                        {"subscribe-pairs", 0, NULL, 'U'},
                                        {"late", 0, NULL, 'V'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  *o = (struct options){.subscribers = 1000, .topics = 1, .publishers = 1, .idle_topics = 1};
  o->in_flight = 1;
  o->parallel = 256;
  o->sources = 4;
  o->body = 120;
  o->duration_s = 2;
  o->warmup_s = 0.5;
  o->stall_s = 5;
  o->protocol = "stomp";
  o->carrier = "websocket";
  o->path = "/ws";
  o->login = o->passcode = "";
  o->topic = "load";
  for (int c, at = 0; (c = getopt_long(argc, argv, "", longs, &at)) != -1;) {
    const char *name = longs[at].name;
    switch (c) {
    case 'p':
      o->port = (unsigned)number(name, optarg, 1, 65535);
      break;
    case 'Q':
      o->publish_port = (unsigned)number(name, optarg, 1, 65535);
      break;
    case 'z':
      o->bulk = true;
      break;
    case 'U':
      o->subscribe_pairs = true;
      break;
    case 'H':
      o->heartbeat_ms = (unsigned)number(name, optarg, 100, 3600000);
      break;
    case 'o':
      o->hold_s = number(name, optarg, 0, 3600);
      break;
    case 'P':
      o->protocol = optarg;
      break;
    case 'C':
      o->carrier = optarg;
      break;
    case 'j':
      o->json = true;
      break;
    case 'e':
      o->tls = true;
      break;
    case 'V':
      o->late = true;
      break;
    case 'u':
      o->path = optarg;
      break;
    case 'l':
      o->login = optarg;
      break;
    case 'L':
      o->passcode = optarg;
      break;
    case 'K':
      o->tokens = optarg;
      break;
    case 'M':
      o->storm = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 't':
      o->topic = optarg;
      break;
    case 's':
      o->subscribers = (unsigned)number(name, optarg, 0, 1e6);
      break;
    case 'T':
      o->topics = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'k':
      o->publishers = (unsigned)number(name, optarg, 1, 4000);
      break;
    case 'i':
      o->idle = (unsigned)number(name, optarg, 0, 1e6);
      break;
    case 'N':
      o->silent = true;
      break;
    case 'I':
      o->idle_topics = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'f':
      o->in_flight = (unsigned)number(name, optarg, 1, 1e6);
      break;
    case 'q':
      o->pause_s = number(name, optarg, 1, 1e6) / 1e6;
      break;
    case 'r':
      o->rate = number(name, optarg, 1, 1e7);
      break;
    case 'b':
      o->body = (size_t)number(name, optarg, STAMP_LEN, 500000);
      break;
    case 'd':
      o->duration_s = number(name, optarg, 0, 3600);
      break;
    case 'w':
      o->warmup_s = number(name, optarg, 0, 3600);
      break;
    case 'S':
      o->stall_s = number(name, optarg, 0.1, 3600);
      break;
    case 'c':
      o->parallel = (unsigned)number(name, optarg, 1, 20000);
      break;
    case 'a':
      o->sources = (unsigned)number(name, optarg, 1, 250);
      break;
    case 'x':
      if (o->n_pids == PROCESS_PIDS_MAX)
        load_fail("--pid: at most %d", PROCESS_PIDS_MAX);
      o->pids[o->n_pids++] = (pid_t)number(name, optarg, 1, 4194304);
      break;
    case 'B':
      o->busy = true;
      break;
    case 'h':
      fputs(help, stdout);
      exit(0);
    default:
      exit(2);
    }
  }
  if (optind < argc || o->port == 0) {
    fputs(help, stderr);
    exit(2);
  }
  if (o->publish_port == 0)
    o->publish_port = o->port;
  if (o->bulk && o->subscribers)
    load_fail("--bulk is for messages that nobody receives: --subscribers 0");
  if (o->pause_s > 0 && (o->busy || o->bulk || o->rate > 0))
    load_fail(
        "--pause is of the closed loop, and of a generator that sleeps: not with --busy, --bulk "
        "or --rate");
  if (o->subscribe_pairs && (!o->bulk || strcmp(o->protocol, "stomp") != 0))
    load_fail("--subscribe-pairs is of --bulk with STOMP");
  if (o->storm && !(o->rate > 0))
    load_fail("--storm needs --rate");
  if (o->tokens && strncmp(o->protocol, "stomp", 5) != 0)
    load_fail("--tokens is of STOMP");
  bool websocket = strcmp(o->carrier, "websocket") == 0;
  if (o->heartbeat_ms && (strncmp(o->protocol, "stomp", 5) != 0 || !websocket))
    load_fail("--heart-beat is of STOMP over plain WebSockets");
  if (!websocket && (strncmp(o->protocol, "stomp", 5) != 0 || o->silent))
    load_fail("--carrier %s is of STOMP connections that speak", o->carrier);
}
