/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <stdio.h>

guint cli_move_flags(const CliMove *move) {
  return (move->running ? BERTH_MOVE_RUNNING : 0) | (move->paused ? BERTH_MOVE_PAUSED : 0) |
         (move->bypass_cache ? BERTH_MOVE_BYPASS_CACHE : 0);
}

void cli_move_progress(guint percent, gpointer data) {
  fprintf(stderr, "\r%s: [%3u %%]%s", (const char *)data, percent, percent == 100 ? "\n" : "");
}
