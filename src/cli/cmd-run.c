/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <signal.h>

/* Only who migrates says which guest it is. */
static gboolean check_words(GStrv names, const char *restore, const char *incoming, const char *xml, GError **error) {
  const char *wrong = names[0] == NULL && incoming == NULL                 ? "run: which guest?"
                      : restore != NULL && incoming != NULL                ? "--restore and --incoming: only one of them can be"
                      : xml != NULL && restore == NULL && incoming == NULL ? "--xml: is for --restore and --incoming"
                                                                           : NULL;
  if (wrong != NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s; 'berth run --help' shows how", wrong);
  return wrong == NULL;
}

gboolean cli_cmd_run(Cli *cli, GStrv words, GError **error) {
  CliMove move = {0};
  g_autofree char *user = NULL;
  g_autofree char *restore = NULL;
  g_autofree char *incoming = NULL;
  g_autofree char *xml = NULL;
  gboolean force_boot = FALSE, reset = FALSE, adopt = FALSE;
  int ready = -1;
  const GOptionEntry entries[] = {
      CLI_MOVE_ENTRIES(move),
      {"force-boot", 0, 0, G_OPTION_ARG_NONE, &force_boot, CLI_FORCE_BOOT_HELP, NULL},
      {"reset-nvram", 0, 0, G_OPTION_ARG_NONE, &reset, CLI_RESET_NVRAM_HELP, NULL},
      {"adopt", 0, 0, G_OPTION_ARG_NONE, &adopt, "If it runs already, stay with it, in the place of its supervisor", NULL},
      {"qemu-user", 0, 0, G_OPTION_ARG_STRING, &user, CLI_QEMU_USER_HELP, "USER"},
      {"restore", 0, 0, G_OPTION_ARG_FILENAME, &restore, "Let it go on with the state in FILE", "FILE"},
      {"incoming", 0, 0, G_OPTION_ARG_STRING, &incoming, "Wait at URI (unix:PATH, tcp:HOST:PORT) for it to be migrated here",
       "URI"},
      {"xml", 0, 0, G_OPTION_ARG_FILENAME, &xml, "With the domain in FILE instead of its own", "FILE"},
      {"ready-fd", 0, 0, G_OPTION_ARG_INT, &ready, CLI_READY_HELP, "N"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 0, 1, error);
  if (names == NULL || !cli_check_fd("--ready-fd", ready, error) || !check_words(names, restore, incoming, xml, error))
    return FALSE;
  /* A guest does not end because nobody reads what is said about it. */
  signal(SIGPIPE, SIG_IGN);
  /* systemd is told by this process alone (the environment has taken a copy), not by what it starts. */
  g_unsetenv("NOTIFY_SOCKET");
  if (user != NULL)
    berth_env_set_qemu_user(cli->env, user);
  g_autoptr(Berth) berth = berth_open(cli->env);
  g_autoptr(GBytes) domain = xml != NULL ? berth_file_read(xml, BERTH_MAX_BYTES, error) : NULL;
  if (xml != NULL && domain == NULL)
    return FALSE;
  const char *name = xml != NULL ? cli_file_name(xml) : NULL;
  if (incoming != NULL)
    return berth_run_incoming(berth, names[0], incoming, domain, name, cli_move_flags(&move), ready, error);
  if (restore != NULL)
    return berth_run_restored(berth, restore, domain, name, cli_move_flags(&move), ready, error);
  guint flags = (move.paused ? BERTH_RUN_PAUSED : 0) | (force_boot ? BERTH_RUN_FORCE_BOOT : 0) |
                (reset ? BERTH_RUN_RESET_NVRAM : 0) | (adopt ? BERTH_RUN_ADOPT : 0);
  return berth_run(berth, names[0], flags, ready, error);
}
