#include "cli/manual.h"

#include <string.h>

#include "cli/exits.h"
#include "cli/say.h"

enum { WIDTH = 80, INDENT = 6 };

static const char about[] =
    "Publishes to and subscribes at a STOMP server, over WebSocket or TCP, with or without TLS; "
    "measures it; and looks after a Plugboard server through its admin door.";

static const struct {
  enum exit_code code;
  const char *meaning;
} exits[] = {
    {EXIT_DONE, "done as asked; for pub: the server has confirmed that it took the message"},
    {EXIT_FAILED, "something else went wrong, such as a file that cannot be read"},
    {EXIT_BAD_USAGE, "the command line is wrong"},
    {EXIT_UNREACHABLE, "no connection to the server, or it was lost"},
    {EXIT_TIMED_OUT, "no answer, or fewer messages than were waited for, in time"},
    {EXIT_GARBAGE, "what answers does not speak the protocol"},
    {EXIT_REFUSED, "the server has refused: an ERROR frame, or an HTTP status of 4xx"},
};

static const struct {
  const char *name, *meaning;
} variables[] = {
    {"PLUGCTL_URL", "the server, where --url does not say it"},
    {"PLUGCTL_PASSCODE", "the passcode, where no option says it"},
    {"PLUGCTL_TOKEN", "the token, where no option says it"},
    {"PLUGCTL_SECRET", "the secret of token, where no option says it"},
    {"PLUGCTL_ADMIN", "the admin door, where --admin does not say it"},
    {"PLUGCTL_ADMIN_TOKEN", "the token of [admin], where no option says it"},
    {"NO_COLOR", "no colours, though on a terminal"},
};

#define N(array) (sizeof(array) / sizeof *(array))

static int end(struct buf *out)
{
  return say_buf(out) ? EXIT_DONE : EXIT_FAILED;
}

/* Words in lines, each behind indent blanks. */
static void put_wrapped(struct buf *out, const char *text, size_t indent)
{
  size_t column = 0;
  for (struct plug_str rest = str_of(text), word; str_split(&rest, ' ', &word);) {
    if (column && column + 1 + word.len > WIDTH) {
      buf_put_char(out, '\n');
      column = 0;
    }
    if (column)
      buf_put_char(out, ' ');
    else
      buf_putf(out, "%*s", (int)indent, "");
    column += column ? 1 + word.len : indent + word.len;
    buf_put_str(out, word);
  }
  buf_put_char(out, '\n');
}

/* Paragraphs, an empty line between them. */
static void put_paragraphs(struct buf *out, const char *text, size_t indent)
{
  for (const char *at = text; at && *at;) {
    const char *stop = strstr(at, "\n\n");
    char paragraph[1024];
    snprintf(paragraph, sizeof paragraph, "%.*s", (int)(stop ? stop - at : (long)strlen(at)), at);
    put_wrapped(out, paragraph, indent);
    at = stop ? stop + 2 : NULL;
    if (at)
      buf_put_char(out, '\n');
  }
}

static void put_usual(struct buf *out, const struct option_spec *spec)
{
  long long usual = (long long)spec->usual;
  if (spec->kind == OPTION_NUMBER)
    buf_putf(out, "%lld", usual);
  else if (spec->kind == OPTION_BYTES)
    buf_putf(out, usual % 1024 ? "%lld" : "%lldK", usual % 1024 ? usual : usual / 1024);
  else
    buf_putf(out, usual % 1000 ? "%lldms" : "%llds", usual % 1000 ? usual : usual / 1000);
}

static void put_meaning(struct buf *out, const struct option_spec *spec)
{
  buf_put_str(out, str_of(spec->help));
  if (spec->words)
    buf_putf(out, "; one of: %s", spec->words);
  if (spec->kind >= OPTION_NUMBER && spec->usual) {
    buf_put_str(out, STR("; default: "));
    put_usual(out, spec);
  }
}

static void put_option(struct buf *out, const struct option_spec *spec)
{
  struct buf text = {0};
  if (spec->letter)
    buf_putf(out, "  -%c, --%s", spec->letter, spec->name);
  else
    buf_putf(out, "      --%s", spec->name);
  buf_putf(out, "%s%s\n", spec->value ? " " : "", spec->value ? spec->value : "");
  put_meaning(&text, spec);
  buf_put_char(&text, '\0');
  if (!text.failed)
    put_wrapped(out, text.data, 2 * INDENT);
  out->failed = out->failed || text.failed;
  buf_free(&text);
}

static void put_examples(struct buf *out, const char *examples, size_t indent)
{
  for (struct plug_str rest = str_of(examples), line; str_split(&rest, '\n', &line);)
    if (line.len)
      buf_putf(out, "%*s%.*s\n", (int)indent, "", STR_ARG(line));
}

int manual_print_help(const struct command *command)
{
  struct buf out = {0};
  buf_putf(&out, "usage: plugctl %s [OPTIONS]%s%s\n\n", command->name,
           *command->operands ? " " : "", command->operands);
  put_paragraphs(&out, command->text, 0);
  for (size_t g = 0; g < COMMAND_GROUPS_MAX && command->groups[g]; g++) {
    buf_putf(&out, "\n%s:\n", command->groups[g]->title);
    for (size_t i = 0; i < command->groups[g]->n; i++)
      put_option(&out, &command->groups[g]->options[i]);
  }
  buf_put_str(&out, STR("\nExamples:\n"));
  put_examples(&out, command->examples, 2);
  return end(&out);
}

static void put_exits(struct buf *out)
{
  for (size_t i = 0; i < N(exits); i++)
    buf_putf(out, "  %2d  %s\n", exits[i].code, exits[i].meaning);
}

int manual_print_overview(FILE *stream)
{
  struct buf out = {0};
  buf_put_str(&out, STR("usage: plugctl COMMAND [OPTIONS] [...]\n\n"));
  put_wrapped(&out, about, 0);
  buf_put_str(&out, STR("\nCommands:\n"));
  for (size_t i = 0; i < n_commands; i++)
    buf_putf(&out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
  buf_put_str(&out, STR("\n'plugctl COMMAND --help' says what a command can, with examples.\n"
                        "'plugctl --completion bash' (or zsh) prints the shell's completion.\n\n"
                        "Exit status:\n"));
  put_exits(&out);
  if (stream == stdout)
    return end(&out);
  fwrite(out.data, 1, out.len, stream);
  buf_free(&out);
  return EXIT_BAD_USAGE;
}

/* --- completions --- */

static bool takes_file(const struct option_spec *spec)
{
  return spec->value && strcmp(spec->value, "FILE") == 0;
}

#define EACH_OPTION(command, spec)                                            \
  for (size_t g_ = 0; g_ < COMMAND_GROUPS_MAX && (command)->groups[g_]; g_++) \
    for (const struct option_spec *spec = (command)->groups[g_]->options,     \
                                  *end_ = spec + (command)->groups[g_]->n;    \
         spec < end_; spec++)

static void put_bash(struct buf *out)
{
  buf_put_str(out, STR("# bash completion for plugctl. Made by: plugctl --completion bash\n"
                       "_plugctl()\n{\n"
                       "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "  local command=${COMP_WORDS[1]} options=\n"
                       "  COMPREPLY=()\n"
                       "  if ((COMP_CWORD == 1)); then\n"
                       "    COMPREPLY=($(compgen -W '"));
  for (size_t i = 0; i < n_commands; i++)
    buf_putf(out, "%s ", commands[i]->name);
  buf_put_str(out, STR("help --help --version' -- \"$word\"))\n    return\n  fi\n"
                       "  case $command:$before in\n"));
  for (size_t i = 0; i < n_commands; i++) {
    EACH_OPTION(commands[i], spec)
    {
      if (spec->kind == OPTION_FLAG)
        continue;
      buf_putf(out, "    %s:--%s", commands[i]->name, spec->name);
      if (spec->letter)
        buf_putf(out, " | %s:-%c", commands[i]->name, spec->letter);
      if (spec->words)
        buf_putf(out, ") COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", spec->words);
      else if (takes_file(spec))
        buf_put_str(out, STR(") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "
                             "\"$word\")); return ;;\n"));
      else
        buf_put_str(out, STR(") return ;;\n"));
    }
  }
  buf_put_str(out, STR("  esac\n  case $command in\n"));
  for (size_t i = 0; i < n_commands; i++) {
    buf_putf(out, "    %s) options='", commands[i]->name);
    EACH_OPTION(commands[i], spec)
    buf_putf(out, "--%s ", spec->name);
    buf_put_str(out, STR("--help' ;;\n"));
  }
  buf_put_str(out, STR("    help) options='"));
  for (size_t i = 0; i < n_commands; i++)
    buf_putf(out, "%s%s", i ? " " : "", commands[i]->name);
  buf_put_str(out, STR("' ;;\n  esac\n"
                       "  COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n}\n"
                       "complete -F _plugctl plugctl\n"));
}

/* In single quotes; brackets and colons mean something to _arguments. */
static void put_zsh_text(struct buf *out, const char *text)
{
  for (; *text; text++) {
    if (*text == '\'')
      buf_put_str(out, STR("'\\''"));
    else if (*text == '[' || *text == ']' || *text == ':')
      buf_putf(out, "\\%c", *text);
    else
      buf_put_char(out, *text);
  }
}

static void put_zsh_option(struct buf *out, const struct option_spec *spec)
{
  struct buf text = {0};
  put_meaning(&text, spec);
  buf_put_char(&text, '\0');
  if (spec->letter)
    buf_putf(out, "        {-%c,--%s}'", spec->letter, spec->name);
  else
    buf_putf(out, "        '%s--%s", spec->kind == OPTION_LIST ? "*" : "", spec->name);
  buf_put_str(out, spec->kind == OPTION_FLAG || spec->letter ? STR("[") : STR("=["));
  if (!text.failed)
    put_zsh_text(out, text.data);
  buf_put_char(out, ']');
  if (spec->kind != OPTION_FLAG) {
    buf_put_char(out, ':');
    put_zsh_text(out, spec->value);
    buf_put_char(out, ':');
    if (spec->words)
      buf_putf(out, "(%s)", spec->words);
    else if (takes_file(spec))
      buf_put_str(out, STR("_files"));
    else
      buf_put_char(out, ' ');
  }
  buf_put_str(out, STR("' \\\n"));
  out->failed = out->failed || text.failed;
  buf_free(&text);
}

static void put_zsh(struct buf *out)
{
  buf_put_str(out, STR("#compdef plugctl\n"
                       "# zsh completion for plugctl. Made by: plugctl --completion zsh\n"
                       "_plugctl()\n{\n  local -a commands=(\n"));
  for (size_t i = 0; i < n_commands; i++) {
    buf_putf(out, "    '%s:", commands[i]->name);
    put_zsh_text(out, commands[i]->summary);
    buf_put_str(out, STR("'\n"));
  }
  buf_put_str(out, STR("  )\n  if ((CURRENT == 2)); then\n"
                       "    _describe command commands\n    return\n  fi\n"
                       "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n"
                       "  case $command in\n"));
  for (size_t i = 0; i < n_commands; i++) {
    buf_putf(out, "    %s)\n      _arguments -s \\\n", commands[i]->name);
    EACH_OPTION(commands[i], spec)
    put_zsh_option(out, spec);
    buf_put_str(out, STR("        '--help[say what the command can]' ;;\n"));
  }
  buf_put_str(out, STR("  esac\n}\n_plugctl \"$@\"\n"));
}

int manual_print_completion(const char *shell)
{
  struct buf out = {0};
  if (strcmp(shell, "bash") == 0) {
    put_bash(&out);
  } else if (strcmp(shell, "zsh") == 0) {
    put_zsh(&out);
  } else {
    say_error("there are completions for bash and zsh, not for '%s'", shell);
    return EXIT_BAD_USAGE;
  }
  return end(&out);
}

/* --- the manual page --- */

/* A hyphen that is typed is written \-; a line must not begin with a dot. */
static void put_roff(struct buf *out, const char *text)
{
  for (bool at_start = true; *text; text++) {
    if (at_start && (*text == '.' || *text == '\''))
      buf_put_str(out, STR("\\&"));
    if (*text == '\\')
      buf_put_str(out, STR("\\e"));
    else if (*text == '-')
      buf_put_str(out, STR("\\-"));
    else
      buf_put_char(out, *text);
    at_start = *text == '\n';
  }
}

static void put_roff_paragraphs(struct buf *out, const char *text)
{
  for (const char *at = text; at && *at;) {
    const char *stop = strstr(at, "\n\n");
    char paragraph[1024];
    snprintf(paragraph, sizeof paragraph, "%.*s", (int)(stop ? stop - at : (long)strlen(at)), at);
    buf_put_str(out, STR(".PP\n"));
    put_roff(out, paragraph);
    buf_put_char(out, '\n');
    at = stop ? stop + 2 : NULL;
  }
}

static void put_roff_option(struct buf *out, const struct option_spec *spec)
{
  struct buf text = {0};
  put_meaning(&text, spec);
  buf_put_char(&text, '\0');
  buf_put_str(out, STR(".TP\n.B "));
  if (spec->letter)
    buf_putf(out, "\\-%c, ", spec->letter);
  buf_put_str(out, STR("\\-\\-"));
  put_roff(out, spec->name);
  if (spec->value)
    buf_putf(out, " \\fI%s\\fR", spec->value);
  buf_put_char(out, '\n');
  if (!text.failed)
    put_roff(out, text.data);
  buf_put_char(out, '\n');
  out->failed = out->failed || text.failed;
  buf_free(&text);
}

static void put_roff_group(struct buf *out, const struct option_group *group)
{
  for (size_t i = 0; i < group->n; i++)
    put_roff_option(out, &group->options[i]);
}

static bool is_shared(const struct option_group *group)
{
  return group == &options_connection || group == &options_admin;
}

static const char *shared_title(const struct option_group *group)
{
  return group == &options_connection ? "CONNECTION OPTIONS" : "SERVER OPTIONS";
}

static void put_roff_command(struct buf *out, const struct command *command)
{
  buf_putf(out, ".SS \"plugctl %s [OPTIONS]%s%s\"\n", command->name, *command->operands ? " " : "",
           command->operands);
  put_roff_paragraphs(out, command->text);
  for (size_t g = 0; g < COMMAND_GROUPS_MAX && command->groups[g]; g++)
    if (!is_shared(command->groups[g]))
      put_roff_group(out, command->groups[g]);
  for (size_t g = 0; g < COMMAND_GROUPS_MAX && command->groups[g]; g++)
    if (is_shared(command->groups[g]))
      buf_putf(out, ".PP\nAlso those of\n.BR \"%s\" .\n", shared_title(command->groups[g]));
  buf_put_str(out, STR(".PP\n.nf\n.RS 4\n"));
  struct buf lines = {0};
  put_examples(&lines, command->examples, 0);
  buf_put_char(&lines, '\0');
  if (!lines.failed)
    put_roff(out, lines.data);
  buf_free(&lines);
  buf_put_str(out, STR(".RE\n.fi\n"));
}

int manual_print_page(void)
{
  struct buf out = {0};
  buf_put_str(&out, STR(".\\\" Made by: plugctl --manual\n"
                        ".TH PLUGCTL 1 \"\" \"plugboard " PLUGBOARD_VERSION "\" \"Plugboard\"\n"
                        ".SH NAME\nplugctl \\- use and operate a STOMP server\n"
                        ".SH SYNOPSIS\n.B plugctl\n.I COMMAND\n[\\fIOPTIONS\\fR] [...]\n.br\n"
                        ".B plugctl\n\\-\\-help | \\-\\-version | \\-\\-completion bash|zsh\n"
                        ".SH DESCRIPTION\n"));
  put_roff(&out, about);
  buf_put_str(&out, STR("\n.PP\nEach command has\n.BR \\-\\-help .\n.SH COMMANDS\n"));
  for (size_t i = 0; i < n_commands; i++)
    put_roff_command(&out, commands[i]);
  buf_putf(&out, ".SH %s\n", shared_title(&options_connection));
  put_roff_group(&out, &options_connection);
  buf_putf(&out, ".SH %s\n", shared_title(&options_admin));
  put_roff_group(&out, &options_admin);
  buf_put_str(&out, STR(".SH \"EXIT STATUS\"\n"));
  for (size_t i = 0; i < N(exits); i++) {
    buf_putf(&out, ".TP\n.B %d\n", exits[i].code);
    put_roff(&out, exits[i].meaning);
    buf_put_char(&out, '\n');
  }
  buf_put_str(&out, STR(".SH ENVIRONMENT\n"));
  for (size_t i = 0; i < N(variables); i++) {
    buf_putf(&out, ".TP\n.B %s\n", variables[i].name);
    put_roff(&out, variables[i].meaning);
    buf_put_char(&out, '\n');
  }
  buf_put_str(&out, STR(".SH \"SEE ALSO\"\n.BR plugboard (8),\n.BR plugboard.ini (5)\n"));
  return end(&out);
}
