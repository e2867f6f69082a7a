/* How plugctl ends, for scripts: sysexits.h's numbers, as the server uses them. */
#ifndef CLI_EXITS_H
#define CLI_EXITS_H

enum exit_code {
  EXIT_DONE = 0,         /* done as asked */
  EXIT_FAILED = 1,       /* something else: a file that cannot be read, no memory */
  EXIT_BAD_USAGE = 64,   /* the command line is wrong */
  EXIT_UNREACHABLE = 69, /* no connection, or it was lost */
  EXIT_TIMED_OUT = 75,   /* no answer, or not enough messages, in time */
  EXIT_GARBAGE = 76,     /* the peer does not speak the protocol */
  EXIT_REFUSED = 77,     /* the peer understood, and refused */
};

#endif
