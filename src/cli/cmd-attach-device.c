/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_attach_device(Cli *cli, GStrv words, GError **error) {
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_PERSISTENT | CLI_CHANGE_DRY_RUN, NULL, 2, 2, &change, error))
    return FALSE;
  const char *guest = change.words[0], *file = change.words[1];
  g_autoptr(GBytes) xml = berth_file_read(file, BERTH_MAX_BYTES, error);
  g_autoptr(Berth) berth = xml != NULL ? berth_open(cli->env) : NULL;
  g_autoptr(GPtrArray) rows = NULL;
  return berth != NULL && berth_attach_device(berth, guest, xml, cli_file_name(file), change.flags, &rows, error) &&
         cli_print_change(&change, rows, "Device attached successfully", error);
}
