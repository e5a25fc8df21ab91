/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <unistd.h>

#include "verbs.h"

gboolean cli_talk(Berth *berth, const char *guest, const char *alias, gboolean force, GError **error) {
  g_autoptr(BerthConsole) console = berth_console_open(berth, guest, alias, force ? BERTH_CONSOLE_FORCE : 0, error);
  if (console == NULL)
    return FALSE;
  /* Of what is piped, only the guest's own words go to standard output. */
  if (isatty(STDIN_FILENO))
    cli_print("Connected to domain '%s'\nEscape character is ^] (Ctrl + ])\n", guest);
  return cli_flush(error) && cli_terminal_talk(berth_console_fd(console), error);
}

gboolean cli_cmd_console(Cli *cli, GStrv words, GError **error) {
  g_autofree char *alias = NULL;
  gboolean force = FALSE;
  const GOptionEntry entries[] = {
      {"devname", 0, 0, G_OPTION_ARG_STRING, &alias, "The console, serial port or channel with this alias", "ALIAS"},
      {"force", 0, 0, G_OPTION_ARG_NONE, &force, "Send away whoever has it", NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  return berth != NULL && cli_talk(berth, names[0], alias, force, error);
}

gboolean cli_cmd_ttyconsole(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autofree char *path = berth != NULL ? berth_ttyconsole(berth, names[0], error) : NULL;
  if (path != NULL)
    cli_print("%s\n", path);
  return path != NULL;
}
