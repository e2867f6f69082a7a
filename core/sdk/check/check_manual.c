#include "check_manual.h"

#include <stdio.h>

#include "check.h"

/* A hyphen in roff is a sign of its own, and a dot or a quote at the begin of a line a request. */
static void put_text(const char *text)
{
  if (*text == '.' || *text == '\'')
    fputs("\\&", stdout);
  for (; *text; text++)
    if (*text == '-')
      fputs("\\-", stdout);
    else if (*text == '\\')
      fputs("\\e", stdout);
    else
      putchar(*text);
}

static void put_checks(void)
{
  for (const struct check_group *const *group = check_groups; *group; group++) {
    printf(".SS \"%s: ", (*group)->letter);
    put_text((*group)->title);
    puts("\"");
    for (size_t i = 0; i < (*group)->n; i++) {
      const struct check *check = &(*group)->checks[i];
      printf(".TP\n.B %s \\- ", check->id);
      put_text(check->title);
      putchar('\n');
      put_text(check->paragraph);
      putchar('\n');
    }
  }
}

void check_print_manual(void)
{
  fputs(
      ".\\\" Made by: plugboard-check --manual\n"
      ".TH PLUGBOARD-CHECK 1 \"\" \"plugboard " PLUGBOARD_VERSION "\" \"Plugboard\"\n"
      ".SH NAME\n"
      "plugboard-check \\- does a plugin keep its contract?\n"
      ".SH SYNOPSIS\n"
      ".B plugboard\\-check\n"
      "[\\fB\\-\\-config\\fR \\fIFILE\\fR \\fB\\-\\-section\\fR \\fINAME\\fR] "
      "[\\fB\\-\\-only\\fR \\fILIST\\fR] [\\fB\\-\\-time\\-limit\\fR \\fIS\\fR]\n"
      ".I PLUGIN.so\n"
      ".br\n"
      ".B plugboard\\-check\n"
      "\\-\\-list | \\-\\-explain \\fIID\\fR | \\-\\-manual | \\-\\-version | \\-\\-help\n"
      ".SH DESCRIPTION\n"
      "Loads a plugin by the rules of the server, in a small host with a clock of its own, and "
      "checks what the headers demand of it: the file, the life of instances, threads, operations, "
      "and what its kind promises.\n"
      "Each check runs in a process of its own with a time limit, so that a plugin that crashes or "
      "hangs fails that check, and the others go on.\n"
      ".PP\n"
      "A line tells of each check: its id; ok, FAIL or \"does not apply\"; and why. The last line "
      "sums up.\n"
      ".SH OPTIONS\n"
      ".TP\n.B \\-\\-config \\fIFILE\\fR\n"
      "an INI file as the server reads it\n"
      ".TP\n.B \\-\\-section \\fINAME\\fR\n"
      "the section with the plugin's options, \"broker.redis\"; sections [NAME ...] beside it are "
      "seen by plugins that have such. Without it options have their defaults, required ones of a "
      "number, a switch or a choice the first value of their range; a required text, path or "
      "secret has to be given\n"
      ".TP\n.B \\-\\-only \\fILIST\\fR\n"
      "only these groups and checks, divided by commas: B,L4\n"
      ".TP\n.B \\-\\-time\\-limit \\fIS\\fR\n"
      "kill each check after so many seconds, instead of after its own limit, which is 30 or more\n"
      ".TP\n.B \\-\\-list\n"
      "print all ids and titles\n"
      ".TP\n.B \\-\\-explain \\fIID\\fR\n"
      "print what a check does, and what to do about it\n"
      ".TP\n.B \\-\\-manual\n"
      "print this page\n"
      ".SH \"THE SECTION [check]\"\n"
      "In the same file, what the kit itself has to know:\n"
      ".TP\n.BR login \", \" passcode\n"
      "headers of CONNECT with which an auth plugin lets somebody in\n"
      ".TP\n.B header\n"
      "one more of them, \"Authorization: Bearer ...\"\n"
      ".TP\n.B user\n"
      "the name that is to be granted then\n"
      ".TP\n.BR expired\\-passcode \", \" expired\\-header\n"
      "the same of somebody whose time is over, who is to be refused\n"
      ".TP\n.B anonymous\n"
      "on: who shows nothing is let in, too\n"
      ".SH EXIT STATUS\n"
      "0 if no check has failed, 1 if one has, 64 on wrong use.\n"
      ".SH CHECKS\n",
      stdout);
  put_checks();
  fputs(".SH \"SEE ALSO\"\n.BR plugboard\\-plugin (7),\n.BR plugboard (8)\n", stdout);
}
