/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_save_image_dumpxml(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(GBytes) document = names != NULL ? berth_saved_xml(names[0], error) : NULL;
  if (document == NULL)
    return FALSE;
  cli_write(document);
  return TRUE;
}
