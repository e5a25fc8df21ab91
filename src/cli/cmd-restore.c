/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_restore(Cli *cli, GStrv words, GError **error) {
  CliMove move = {0};
  g_autofree char *user = NULL;
  g_autofree char *xml = NULL;
  const GOptionEntry entries[] = {
      CLI_MOVE_ENTRIES(move),
      {"xml", 0, 0, G_OPTION_ARG_FILENAME, &xml, "Use the domain in FILE, which may have other files behind its devices", "FILE"},
      {"qemu-user", 0, 0, G_OPTION_ARG_STRING, &user, CLI_QEMU_USER_HELP, "USER"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (user != NULL)
    berth_env_set_qemu_user(cli->env, user);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GBytes) domain = berth != NULL && xml != NULL ? berth_file_read(xml, BERTH_MAX_BYTES, error) : NULL;
  if (berth == NULL || (xml != NULL && domain == NULL) ||
      !berth_restore(berth, names[0], domain, xml != NULL ? cli_file_name(xml) : NULL, cli_move_flags(&move), NULL, error))
    return FALSE;
  cli_print("Domain restored from %s\n", names[0]);
  return TRUE;
}
