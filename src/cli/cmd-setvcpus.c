/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_setvcpus(Cli *cli, GStrv words, GError **error) {
  gboolean maximum = FALSE;
  guint64 count = 0;
  const GOptionEntry more[] = {{"maximum", 0, 0, G_OPTION_ARG_NONE, &maximum, "Set how many there can be (with --config)", NULL},
                               {0}};
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_PERSISTENT | CLI_CHANGE_TIMEOUT, more, 2, 2, &change, error))
    return FALSE;
  if (!g_ascii_string_to_unsigned(change.words[1], 10, 1, G_MAXUINT16, &count, NULL)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "'%.40s': a guest has 1 to 65535 vCPUs", change.words[1]);
    return FALSE;
  }
  g_autoptr(Berth) berth = berth_open(cli->env);
  return berth_set_vcpus(berth, change.words[0], (guint)count, maximum, change.flags, change.timeout_ms, error);
}
