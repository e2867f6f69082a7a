/* plugctl: a STOMP client and an operator's tool; all of it is in core/cli. */
#include "cli/command.h"

int main(int argc, char **argv)
{
  return command_line(argc, argv);
}
