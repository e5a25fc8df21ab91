/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_reset(Cli *cli, GStrv words, GError **error) {
  return cli_tell_guest(cli, words, berth_reset, "was reset", error);
}
